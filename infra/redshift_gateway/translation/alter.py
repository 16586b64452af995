"""The forms of ALTER TABLE that only Redshift has.

https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html
"""

from redshift_gateway.errors import not_supported
from redshift_gateway.statements.lexer import Token, quote_literal, quote_name, significant
from redshift_gateway.statements.reader import Reader
from redshift_gateway.translation.attributes import Attributes, altering

WORDS = frozenset({"append"})
_KEYS = ("distkey", "diststyle", "sortkey", "compound", "interleaved", "encode")


def translate(tokens: list[Token]) -> str:
    """The statement for PostgreSQL; nothing if it is a form that PostgreSQL knows. Raises GatewayError."""
    reader = Reader(significant(tokens)[2:], "ALTER TABLE")
    table = _sql_name(reader.name())
    if reader.take("append"):
        return _append(table, reader)
    if reader.take("row"):
        raise not_supported("ALTER TABLE ... ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY is PostgreSQL's.")
    words = [t.word for t in significant(tokens)]
    if not reader.take("alter") or not _is_known([*words[words.index("alter", 2) + 1 :], "", "", ""]):
        return ""
    attributes = Attributes()
    _read(reader, attributes)
    while reader.take(","):
        reader.expect("alter")
        _read(reader, attributes)
    return altering(table, attributes)


def _is_known(words: list[str]) -> bool:
    """Whether what follows ALTER is Redshift's: a key of the table, or the encoding of a column."""
    if words[0] == "autorefresh":
        raise not_supported("ALTER TABLE ... ALTER AUTOREFRESH", "REFRESH MATERIALIZED VIEW does it when you want it.")
    return words[0] in _KEYS or words[2 if words[0] == "column" else 1] == "encode"


def _read(reader: Reader, attributes: Attributes) -> None:
    """Reads what follows one ALTER."""
    if word := reader.take(*_KEYS):
        _read_key(word, reader, attributes)
        return
    reader.take("column")
    (name,) = reader.name()
    reader.expect("encode")
    attributes.encodings[name] = reader.next().text.lower()


def _read_key(word: str, reader: Reader, attributes: Attributes) -> None:
    if word in ("compound", "interleaved"):
        attributes.sortstyle = word
        word = reader.next().word
    if word == "diststyle":
        attributes.diststyle = reader.next().word
        word = reader.take("distkey")
    if word == "distkey":
        attributes.diststyle, (attributes.distkey,) = "key", reader.name()
    elif word == "encode":
        reader.expect("auto")
        attributes.encode_auto = True
    elif word == "sortkey":
        if automatic := reader.take("auto", "none"):
            attributes.sortstyle = automatic
        else:
            reader.expect("(")
            attributes.sortkey = list(reader.names())


def _append(target: str, reader: Reader) -> str:
    reader.expect("from")
    source = _sql_name(reader.name())
    extra = reader.take("ignoreextra", "filltarget")
    return f"call redshift_gateway.append({quote_literal(target)}, {quote_literal(source)}, {quote_literal(extra)})"


def _sql_name(parts: tuple[str, ...]) -> str:
    return ".".join(map(quote_name, parts))
