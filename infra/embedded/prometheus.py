"""Prometheus, where the machine has it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from embedded.home import REPOSITORY
from embedded.http_check import get
from embedded.ports import LOOPBACK
from embedded.service import Service

CONFIGURATION = REPOSITORY / "infra" / "prometheus"
CACHE = REPOSITORY / ".venv" / "prometheus"
"""Where infra/install.sh unpacks Debian's package."""


def binary(name: str = "prometheus") -> Path | None:
    """Return the path of `prometheus` or `promtool`, from PATH or from the cache, or None."""
    cached = CACHE / "usr" / "bin" / name
    on_path = shutil.which(name)
    return Path(on_path) if on_path else cached if os.access(cached, os.X_OK) else None


@dataclass(frozen=True)
class Prometheus(Service):
    """Scrapes the metrics endpoint and evaluates the project's rules."""

    port: int
    metrics_port: int
    gateway_metrics_port: int
    program: Path

    name = "prometheus"
    needs = ("metrics",)

    def address(self) -> str:
        """Return the address of its UI and API."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """Return Prometheus's command line."""
        return [
            *(str(self.program), f"--config.file={self.directory / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={self.directory / 'data'}", f"--web.listen-address={LOOPBACK}:{self.port}"),
            *("--storage.tsdb.retention.time=15d", "--storage.tsdb.retention.size=1GB"),
        ]

    def environment(self) -> dict[str, str]:
        """Bound the Go heap."""
        return {"GOMEMLIMIT": "150MiB"}

    def prepare(self) -> None:
        """Copy the configuration with this platform's port in it."""
        shutil.copytree(CONFIGURATION, self.directory, dirs_exist_ok=True)
        (self.directory / "targets" / "alertmanager.yml").unlink(missing_ok=True)  # none runs here
        file = self.directory / "prometheus.yml"
        text = file.read_text().replace("metrics:29108", f"{LOOPBACK}:{self.metrics_port}")
        file.write_text(text.replace("gateway:29439", f"{LOOPBACK}:{self.gateway_metrics_port}"))

    def check(self) -> None:
        """Ask whether it is ready."""
        get(f"{self.address()}/-/ready")
