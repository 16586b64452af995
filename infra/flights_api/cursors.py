"""Opaque cursors: where the next page starts, signed so that nobody invents one."""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass

from pydantic import SecretStr

from flights_api.problems import problem

SIGNATURE_BYTES = 12


@dataclass(frozen=True)
class Cursor:
    """The page that follows the record of key `after` in the listing `scope`."""

    scope: str
    limit: int
    page: int
    after: str


class CursorSigner:
    """Writes and reads cursors. They outlive a restart of the server, since the key comes from its token."""

    def __init__(self, secret: SecretStr) -> None:
        """Derive the signing key; the token itself is in no cursor."""
        self._key = hashlib.blake2b(secret.get_secret_value().encode(), person=b"flights-cursor").digest()

    def write(self, cursor: Cursor) -> str:
        """The cursor as it stands in a URL."""
        payload = json.dumps(asdict(cursor), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(payload) + payload).decode().rstrip("=")

    def read(self, text: str, scope: str) -> Cursor:
        """The cursor, if this server wrote it for this listing. Raises a 422 problem."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise _bad_cursor("it is not complete") from None
        payload = raw[SIGNATURE_BYTES:]
        if raw[:SIGNATURE_BYTES] != self._sign(payload):
            raise _bad_cursor("this server did not issue it")
        cursor = Cursor(**json.loads(payload))
        if cursor.scope != scope:
            raise _bad_cursor(f"it belongs to {cursor.scope}, not to {scope}")
        return cursor

    def _sign(self, payload: bytes) -> bytes:
        return hashlib.blake2b(payload, key=self._key, digest_size=SIGNATURE_BYTES).digest()


def _bad_cursor(reason: str) -> Exception:
    return problem(422, f"cursor: {reason}. Take it unchanged from the Link header, or start without one.")
