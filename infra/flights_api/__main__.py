"""`python -m flights_api --port 28000`: serve the API on loopback."""

import argparse
import sys

import pyarrow as pa
import uvicorn
from pydantic import ValidationError

from flights_api.app import create_app
from flights_api.settings import Settings
from flights_api.transport import SocketInReach


def main() -> None:
    """Read settings and arguments, then serve until told to stop."""
    parser = argparse.ArgumentParser(prog="flights_api", description="Serves the flights of 2013 over HTTP.")
    parser.add_argument("--port", type=int, default=28000)
    parser.add_argument("--host", default="127.0.0.1", help="in a container: 0.0.0.0")
    arguments = parser.parse_args()
    # The system's allocator gives back what loading took for a moment; Arrow's own kept 55 MB of it.
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        app = create_app(Settings())  # type: ignore[call-arg]  # the environment gives the tokens
    except ValidationError as error:
        # include_input=False: a refused setting may be a token.
        named = "; ".join(
            f"FLIGHTS_API_{e['loc'][0]}".upper() + f": {e['msg']}" for e in error.errors(include_input=False)
        )
        sys.exit(f"flights_api: {named}")
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        http=SocketInReach,
        log_level="info",
        server_header=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
