"""CSV files: PostgreSQL parses them; decompression, headers and the rules for empty fields are done here."""

from collections.abc import Iterator

from redshift_gateway.columns import Column
from redshift_gateway.copy_statement import CopyStatement, Format
from redshift_gateway.lexer import quote_name
from redshift_gateway.source import BLOCK, Block, Source


def blocks(source: Source) -> Iterator[Block]:
    """The file as it is, without its header, ending in a newline: PostgreSQL parses it."""
    header, newline, ended = source.statement.ignore_header, b"", True
    with source.open_stream() as stream:
        while block := stream.read(BLOCK):
            newline = newline or _newline(block)
            while header and block:
                _, found, block = block.partition(b"\n")
                header -= bool(found)
            if block:
                ended = block.endswith(b"\n")
                yield block
    if not ended:
        yield newline or b"\n"


def _newline(block: bytes) -> bytes:
    """How the file ends its lines, as far as the block shows: PostgreSQL insists on one way throughout."""
    line, newline, _ = block.partition(b"\n")
    return b"\r\n" if newline and line.endswith(b"\r") else newline


def copy_options(statement: CopyStatement, columns: list[Column]) -> str:
    """The options of the COPY FROM STDIN that reads these blocks.

    Redshift reads an empty field as an empty string where the column is text, as NULL elsewhere, quoted or not;
    PostgreSQL reads it as NULL if it is not quoted.
    """
    if statement.format is not Format.CSV:
        return "FORMAT csv"
    options = ["FORMAT csv", f"DELIMITER {_character(statement.delimiter)}", f"QUOTE {_character(statement.quote)}"]
    if statement.null_as is not None:
        # PostgreSQL knows one text for NULL: an empty number is then an error here, where Redshift reads NULL.
        every = ", ".join(quote_name(c.name) for c in columns)
        return ", ".join([*options, f"NULL {_literal(statement.null_as)}", f"FORCE_NULL ({every})"])
    texts = [quote_name(c.name) for c in columns if c.is_text]
    others = [quote_name(c.name) for c in columns if not c.is_text]
    if texts:
        options.append(f"{'FORCE_NULL' if statement.empty_as_null else 'FORCE_NOT_NULL'} ({', '.join(texts)})")
    if others and not (statement.empty_as_null and texts):
        options.append(f"FORCE_NULL ({', '.join(others)})")
    elif others:
        options[-1] = f"FORCE_NULL ({', '.join(texts + others)})"
    return ", ".join(options)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _character(value: str) -> str:
    return {"'": "''''", "\\": "E'\\\\'"}.get(value, f"'{value}'")
