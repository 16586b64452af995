"""``python -m living_answers.metrics --port 29108``: serve the metrics until told to stop."""

import argparse
import signal
import sys
from types import FrameType

from living_answers.metrics.server import serve


def main() -> None:
    """Parse the arguments and serve; SIGTERM ends the process with code 0."""
    parser = argparse.ArgumentParser(prog="living_answers.metrics", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (loopback by default)")
    parser.add_argument("--port", type=int, default=29108)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    try:
        serve(arguments.host, arguments.port)
    except KeyboardInterrupt:
        sys.exit(0)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
