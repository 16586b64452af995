"""The ports of one platform, remembered from start to start."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from embedded.ports import choose
from embedded.s3 import TWIN


@dataclass(frozen=True)
class Ports:
    """The preferred port of each service; `s3_...` are SeaweedFS's inner ones."""

    airflow: int = 28080
    postgres: int = 25432
    gateway: int = 25439
    gateway_metrics: int = 29439
    s3: int = 28333
    s3_master: int = 28334
    s3_volume: int = 28335
    s3_filer: int = 28336
    s3_admin: int = 28337
    moto: int = 25000
    flights_api: int = 28000
    spark: int = 25002
    metrics: int = 29108
    prometheus: int = 29090

    @classmethod
    def load(cls, path: Path) -> "Ports":
        """Return the remembered ports, or the preferred ones."""
        known = json.loads(path.read_text()) if path.exists() else {}
        return cls(**{key: int(value) for key, value in known.items() if key in cls.__dataclass_fields__})

    def save(self, path: Path) -> None:
        """Remember the ports."""
        path.write_text(json.dumps(asdict(self), indent=1))


def settle(wanted: Ports, in_use: Collection[str]) -> tuple[Ports, list[str]]:
    """Return ports that can be had, and a sentence for each that differs from the wanted one.

    `in_use` names the fields whose port one of our own running services holds: those stay. Raises OSError.
    """
    taken = {getattr(wanted, name) for name in in_use}
    taken |= {port + TWIN for name, port in asdict(wanted).items() if name in in_use and name.startswith("s3")}
    settled, notes = {}, []
    for name in (field.name for field in fields(Ports)):
        port: int = getattr(wanted, name)
        if name not in in_use:
            settled[name] = choose(port, taken, twin=TWIN if name.startswith("s3") else 0)
            if settled[name] != port:
                notes.append(f"port {port} is taken by another program: {name} listens on {settled[name]}")
        else:
            settled[name] = port
    return Ports(**settled), notes
