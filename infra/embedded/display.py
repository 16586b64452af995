"""Showing the start of the platform: live on a terminal, one line a change elsewhere."""

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

_STYLES = {"waiting": "dim", "starting": "yellow", "started": "green", "running": "green", "failed": "bold red"}


class Display:
    """A table of steps and their states; give `report` to `platform.up` or `down`."""

    def __init__(self, console: Console) -> None:
        """Show on the given console."""
        self._console = console
        self._states: dict[str, tuple[str, float]] = {}
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4)

    def __enter__(self) -> "Display":
        """Begin to show."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the last state on the screen."""
        if self._console.is_terminal:
            self._live.stop()

    def report(self, name: str, state: str, seconds: float) -> None:
        """Take note of a step's new state; called from several threads."""
        with self._lock:
            self._states[name] = (state, seconds)
            self._began[name] = time.monotonic()
        if not self._console.is_terminal:
            self.report_line(name, state, seconds)

    def report_line(self, name: str, state: str, seconds: float) -> None:
        """Print a line when a step has ended."""
        if state not in ("waiting", "starting"):
            self._console.print(f"{name:<22} {state} {seconds:6.1f} s", highlight=False)

    def note(self, sentence: str) -> None:
        """Print a sentence above the table."""
        self._console.print(sentence)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        with self._lock:
            for name, (state, seconds) in self._states.items():
                shown = time.monotonic() - self._began[name] if state == "starting" else seconds
                style = _STYLES.get(state, "")
                table.add_row(name, f"[{style}]{state}[/]" if style else state, f"{shown:.1f} s" if shown else "")
        return table
