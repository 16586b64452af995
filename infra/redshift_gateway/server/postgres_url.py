"""The option `--postgres`: where PostgreSQL is, and whether what goes there is encrypted, in libpq's words.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

SYSTEM: Final = "system"  # as sslrootcert: the authorities that the operating system trusts
_PORT: Final = 5432


class SslMode(StrEnum):
    """How much encryption there must be, as in libpq; its `allow` is left out, for the server would choose it."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True)
class PostgresTls:
    """Whether the gateway's own way to PostgreSQL is encrypted, and whose certificates it trusts there."""

    mode: SslMode = SslMode.PREFER
    root_certificate: str = ""  # a file (PEM), or SYSTEM

    @property
    def verifies(self) -> bool:
        """Whether PostgreSQL's certificate must be trusted. As in libpq, `require` with a root certificate does too."""
        return self.mode in (SslMode.VERIFY_CA, SslMode.VERIFY_FULL) or bool(self.root_certificate)


def parse(url: str) -> tuple[str, int, PostgresTls]:
    """Host, port and encryption. Raises ValueError with a remedy; the URL is not quoted, for it may hold a password."""
    address = urlsplit(url)
    if address.scheme not in ("postgresql", "postgres"):
        raise ValueError("it must begin with postgresql://, as in postgresql://127.0.0.1:5432")
    if "@" in address.netloc:
        raise ValueError("take the user and the password out: each client logs in with its own")
    host = address.hostname or "127.0.0.1"
    if "%" in host or "," in address.netloc:
        raise ValueError("it must name one host: neither a socket's folder nor a list of hosts is supported")
    return host, _port(address), _tls(dict(parse_qsl(address.query, keep_blank_values=True)))


def _port(address: SplitResult) -> int:
    try:
        return address.port or _PORT
    except ValueError:
        raise ValueError("the port must be a number up to 65535") from None


def _tls(parameters: dict[str, str]) -> PostgresTls:
    root = parameters.pop("sslrootcert", "")
    default = SslMode.VERIFY_FULL if root == SYSTEM else SslMode.PREFER
    wanted = parameters.pop("sslmode", default)
    if parameters:
        raise ValueError(
            f"{', '.join(sorted(parameters))}: not supported; the parameters are sslmode and sslrootcert, "
            "a client's own belong into what the client sends"
        )
    if wanted not in set(SslMode):
        raise ValueError(f"sslmode must be one of {', '.join(SslMode)}")
    _check(mode := SslMode(wanted), root)
    return PostgresTls(mode, root)


def _check(mode: SslMode, root: str) -> None:
    if mode in (SslMode.VERIFY_CA, SslMode.VERIFY_FULL) and not root:
        raise ValueError(f"sslmode={mode} needs sslrootcert=FILE, or sslrootcert={SYSTEM} for the system's authorities")
    if root and mode in (SslMode.DISABLE, SslMode.PREFER):
        raise ValueError(f"sslmode={mode} goes on without encryption, so sslrootcert protects nothing: use verify-full")
    if root == SYSTEM and mode is not SslMode.VERIFY_FULL:
        raise ValueError(f"sslrootcert={SYSTEM} needs sslmode=verify-full: anybody has a certificate of theirs")
