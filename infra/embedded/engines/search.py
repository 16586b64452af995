"""osmem in place of OpenSearch: the same REST API for indexing and searching, in memory, in one small process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from embedded.engine import Engine, Progress
from embedded.http_check import get_json
from embedded.ports import LOOPBACK
from embedded.service import Service
from embedded.tool_venv import ToolVenv


@dataclass(frozen=True)
class Osmem(Service):
    """Keeps its indices in memory: they are gone when it stops."""

    port: int
    venv: ToolVenv

    name = "search"

    def address(self) -> str:
        """Return the server's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """Return the server's command line; the program is a file of the package, not one of the venv's own."""
        program = next(self.venv.folder.glob("lib/python*/site-packages/osmem_server/bin/osmem-server"))
        return [str(program), "-addr", f"{LOOPBACK}:{self.port}", "-no-stdin-watch", "-no-ja"]

    def check(self) -> None:
        """Ask for its name and version."""
        get_json(self.address())


class Search(Engine):
    """A stand-in: OpenSearch and Elasticsearch themselves need a JVM with gigabytes."""

    name = "search"
    what = "osmem, a stand-in for OpenSearch and Elasticsearch, in memory"
    ports: ClassVar[Mapping[str, int]] = {"http": 29200}

    def fetched(self) -> bool:
        """Look for the venv."""
        return self._venv().made()

    def fetch(self, progress: Progress) -> None:
        """Make the venv that carries the server."""
        self._venv().make(progress)

    def service(self, ports: Mapping[str, int]) -> Osmem:
        """Return the server."""
        return Osmem(self.home, ports["http"], self._venv())

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Tell where the server is."""
        return {"url": f"http://{LOOPBACK}:{ports['http']}"}

    def _venv(self) -> ToolVenv:
        return ToolVenv("search", self.cache)


ENGINE = Search
