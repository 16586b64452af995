"""The COPY TO STDOUT that PostgreSQL runs in place of an UNLOAD.

PostgreSQL makes the lines of text files itself, in its own fast code: each row comes as one text that ends in a
newline. For Parquet it gives the columns. With PARTITION BY, the partition's values come first, as JSON, and rows come
sorted by them, so that only one file is open at a time.
"""

import json

from redshift_gateway.statements.copy import Format
from redshift_gateway.statements.lexer import quote_literal
from redshift_gateway.statements.unload import UnloadStatement
from redshift_gateway.unload.columns import FREE_SCALE, NUMBERS, SUPER, Oid, OutputColumn

_ESCAPED = "\n\r\\"
# ESCAPE is for CHAR, VARCHAR and SUPER, and for types that Redshift lacks.
_UNESCAPED = NUMBERS | {Oid.BOOL, Oid.BYTEA, Oid.DATE, Oid.TIME, Oid.TIMESTAMP, Oid.TIMESTAMPTZ}


def copy_sql(statement: UnloadStatement, columns: list[OutputColumn]) -> str:
    """The statement for PostgreSQL. Its rows are CSV, in UTF-8 whatever the client's encoding."""
    aliases = ", ".join(f"c{i}" for i in range(len(columns)))
    source = f"({statement.query}\n) u({aliases})"
    if statement.format is Format.PARQUET:
        wanted = ", ".join(f"{_parquet(c, f'c{i}')} as v{i}" for i, c in kept(statement, columns))
    else:
        wanted = f"{_line(statement, columns)} as v"
    if statement.partition_by:
        wanted = _sorted(wanted, source, _partition(statement, columns))
    else:
        wanted = f"select {wanted} from {source}"  # noqa: S608 - the client's own query, run with the client's rights
    return f"COPY ({wanted}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"


def kept(statement: UnloadStatement, columns: list[OutputColumn]) -> list[tuple[int, OutputColumn]]:
    """The columns that the files have, with their places in the query."""
    left_out = () if statement.include else statement.partition_by
    return [(i, c) for i, c in enumerate(columns) if c.name not in left_out]


def header(statement: UnloadStatement, columns: list[OutputColumn]) -> str:
    """The first line of each file: the column names, written as the values are."""
    return statement.separator.join(_header_field(statement, c.name) for _, c in kept(statement, columns)) + "\n"


def _sorted(wanted: str, source: str, partition: str) -> str:
    """The rows of one partition after those of another, in the query's order within each."""
    inner = f"select {partition} as p, pg_catalog.row_number() over () as n, u.* from {source}"  # noqa: S608
    return f'select p, {wanted} from ({inner}) w order by p collate "C", n'  # noqa: S608


def _partition(statement: UnloadStatement, columns: list[OutputColumn]) -> str:
    places = {c.name: i for i, c in enumerate(columns)}
    values = ", ".join(f"c{places[name]}::text" for name in statement.partition_by)
    return f"pg_catalog.json_build_array({values})::text"


def _parquet(column: OutputColumn, name: str) -> str:
    """A value as Arrow parses it, whatever the session's DateStyle: days or microseconds since 1970."""
    if column.oid == Oid.DATE:
        return f"({name} - date '1970-01-01')"
    if column.oid in (Oid.TIMESTAMP, Oid.TIMESTAMPTZ, Oid.TIME):
        return f"(extract(epoch from {name}) * 1000000)::int8"
    if column.oid == Oid.NUMERIC and column.modifier < 4:
        return f"pg_catalog.round({name}, {FREE_SCALE})"
    return name


def _line(statement: UnloadStatement, columns: list[OutputColumn]) -> str:
    fields = [(f"c{i}", c) for i, c in kept(statement, columns)]
    if statement.format is Format.JSON:
        pairs = [f"{quote_literal(json.dumps(c.name, ensure_ascii=False) + ':')} || {_json(c, n)}" for n, c in fields]
        body = " || ',' || ".join(pairs)
        return f"'{{' || {body} || E'}}\\n'"
    write = _csv if statement.format is Format.CSV else _delimited
    separator = quote_literal(statement.separator)
    return f" || {separator} || ".join(write(statement, c, n) for n, c in fields) + " || E'\\n'"


def _text(column: OutputColumn, name: str) -> str:
    """A value as Redshift's text files have it."""
    if column.oid == Oid.BOOL:
        return f"pg_catalog.left({name}::text, 1)"
    return f"pg_catalog.encode({name}, 'hex')" if column.oid == Oid.BYTEA else f"{name}::text"


def _json(column: OutputColumn, name: str) -> str:
    if column.oid in SUPER:
        value = f"{name}::jsonb::text"
    elif column.oid in NUMBERS:
        value = f"pg_catalog.to_json({name})::text"
    else:
        value = f"pg_catalog.to_json({_text(column, name)})::text"
    return f"coalesce({value}, 'null')"


def _csv(statement: UnloadStatement, column: OutputColumn, name: str) -> str:
    value, null = _text(column, name), _null(statement, column)
    quoted = f"'\"' || pg_catalog.replace({value}, '\"', '\"\"') || '\"'"
    special = quote_literal(_class('"\n\r' + statement.separator))
    quoted = f"case when {value} ~ {special} or {value} = {null} then {quoted} else {value} end"
    return f"coalesce({quoted}, {null})"


def _null(statement: UnloadStatement, column: OutputColumn) -> str:
    """What stands for NULL: that of a SUPER is JSON's, whatever NULL AS says."""
    return "'null'" if column.oid in SUPER else quote_literal(statement.null_as)


def _delimited(statement: UnloadStatement, column: OutputColumn, name: str) -> str:
    value = _text(column, name)
    if statement.escape and column.oid not in _UNESCAPED:
        pattern = quote_literal(f"({_class(_special(statement))})")
        value = f"pg_catalog.regexp_replace({value}, {pattern}, E'\\\\\\\\\\\\1', 'g')"
    value = f"coalesce({value}, {_null(statement, column)})"
    return f"'\"' || {value} || '\"'" if statement.add_quotes else value


def _special(statement: UnloadStatement) -> str:
    return _ESCAPED + statement.separator + ("\"'" if statement.add_quotes else "")


def _class(characters: str) -> str:
    """A bracket expression of PostgreSQL's regular expressions."""
    return "[" + "".join(c if c.isalnum() or c.isspace() else f"\\{c}" for c in characters) + "]"


def _header_field(statement: UnloadStatement, name: str) -> str:
    if statement.format is Format.CSV:
        special = any(c in name for c in '"\n\r' + statement.separator)
        return '"' + name.replace('"', '""') + '"' if special else name
    if statement.escape:
        name = "".join(f"\\{c}" if c in _special(statement) else c for c in name)
    return f'"{name}"' if statement.add_quotes else name
