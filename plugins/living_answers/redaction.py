"""Keeps secrets out of what is stored or shown: ledger rows, evidence, error texts."""

import json
import os
import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

MASK: Final = "***"
_SHORTEST_SECRET: Final = 6  # Shorter values ("pw", "1") would blank out innocent text.
_SECRET_NAME: Final = re.compile(r"(?i)(passw|secret|token|private|fernet|access_key|api_key)")
_PATTERNS: Final = (
    # userinfo of a URL, as in scheme://user:password@host
    (re.compile(r"(?<=://)([^\s:/@]+):[^\s@/]+@"), rf"\1:{MASK}@"),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]+"), rf"\1 {MASK}"),
    # Redshift's COPY: credentials 'aws_access_key_id=...;aws_secret_access_key=...'
    (re.compile(r"(?is)\b(credentials(?:\s+as)?)\s+'[^']*'"), rf"\1 '{MASK}'"),
    (re.compile(r"(?i)\b((?:aws_)?secret_access_key|session_token|password|token)(\s*[=:]\s*|\s+')[^\s;,'\"&]+"),
     rf"\1\2{MASK}"),
)  # fmt: skip


def redact(text: str) -> str:
    """Return the text with every known secret of this process, and what looks like one, masked."""
    for secret in _known_secrets(_secret_variables()):
        text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _secret_variables() -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith("AIRFLOW_CONN_") or (_SECRET_NAME.search(name) and "://" not in value)
    )


@lru_cache(maxsize=8)
def _known_secrets(variables: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    found: set[str] = set()
    for name, value in variables:
        found |= _connection_secrets(value) if name.startswith("AIRFLOW_CONN_") else {value}
    # The longest first, so that a secret that contains another one is masked whole.
    return tuple(sorted((s for s in found if len(s) >= _SHORTEST_SECRET), key=len, reverse=True))


def _connection_secrets(connection: str) -> set[str]:
    if connection.lstrip().startswith("{"):
        return _json_secrets(connection)
    password = urlsplit(connection).password
    return {password, unquote(password)} if password else set()


def _json_secrets(connection: str) -> set[str]:
    try:
        fields = json.loads(connection)
    except ValueError:
        return set()
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra or "{}")
    named = {value for key, value in extra.items() if _SECRET_NAME.search(key) and isinstance(value, str)}
    return named | ({fields["password"]} if fields.get("password") else set())
