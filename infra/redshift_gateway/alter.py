"""The forms of ALTER TABLE that only Redshift has.

https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html
"""

from redshift_gateway.attributes import Attributes, altering
from redshift_gateway.lexer import Token, quote_literal, quote_name, significant
from redshift_gateway.reader import Reader

WORDS = frozenset({"append"})
_KEYS = ("distkey", "diststyle", "sortkey", "compound", "interleaved", "encode")


def translate(tokens: list[Token]) -> str:
    """The statement for PostgreSQL; nothing if it is a form that PostgreSQL knows. Raises GatewayError."""
    reader = Reader(significant(tokens)[2:], "ALTER TABLE")
    table = _sql_name(reader.name())
    if reader.take("append"):
        return _append(table, reader)
    if not reader.take("alter"):
        return ""
    attributes = Attributes()
    column = _column(reader, tokens)
    if column:
        attributes.encodings[column] = reader.next().text.lower()
    elif word := reader.take(*_KEYS):
        _read(word, reader, attributes)
        while reader.take(","):
            reader.expect("alter")
            _read(reader.next().word, reader, attributes)
    return altering(table, attributes) if attributes else ""


def _column(reader: Reader, tokens: list[Token]) -> str:
    """The column of ALTER [COLUMN] name ENCODE encoding, which then is read up to the encoding."""
    words = [t.word for t in significant(tokens)]
    if "encode" not in words[:-1] or words[words.index("encode") - 1] == "alter":
        return ""
    reader.take("column")
    (name,) = reader.name()
    reader.expect("encode")
    return name


def _read(word: str, reader: Reader, attributes: Attributes) -> None:
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
