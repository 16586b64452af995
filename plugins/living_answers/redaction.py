"""Keeps secrets out of what is stored or shown: ledger rows, evidence, error texts."""

import json
import os
import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

MASK: Final = "***"
_SHORTEST_SECRET: Final = 6  # Shorter values ("pw", "1") would blank out innocent text.
_SECRET_NAME: Final = re.compile(r"(?i)(passw|secret|token|private|fernet|access_key|api_key)")
_SUSPICIOUS: Final = re.compile(r"(?i)://|bearer|credentials|access_key|token|password")
_PATTERNS: Final = (
    # userinfo of a URL, as in scheme://user:password@host
    (re.compile(r"(?<=://)([^\s:/@]+):[^\s@/]+@"), rf"\1:{MASK}@"),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]+"), rf"\1 {MASK}"),
    # Redshift's COPY: credentials 'aws_access_key_id=...;aws_secret_access_key=...'
    (re.compile(r"(?is)\b(credentials(?:\s+as)?)\s+'[^']*'"), rf"\1 '{MASK}'"),
    (re.compile(r"(?i)\b((?:aws_)?secret_access_key|session_token|password|token)(\s*[=:]\s*|\s+')[^\s;,'\"&]+"),
     rf"\1\2{MASK}"),
)  # fmt: skip


class Redactor:
    """Masks the secrets that this process's environment holds, and what looks like a secret.

    Reading the environment costs more than masking, so take one redactor for a whole document.
    """

    def __init__(self) -> None:
        self._secrets = _known_secrets(_secret_variables())

    def __call__(self, text: str) -> str:
        """Return the text with its secrets masked."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        if not _SUSPICIOUS.search(text):
            return text
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def redact(text: str) -> str:
    """Return the text with every known secret of this process, and what looks like one, masked."""
    return Redactor()(text)


def _secret_variables() -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith("AIRFLOW_CONN_") or "://" in value or _SECRET_NAME.search(name)
    )


@lru_cache(maxsize=8)
def _known_secrets(variables: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    found: set[str] = set()
    for name, value in variables:
        is_connection = name.startswith("AIRFLOW_CONN_") or "://" in value
        found |= _connection_secrets(value) if is_connection else {value}
    # The longest first, so that a secret that contains another one is masked whole.
    return tuple(sorted((s for s in found if len(s) >= _SHORTEST_SECRET), key=len, reverse=True))


def _connection_secrets(connection: str) -> set[str]:
    """Return the secrets of a connection in Airflow's URI or JSON form; none of one that cannot be read."""
    try:
        if connection.lstrip().startswith("{"):
            return _json_secrets(json.loads(connection))
        password = urlsplit(connection).password
    except ValueError:
        return set()
    return {password, unquote(password)} if password else set()


def _json_secrets(fields: dict[str, Any]) -> set[str]:
    secrets = {fields["password"]} if fields.get("password") else set()
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        try:
            extra = json.loads(extra)
        except ValueError:
            return secrets
    return secrets | {value for key, value in extra.items() if _SECRET_NAME.search(key) and isinstance(value, str)}
