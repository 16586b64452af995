"""fakesnow in place of Snowflake: Snowflake's own client speaks to it over HTTP, and DuckDB does the work."""

import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import httpx

from embedded.engine import Engine, Progress
from embedded.ports import LOOPBACK
from embedded.service import NotReady, Service
from embedded.tool_venv import ToolVenv


@dataclass(frozen=True)
class FakeSnow(Service):
    """Keeps its databases in memory: they are gone when it stops."""

    port: int
    venv: ToolVenv

    name = "snowflake"
    stop_signal = signal.SIGINT

    def address(self) -> str:
        """Return the server's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """Return the server's command line."""
        return [str(self.venv.program("fakesnow")), "--server", "--port", str(self.port), "--host", LOOPBACK]

    def environment(self) -> dict[str, str]:
        """Keep what clients put on stages in the service's own folder."""
        return {"TMPDIR": str(self.directory / "tmp")}

    def prepare(self) -> None:
        """Empty that folder: what was staged is of no use to a server that has forgotten its tables."""
        shutil.rmtree(self.directory / "tmp", ignore_errors=True)
        (self.directory / "tmp").mkdir()

    def check(self) -> None:
        """Abort a query that nobody runs: the one request that it answers without a session."""
        try:
            httpx.post(f"{self.address()}/queries/v1/abort-request", timeout=5.0, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise NotReady(f"{self.address()}: {error}") from None


class Snowflake(Engine):
    """A stand-in: Snowflake itself runs nowhere but in its cloud."""

    name = "snowflake"
    what = "fakesnow, a stand-in for Snowflake on DuckDB, with Snowflake's Python connector"
    ports: ClassVar[Mapping[str, int]] = {"http": 29444}

    def fetched(self) -> bool:
        """Look for the venv."""
        return self._venv().made()

    def fetch(self, progress: Progress) -> None:
        """Make the venv, which has the server and the client."""
        self._venv().make(progress)

    def service(self, ports: Mapping[str, int]) -> FakeSnow:
        """Return the server."""
        return FakeSnow(self.home, ports["http"], self._venv())

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Tell where the server is, and where the venv that has the client."""
        return {"host": LOOPBACK, "port": str(ports["http"]), "venv": str(self._venv().folder)}

    def _venv(self) -> ToolVenv:
        return ToolVenv("snowflake", self.cache)


ENGINE = Snowflake
