"""The rules of values.py for whole columns at once: Arrow finds the good, Python reads each other text once."""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from redshift_gateway.copy.values import Rule

_TEXT_OPTIONS: Final = ("blanksasnull", "trimblanks")
# What is surely good, so that no value needs a look. Ranges are kept by having one digit less.
_GOOD: Final = {
    "int2": r"^-?\d{1,4}$", "int4": r"^-?\d{1,9}$", "int8": r"^-?\d{1,18}$",
    "float4": r"^-?\d{1,15}(\.\d{1,15})?$", "float8": r"^-?\d{1,15}(\.\d{1,15})?$", "bool": "^(t|f|true|false|0|1)$",
}  # fmt: skip


# Dates and times as PostgreSQL and 'auto' read them; Arrow finds out whether there is such a day.
_ISO_TIME: Final = (r"^[1-9]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$", pa.timestamp("us"))
_ISO: Final = {
    "date": (r"^[1-9]\d{3}-\d\d-\d\d$", pa.date32()), "timestamp": _ISO_TIME, "timestamptz": _ISO_TIME,
}  # fmt: skip


def convert(rule: Rule, texts: Any) -> Any:
    """The column as it is loaded. Raises BadValueError for the first text that does not fit."""
    texts = _with_nulls(rule, texts)
    if texts.null_count and rule.statement.checked and rule.column.required:
        rule(None)  # raises
    return texts if _good(rule, texts) else _one_by_one(rule, texts)


def _with_nulls(rule: Rule, texts: Any) -> Any:
    """The texts that mean NULL made null, and blanks around numbers and dates taken off."""
    copy = rule.statement
    nothing = pc.equal(texts, copy.null_as)
    if not rule.column.is_text:
        texts = pc.utf8_trim_whitespace(texts)
        nothing = pc.or_(nothing, pc.or_(pc.equal(texts, ""), pc.equal(texts, copy.null_as)))
    elif copy.has("emptyasnull"):
        nothing = pc.or_(nothing, pc.equal(texts, ""))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), texts) if _any(nothing) else texts


def _good(rule: Rule, texts: Any) -> bool:
    """Whether the rule would give each text as it is."""
    column, copy = rule.column, rule.statement
    if len(texts) == texts.null_count:
        return True
    if column.is_text:
        return _good_text(rule, texts)
    if column.type in _ISO and (rule.reads_dates or copy.checked):
        return _iso(rule, texts)
    if column.type == "numeric" and column.modifier >= 0:
        return _all(pc.match_substring_regex(texts, _decimals(rule)))
    if not copy.checked:
        return True  # PostgreSQL finds what is wrong
    return column.type in _GOOD and _all(pc.match_substring_regex(texts, _GOOD[column.type]))


def _iso(rule: Rule, texts: Any) -> bool:
    copy, (shape, kind) = rule.statement, _ISO[rule.column.type]
    form = copy.date_format if rule.column.type == "date" else copy.time_format
    if form not in ("", "auto") or not _all(pc.match_substring_regex(texts, shape)):
        return False
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _good_text(rule: Rule, texts: Any) -> bool:
    column = rule.column
    if any(rule.statement.has(option) for option in _TEXT_OPTIONS):
        return False
    if column.type == "bpchar" and not _all(pc.string_is_ascii(texts)):
        return False
    return not column.length or pc.max(pc.binary_length(texts)).as_py() <= column.length


def _decimals(rule: Rule) -> str:
    """No more digits than the column has, before the point and after it."""
    whole = max(rule.column.precision - rule.column.scale, 1)
    return rf"^-?\d{{1,{whole}}}(\.\d{{0,{rule.column.scale}}})?$"


def _one_by_one(rule: Rule, texts: Any) -> Any:
    """Each text that occurs through the rule, once."""
    encoded = texts.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    loaded = pa.array([rule(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return loaded.take(encoded.indices)


def all_empty(texts: Any) -> bool:
    """Whether each text is empty."""
    return _all(pc.equal(texts, ""))


def _any(truths: Any) -> bool:
    return bool(pc.any(truths, min_count=0).as_py())


def _all(truths: Any) -> bool:
    return bool(pc.all(truths, min_count=0).as_py())
