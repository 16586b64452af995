"""Runs a command, and starts it again when it ends by itself: `python -m embedded.keep_running PROGRAM [ARGUMENT ...]`.

Airflow's components end when their database is away for a moment, and count on somebody who starts them again: systemd
or Kubernetes on a server, this on a laptop. It gives up when the command ends again and again.
"""

import random
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from types import FrameType

MOST_STARTS = 10
WITHIN_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 10.0


class Keeper:
    """One command and the process that runs it now."""

    def __init__(self, command: list[str]) -> None:
        """Nothing runs until `run`."""
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """Pass a signal on; what ends from it is not started again."""
        self._stop.set()
        if self._child:
            self._child.send_signal(number)

    def run(self) -> int:
        """Run the command until somebody stops it, or until it has ended too often; return its last exit code."""
        starts: deque[float] = deque(maxlen=MOST_STARTS)
        while True:
            starts.append(time.monotonic())
            self._child = subprocess.Popen(self._command)
            code = self._child.wait()
            if self._stop.is_set():
                return code
            if len(starts) == MOST_STARTS and starts[-1] - starts[0] < WITHIN_SECONDS:
                self._say(f"ended {MOST_STARTS} times within {WITHIN_SECONDS:.0f} s, and is left alone now")
                return code or 1
            pause = random.uniform(0.5, min(LONGEST_PAUSE_SECONDS, 2.0 ** len(starts)))
            self._say(f"ended with exit code {code}, and is started again in {pause:.1f} s")
            if self._stop.wait(pause):
                return code

    def _say(self, what: str) -> None:
        sys.stderr.write(f"keep_running: {' '.join(self._command[-2:])} {what}\n")
        sys.stderr.flush()


def main() -> int:
    """Keep the command of the command line running."""
    keeper = Keeper(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, keeper.stop)
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
