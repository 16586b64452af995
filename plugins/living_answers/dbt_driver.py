"""Runs in dbt's own venv: takes commands from standard input, a JSON list a line, and answers each by a line of JSON.

One process for several commands, since importing dbt and parsing the project cost more than a small build. dbt's own
output goes to standard error. It imports dbt alone: nothing of this project is installed there.
"""

import contextlib
import json
import sys
from typing import Any


def told(outcome: Any) -> dict[str, Any]:
    """Return what a command left: each node in the order in which it ended, with the engine's own message."""
    nodes = [
        {
            "name": run.node.name,
            "kind": str(run.node.resource_type),
            "status": str(run.status),
            "message": run.message,
            "rows": (run.adapter_response or {}).get("rows_affected"),
        }
        for run in getattr(outcome.result, "results", [])
    ]
    return {"success": outcome.success, "error": str(outcome.exception or ""), "nodes": nodes}


def main() -> None:
    """Answer until standard input ends."""
    from dbt.cli.main import dbtRunner  # type: ignore[import-not-found]  # there, not here

    runner = dbtRunner()
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            outcome = told(runner.invoke(json.loads(line)))
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
