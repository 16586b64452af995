"""Write the secrets of docker-compose.yml into `.env`: random ones, for this machine alone, readable by you alone.

    python3 infra/docker/make_env.py

An existing file is kept: its passwords are in the databases already. New variables are added to it.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path


def token() -> str:
    """Return 24 random bytes as hexadecimal digits, which no URL, shell or YAML file has to quote."""
    return secrets.token_hex(24)


def access_key_id() -> str:
    """Return a key id in AWS's form: AKIA and sixteen of A-Z and 2-7."""
    return "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()


def fernet_key() -> str:
    """Return a key as Airflow encrypts its connections with: 32 bytes in URL-safe base 64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def passwords() -> str:
    """Return the passwords of Airflow's two users as its simple auth manager reads them."""
    return json.dumps({"admin": token(), "viewer": token()}, separators=(",", ":"))


VARIABLES: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": token,
    "AIRFLOW_DB_PASSWORD": token,
    "WAREHOUSE_PASSWORD": token,
    "VALKEY_PASSWORD": token,
    "LAKE_ACCESS_KEY_ID": access_key_id,
    "LAKE_SECRET_ACCESS_KEY": token,
    "FLIGHTS_API_TOKEN": token,
    "FLIGHTS_API_ADMIN_TOKEN": token,
    "SPARK_SECRET": token,
    "AIRFLOW_FERNET_KEY": fernet_key,
    "AIRFLOW_API_SECRET": token,
    "AIRFLOW_JWT_SECRET": token,
    "AIRFLOW_PASSWORDS": passwords,
    "GRAFANA_PASSWORD": token,
}


def missing(text: str) -> list[str]:
    """Return lines for the variables that the text of a `.env` file does not set."""
    present = {line.partition("=")[0].strip() for line in text.splitlines()}
    # Single quotes: Compose takes what stands between them as it is.
    return [f"{name}='{make()}'" for name, make in VARIABLES.items() if name not in present]


def write(path: Path) -> int:
    """Add the missing variables to the file; return how many there were."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        path.chmod(0o600)
        text = file.read()
        lines = missing(text)
        if text and not text.endswith("\n"):
            file.write("\n")
        file.writelines(f"{line}\n" for line in lines)
    return len(lines)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / ".env"
    sys.stdout.write(f"{target}: {write(target)} of {len(VARIABLES)} secrets written, the others kept\n")
