"""# How do you make a pipeline that processes files robust against bad files and crashes?

**Say it.** Sort errors first: what may pass stays for the next run, such as a file that somebody is still writing; what will not
pass goes to quarantine with its reason. Publish each result by an atomic rename, move the input last, and make each step
repeatable. Then recovery after a crash is simply the next run.

**How it works.** Folders are the state: `inbox`, `done`, `quarantine`, `out`. For each file of the inbox: take an advisory lock without
waiting; read it with a bound on the *unpacked* size; write the result beside its destination, flush it to disk, rename it
over the destination; then move the input out of the inbox. A rename within one file system is atomic: a reader sees the old file or
the new one, never half of one. A crash between two steps leaves an input in the inbox whose result may be there already; the
next run writes the same result again. The report is made from the folders, not from memory, so it knows what earlier runs did.

**This run proves**
- *each good file is processed once*: results against sums computed from the rows that were written;
- *each bad file is in quarantine with its reason*: cut short, a letter for a number, empty, and 10 MB packed into 10 kB;
- *a locked file waits*, and *it is processed when the lock is gone*;
- *the children were killed*: a real SIGKILL at each of four places;
- *a crash and a rerun end in the same state*: every file of every folder, by its content.

**Break it.** `in_place`: the result is written where it belongs, and the rerun believes what it finds. `no_quarantine`: a bad
file raises, and the good ones behind it wait.

**Where this stops.** `flock` binds only those who ask, and over NFS it is worth what server and mount make of it. S3's general
purpose buckets have neither lock nor rename: there the atomic step is the PUT of one object, or of a manifest that names the
parts. After a power cut the folder must be synced too. A quarantine that nobody reads is a loss with a delay: count it, alert
on it, replay it (see `dead_letters`).

**Sources.** POSIX: [rename](https://pubs.opengroup.org/onlinepubs/9799919799/functions/rename.html); Linux:
[flock(2)](https://man7.org/linux/man-pages/man2/flock.2.html), [fsync(2)](https://man7.org/linux/man-pages/man2/fsync.2.html);
Python: [os.replace](https://docs.python.org/3/library/os.html#os.replace). Pillai and others,
[All File Systems Are Not Created Equal](https://www.usenix.org/conference/osdi14/technical-sessions/presentation/pillai), OSDI 2014.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import signal
import tempfile
from fcntl import LOCK_EX, LOCK_NB, flock
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove

LARGEST = 1_000_000  # bytes, unpacked
GOOD = {f"{n}_good.csv.gz": [(row, row * n) for row in range(100 * n)] for n in range(1, 9)}
UNLUCKY = "4_good.csv.gz"
PLACES = ("half_written", "published", "moved", "before_report")


def fill(folder: Path) -> None:
    """Eight good files, and among them four bad ones."""
    for name in ("inbox", "out", "done", "quarantine"):
        (folder / name).mkdir()
    lines = {name: "".join(f"{row},{amount}\n" for row, amount in rows) for name, rows in GOOD.items()}
    files = {name: gzip.compress(text.encode(), mtime=0) for name, text in lines.items()}
    files["2_truncated.csv.gz"] = files[UNLUCKY][:-20]
    files["3_letter.csv.gz"] = gzip.compress(b"1,10\n2,l0\n", mtime=0)
    files["5_empty.csv.gz"] = b""
    files["6_bomb.csv.gz"] = gzip.compress(b"0" * 10_000_000, mtime=0)
    for name, content in files.items():
        (folder / "inbox" / name).write_bytes(content)


def summarise(file: Any) -> dict[str, int]:
    """The work: rows and their sum. Raises ValueError or OSError for a file that will never pass."""
    with gzip.open(file) as unpacked:
        text = unpacked.read(LARGEST + 1)  # never more than that in memory, whatever was packed
    if not text:
        raise ValueError("empty")
    if len(text) > LARGEST:
        raise ValueError(f"oversized: more than {LARGEST} bytes")
    amounts = [int(amount) for _, amount in csv.reader(io.StringIO(text.decode()))]
    return {"rows": len(amounts), "amount": sum(amounts)}


def publish(path: Path, content: Any, kill: Any, *, in_place: bool = False) -> None:
    """Write beside the destination, flush, rename: the destination is never half a file."""
    text = json.dumps(content)
    draft = path if in_place else path.with_name(f".{path.name}.draft")
    if in_place and path.exists():
        return  # "done already"
    with draft.open("w") as file:
        for half in (text[: len(text) // 2], text[len(text) // 2 :]):
            file.write(half)
            file.flush()
            kill("half_written", path.stem)
        os.fsync(file.fileno())
    draft.replace(path)


def run(folder: Path, break_it: str | None, kill_at: str | None = None) -> dict[str, Any]:
    """Process what lies in the inbox; return the report. ``kill_at``: die there, at the unlucky file."""

    def kill(place: str, name: str) -> None:
        if place == kill_at and name in (UNLUCKY, "report"):
            os.kill(os.getpid(), signal.SIGKILL)

    waiting = []
    for path in sorted((folder / "inbox").iterdir()):
        with path.open("rb") as file:
            try:
                flock(file, LOCK_EX | LOCK_NB)
                result = summarise(file)
            except BlockingIOError:  # it may pass next time
                waiting.append(path.name)
                continue
            except (ValueError, OSError, EOFError) as error:  # it never will
                if break_it == "no_quarantine":
                    return {"failed": str(error)}
                publish(folder / "quarantine" / f"{path.name}.reason", f"{type(error).__name__}: {error}", kill)
                path.rename(folder / "quarantine" / path.name)
                continue
            publish(folder / "out" / f"{path.name}.json", result, kill, in_place=break_it == "in_place")
            kill("published", path.name)
            path.rename(folder / "done" / path.name)
            kill("moved", path.name)
    kill("before_report", "report")
    reasons = {path.stem: json.loads(path.read_text()) for path in sorted((folder / "quarantine").glob("*.reason"))}
    report = {
        "done": sorted(path.name for path in (folder / "done").iterdir()),
        "quarantined": reasons,
        "waiting": waiting,
    }
    publish(folder / "report.json", report, lambda *_: None)
    return report


def contents(folder: Path) -> dict[str, str]:
    """Every file and a digest of what is in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files}


@answer(
    questions=["file-pipeline-error-handling"],
    breaks={
        "in_place": {
            "what": "the result is written in its place, and a result that exists counts as done",
            "fails": ["a crash and a rerun end in the same state"],
        },
        "no_quarantine": {
            "what": "a bad file raises, and ends the run",
            "fails": ["each good file is processed once"],
        },
    },
)
def file_pipeline():
    @task
    def sort_the_files(params: dict[str, Any] | None = None) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            fill(folder)
            with (folder / "inbox" / UNLUCKY).open("rb") as writer:
                flock(writer, LOCK_EX)
                first = run(folder, params["break_it"])
            second = run(folder, params["break_it"])
            results = {path.stem: json.loads(path.read_text()) for path in (folder / "out").iterdir()}
        due = {name: {"rows": len(rows), "amount": sum(amount for _, amount in rows)} for name, rows in GOOD.items()}
        prove("each good file is processed once", observed=results, expected=due)
        prove("a locked file waits", observed=first["waiting"], expected=[UNLUCKY])
        prove("it is processed when the lock is gone", observed=second["done"], expected=sorted(GOOD))
        reasons = {
            "2_truncated.csv.gz": "EOFError: Compressed file ended before the end-of-stream marker was reached",
            "3_letter.csv.gz": "ValueError: invalid literal for int() with base 10: 'l0'",
            "5_empty.csv.gz": "ValueError: empty",
            "6_bomb.csv.gz": f"ValueError: oversized: more than {LARGEST} bytes",
        }
        prove("each bad file is in quarantine with its reason", observed=second["quarantined"], expected=reasons)

    @task
    def crash_and_run_again(params: dict[str, Any] | None = None) -> None:
        fork = get_context("fork")
        exits, ends = [], {}
        with tempfile.TemporaryDirectory() as temporary:
            for place in ("nowhere", *PLACES):
                folder = Path(temporary, place)
                folder.mkdir()
                fill(folder)
                child = fork.Process(target=run, args=(folder, params["break_it"], place))
                child.start()
                child.join()
                exits.append(child.exitcode)
                run(folder, params["break_it"])
                ends[place] = contents(folder)
        prove("the children were killed", observed=exits, expected=[0, *[-signal.SIGKILL] * len(PLACES)])
        calm = ends.pop("nowhere")
        prove("a crash and a rerun end in the same state", observed=ends, expected=dict.fromkeys(PLACES, calm))

    sort_the_files() >> crash_and_run_again()
