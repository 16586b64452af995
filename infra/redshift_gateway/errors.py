"""What the gateway itself refuses or fails at, as a client sees it."""

from collections.abc import Mapping


class GatewayError(Exception):
    """An error that becomes a PostgreSQL ErrorResponse. No credential may stand in any of its texts."""

    def __init__(self, message: str, *, sqlstate: str = "XX000", detail: str = "", hint: str = "") -> None:
        """Say what went wrong; `sqlstate` is the five-character code that drivers branch on."""
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint


def not_supported(what: str, hint: str = "") -> GatewayError:
    """The answer to a feature of Redshift that the gateway does not carry: refused by name, never done differently."""
    return GatewayError(f"{what} is not supported by the Redshift gateway", sqlstate="0A000", hint=hint)


def of_postgres(fields: Mapping[str, str]) -> GatewayError:
    """An error of PostgreSQL's own, by the one-letter names of its fields."""
    wording, sqlstate = fields.get("M", "?"), fields.get("C", "XX000")
    return GatewayError(wording, sqlstate=sqlstate, detail=fields.get("D", ""), hint=fields.get("H", ""))


def syntax_error(message: str) -> GatewayError:
    """The answer to a statement of Redshift's own dialect that does not parse."""
    return GatewayError(message, sqlstate="42601")
