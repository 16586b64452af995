"""# How do you write a whole ETL run as one Python script?

**Say it.** Fetch with a timeout and check the status. Check the shape and the types of what came before computing with it. Write
to a temporary file and rename it over the old one. Log what happened, and fail with a non-zero exit code. A script of ten
lines without these reports success on an error page.

**How it works.** The usual sample fetches with `requests.get(url)`, multiplies a column by two with pandas, writes a CSV file and
prints that it is done. `as_printed` is that script in our words. It has four holes, and each is one missing argument or line:

| the sample | what happens | the hardened script |
| --- | --- | --- |
| no `timeout` | requests waits for ever by default | `httpx.Client(timeout=...)`; httpx has 5 s even unasked |
| no look at the status | a 500 whose body is JSON is stored as data | `raise_for_status()` |
| no look at the type | JSON strings are *repeated*: `"12" * 2` is `"1212"` | `pd.to_numeric(..., errors="raise")` |
| writes in place | a full disk leaves half a file under the good name | temporary file, `fsync`, `os.replace` |

`os.replace` is atomic on POSIX: a reader sees the old file or the new one, never a mixture. The log is what is left when the run
is over, so the hardened script logs the counts and lets the exception end it: an uncaught exception is exit code 1, which is all
that cron, Airflow or a shell needs. It does not catch what it cannot mend.

**This run proves**
- *the sample runs once both placeholders are replaced*: first with a proxy that refuses everybody as its only network, then against
  a local server, and last with the column named as well;
- *the sample accepts what it should refuse*: a silent server, an error body, text for numbers: waits, stores, stores;
- *the sample repeats text*: JSON strings come out as `"77"`, not as 14;
- *the hardened script meets each fault*: it gives up, refuses, and converts text that is a number;
- *numbers are doubled*;
- *a write that fails leaves the last good file*: the operating system refuses bytes beyond a limit, as a full disk does;
- *a rerun leaves an identical file*, byte for byte.

**Break it.** `as_printed`: the sample stands in for the hardened script.

**Where this stops.** httpx's timeout bounds each wait, not the whole request: a server that sends a byte a second keeps the script
for ever, and a deadline for the whole belongs outside (Airflow's `execution_timeout`). One page in memory is no plan for a big
source: then stream or paginate. Retries are left to whoever starts the script: two layers of retries multiply.

**Sources.** Requests: [timeouts](https://requests.readthedocs.io/en/latest/user/advanced/#timeouts). HTTPX:
[timeouts](https://www.python-httpx.org/advanced/timeouts/), [raise_for_status](https://www.python-httpx.org/quickstart/#exceptions).
Python: [os.replace](https://docs.python.org/3/library/os.html#os.replace). pandas:
[to_numeric](https://pandas.pydata.org/docs/reference/api/pandas.to_numeric.html). Reserved names such as example.com:
[RFC 2606](https://www.rfc-editor.org/rfc/rfc2606).
"""

from __future__ import annotations

import logging
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import Pipe, get_context
from pathlib import Path
from threading import Event
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove
from living_answers.local_server import Reply, Request, serve

log = logging.getLogger(__name__)
NUMBERS = list(range(7, 500, 11))
REPLIES = {
    "/numbers": Reply.as_json([{"delay": number} for number in NUMBERS]),
    "/text": Reply.as_json([{"delay": str(number)} for number in NUMBERS]),
    "/error": Reply.as_json([{"delay": -1, "error": "the database is away"}], status=500),
}


def as_printed(url: str, column: str, out: Path, proxies: dict[str, str] | None = None) -> None:
    """The sample of the notes in our words, its two placeholders made parameters."""
    import pandas as pd
    import requests

    answered = requests.get(url, proxies=proxies)  # noqa: S113 - the hole that this answer is about
    frame = pd.DataFrame(answered.json())
    frame["doubled"] = frame[column] * 2
    frame.to_csv(out, index=False)
    print("Pipeline completed!")


def hardened(url: str, column: str, out: Path) -> None:
    import httpx
    import pandas as pd

    with httpx.Client(timeout=0.5) as client:
        answered = client.get(url).raise_for_status()
    frame = pd.DataFrame(answered.json())
    frame[column] = pd.to_numeric(frame[column], errors="raise")
    frame["doubled"] = frame[column] * 2
    write_whole(out, frame.to_csv(index=False))
    log.info("%s: read %d rows, wrote %d", url, len(answered.json()), len(frame))


def write_whole(out: Path, text: str) -> None:
    """Replace the file in one step, or leave the old one as it is."""
    part = out.with_name(out.name + ".part")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(out)


@contextmanager
def server() -> Iterator[str]:
    """A server of one's own; whoever asks for ``/silent`` is kept waiting until it closes."""
    closing = Event()

    def reply(request: Request) -> Reply | None:
        return None if request.path == "/silent" and closing.wait(60) else REPLIES[request.path]

    with serve(reply) as running:
        try:
            yield running.url
        finally:
            closing.set()


def outcome(seconds: float, script: Callable[..., None], *given: Any) -> str:
    """How the script ended: what it raised, ``completed``, or ``still waiting``."""
    try:
        ThreadPoolExecutor(1).submit(script, *given).result(seconds)
    except TimeoutError:
        return "still waiting"
    except Exception as error:  # noqa: BLE001 - whatever it is, its name is the outcome
        return type(error).__name__
    return "completed"


def outcome_with_little_room(room: int, script: Callable[..., None], *given: Any) -> str:
    """How the script ended in a process whose files may grow to so many bytes; the server, and the log, have room."""
    receiver, sender = Pipe(duplex=False)

    def run() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        sender.send(outcome(10, script, *given))

    child = get_context("fork").Process(target=run, daemon=True)
    child.start()
    child.join(30)
    return receiver.recv() if receiver.poll() else "still waiting"


def doubled(out: Path) -> list[str]:
    return [line.partition(",")[2] for line in out.read_text().splitlines()[1:]]


@answer(
    questions=["etl-simple-python-pipeline"],
    claims={
        "c-002-sample-runs-as-is": {
            "verdict": "wrong",
            "proof": "the sample runs once both placeholders are replaced",
            "truth": "example.com is a reserved name and the column a placeholder: it runs after both are replaced.",
        },
        "c-002-sample-reports-success": {
            "verdict": "wrong",
            "proof": "the sample accepts what it should refuse",
            "truth": "It reports completion also for an HTTP error with a JSON body, and waits for ever on silence.",
        },
        "c-002-sample-doubles-values": {
            "verdict": "imprecise",
            "proof": "the sample repeats text",
            "truth": "Numbers are doubled; JSON strings are repeated, '7' becomes '77', and nothing complains.",
        },
    },
    breaks={
        "as_printed": {
            "what": "the sample as it is printed stands in for the hardened script",
            "fails": ["the hardened script meets each fault", "a write that fails leaves the last good file"],
        },
    },
)
def simple_python_etl():
    @task
    def run_the_sample() -> None:
        with server() as url, tempfile.TemporaryDirectory() as folder:
            no_network = {"https": "http://127.0.0.1:1"}  # its only way out is a proxy where nobody listens
            out = Path(folder, "out.csv")
            ends = [
                outcome(5, as_printed, "https://api.example.com/data", "original_column", out, no_network),
                outcome(5, as_printed, f"{url}/numbers", "original_column", out),
                outcome(5, as_printed, f"{url}/numbers", "delay", out),
            ]
            due = ["ProxyError", "KeyError", "completed"]
            prove("the sample runs once both placeholders are replaced", observed=ends, expected=due)
            ends = [outcome(3, as_printed, url + path, "delay", out) for path in ("/silent", "/error", "/text")]
            due = ["still waiting", "completed", "completed"]
            prove("the sample accepts what it should refuse", observed=ends, expected=due)
            prove("the sample repeats text", observed=doubled(out), expected=[f"{n}{n}" for n in NUMBERS])

    @task
    def run_the_hardened(params: dict[str, Any] | None = None) -> None:
        script, twice = as_printed if params["break_it"] else hardened, [str(2 * number) for number in NUMBERS]
        with server() as url, tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "out.csv")
            script(f"{url}/numbers", "delay", out)
            first = out.read_text()
            prove("numbers are doubled", observed=doubled(out), expected=twice)
            script(f"{url}/numbers", "delay", out)
            prove("a rerun leaves an identical file", observed=out.read_text(), expected=first)
            script(f"{url}/text", "delay", out)
            met = {path: outcome(5, script, url + path, "delay", out) for path in ("/silent", "/error")}
            due = {"/silent": "ReadTimeout", "/error": "HTTPStatusError", "/text": twice}
            prove("the hardened script meets each fault", observed={**met, "/text": doubled(out)}, expected=due)

    @task
    def fill_the_disk(params: dict[str, Any] | None = None) -> None:
        with server() as url, tempfile.TemporaryDirectory() as folder:
            out, script = Path(folder, "out.csv"), as_printed if params["break_it"] else hardened
            script(f"{url}/numbers", "delay", out)
            good = out.read_text()
            ended = outcome_with_little_room(len(good) // 2, script, f"{url}/numbers", "delay", out)
            seen = [ended, out.read_text()]
            prove("a write that fails leaves the last good file", observed=seen, expected=["OSError", good])

    run_the_sample() >> run_the_hardened() >> fill_the_disk.override(trigger_rule="all_done")()
