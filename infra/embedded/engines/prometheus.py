"""Prometheus, Alertmanager, the push gateway and promtool: programs that DAGs start for themselves."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from embedded.addresses import Ports
from embedded.engine import Engine, EngineError, Progress
from embedded.ports import LOOPBACK
from embedded.prometheus import binary

PROGRAMS = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "alertmanager": "prometheus-alertmanager",
    "pushgateway": "prometheus-pushgateway",
}
"""Each program, and the package of Debian that has it."""
SECONDS = 120


class Prometheus(Engine):
    """Taken from PATH, else from Debian's packages, unpacked without root."""

    name = "prometheus"
    what = "Prometheus, Alertmanager, push gateway and promtool"

    def fetched(self) -> bool:
        """Look for all of the programs."""
        return all(self._program(name) for name in PROGRAMS)

    def fetch(self, progress: Progress) -> None:
        """Unpack the packages of what is missing. apt checks their signatures."""
        packages = sorted({package for name, package in PROGRAMS.items() if not self._program(name)})
        if not (which("apt-get") and which("dpkg")):
            raise EngineError(f"prometheus: put {', '.join(packages)} on PATH, as there is no apt-get to fetch them")
        with tempfile.TemporaryDirectory() as folder:
            for number, package in enumerate(packages):
                progress(package, number, len(packages))
                _run(["apt-get", "download", package], Path(folder))
            for file in Path(folder).glob("*.deb"):
                _run(["dpkg", "-x", str(file), str(self._folder())], Path(folder))
        if not self.fetched():
            raise EngineError(f"prometheus: the packages {', '.join(packages)} do not hold what their names promise")

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Tell the programs, Debian's shared files where they were unpacked, and the platform's own Prometheus."""
        own = Ports.load(self.home.root / "ports.json").prometheus
        programs = {name: str(self._program(name)) for name in PROGRAMS}
        unpacked = programs["alertmanager"].startswith(str(self._folder()))
        share = {"alertmanager_share": str(self._folder() / "usr" / "share")} if unpacked else {}
        return {**programs, **share, "url": f"http://{LOOPBACK}:{own}"}

    def _folder(self) -> Path:
        return self.cache / "prometheus"

    def _program(self, name: str) -> Path | None:
        """Debian's Alertmanager and push gateway have another name than their makers gave them."""
        if name in ("prometheus", "promtool") and (found := binary(name)):
            return found
        on_path = which(name) or which(f"prometheus-{name}")
        unpacked = [self._folder() / "usr" / "bin" / one for one in (name, f"prometheus-{name}")]
        return Path(on_path) if on_path else next((path for path in unpacked if path.exists()), None)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise EngineError(f"prometheus: {' '.join(command)} took more than {SECONDS} s") from None
    if done.returncode:
        raise EngineError(f"prometheus: {' '.join(command)} failed: {done.stderr.strip()[-300:]}")


ENGINE = Prometheus
