"""Generated passwords, keys and tokens of one platform, in a file that its owner alone can read."""

import base64
import json
import os
import secrets
import string
from dataclasses import asdict, dataclass, field
from pathlib import Path


def _token() -> str:
    return secrets.token_urlsafe(24)


def _access_key() -> str:
    """AWS's form of a user's access key id: AKIA and sixteen of A-Z, 2-7."""
    return "AKIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, repr=False)
class Credentials:
    """Every secret of the platform; the representation shows none of them."""

    postgres: str = field(default_factory=_token)
    airflow_database: str = field(default_factory=_token)
    warehouse: str = field(default_factory=_token)
    aws_access_key_id: str = field(default_factory=_access_key)
    aws_secret_access_key: str = field(default_factory=_token)
    flights_api: str = field(default_factory=_token)
    flights_api_admin: str = field(default_factory=_token)
    spark: str = field(default_factory=_token)
    airflow_admin: str = field(default_factory=_token)
    airflow_viewer: str = field(default_factory=_token)
    fernet_key: str = field(default_factory=_fernet_key)
    jwt_secret: str = field(default_factory=_token)
    api_secret_key: str = field(default_factory=_token)

    @classmethod
    def load(cls, path: Path) -> "Credentials":
        """Read the file; make it, or complete it with what a newer version needs. Raises OSError, ValueError."""
        known = json.loads(path.read_text()) if path.exists() else {}
        credentials = cls(**{key: value for key, value in known.items() if key in cls.__dataclass_fields__})
        if asdict(credentials) != known:
            write_private(path, json.dumps(asdict(credentials), indent=1))
        return credentials


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: no moment shows it half or open to others."""
    partial = path.with_name(path.name + ".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
