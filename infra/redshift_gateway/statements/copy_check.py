"""Which options of COPY go with which, as Redshift has it.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
"""

from typing import Final

from redshift_gateway.errors import GatewayError, syntax_error
from redshift_gateway.statements.copy import CopyStatement, Format
from redshift_gateway.statements.dates import pattern

# All that a columnar file may be loaded with, beside the clauses that every COPY has.
# https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
_COLUMNAR: Final = frozenset({
    "acceptinvchars", "explicit_ids", "fillrecord", "manifest", "region", "statupdate", "compupdate",
    "with", "format", "as",
})  # fmt: skip
_NOT_WITH: Final = {
    Format.CSV: {"escape", "removequotes"},
    Format.FIXEDWIDTH: {"delimiter", "escape", "removequotes"},
    Format.JSON: {"delimiter", "escape", "removequotes", "fillrecord", "ignoreblanklines", "null"},
    Format.AVRO: {"delimiter", "escape", "removequotes", "ignoreheader", "fillrecord", "encoding"},
}


def check(copy: CopyStatement) -> None:
    """Raises GatewayError for options that exclude each other, naming them."""
    _check_format(copy)
    if copy.has("quote") and copy.format is not Format.CSV:
        raise syntax_error("COPY: QUOTE goes with CSV only")
    if copy.has("ignoreallerrors") and copy.has("maxerror"):
        raise syntax_error("COPY: IGNOREALLERRORS and MAXERROR cannot be used together")
    if copy.has("fixedwidth") and copy.encoding != "utf8":
        raise syntax_error("COPY: fixed-width files must be UTF-8")
    if copy.columns and copy.widths and len(copy.columns) != len(copy.widths):
        raise syntax_error("COPY FIXEDWIDTH: there are not as many widths as columns")
    for text in (copy.date_format, copy.time_format):
        if text and text not in ("auto", "epochsecs", "epochmillisecs"):
            pattern(text)


def _check_format(copy: CopyStatement) -> None:
    if copy.format.columnar:
        if unknown := sorted(copy.options - _COLUMNAR):
            raise GatewayError(
                f"{unknown[0].upper()} argument is not supported for {copy.format.name} based COPY", sqlstate="0A000"
            )
        return
    if clash := sorted(copy.options & _NOT_WITH.get(copy.format, set())):
        option = "NULL AS" if clash[0] == "null" else clash[0].upper()
        raise syntax_error(f"COPY: {option} cannot be used with {copy.format.name}")
