"""# How do you keep an audit trail that leads from any row back to its run, input and code?

**Say it.** Every run leaves one audit record: who ran what, over which input by hash, with which code by hash, and how many rows
came in and went out. Every row carries its run and line. The records are chained by hash, and the chain's head is kept
elsewhere, so nobody edits the past unnoticed.

**How it works.** The record is written in the transaction that writes the rows, so neither exists without the other. Names lie:
a file keeps its name when its bytes change, and `main` is another program tomorrow; so inputs and code stand in the record as
SHA-256, and the bytes of both are kept under that name. Each record's hash covers its content and the hash of the record before
it; whoever changes one must recompute all that follow. Loaders append one at a time (a table lock that lets readers pass): two
that read the same head would fork the chain.

**This run proves**
- *a random row leads back to its file, code and run*: the stored file's line, put once more through the stored code, is the row;
- *what came in is loaded or rejected*: the counts in the records against the rows themselves, for each run;
- *loaders at once leave one chain*: every record but the first follows another, and no two follow the same;
- *a replaced input is noticed*: same name, one amount changed;
- *an edit of the past breaks the chain*: a count is changed and the record's own hash made good again; so does a deletion;
- *the chain alone does not see its end cut off*, and neither a chain that was written anew: a limit, shown on purpose;
- *the head kept elsewhere sees both*.

**Break it.** `by_name`: the input stands in the record by its name, and a replaced file passes for the one that was read.
`unchained`: each record has a hash of its own content only; the editor makes it good again, and nothing shows.

**Where this stops.** A chain makes tampering *evident*, not impossible, and only for one who checks, against a head that the
forger cannot reach: another account, an object under lock, a signed timestamp. It does not see what was never recorded, nor a
lie told by the loader itself. For a log that many must trust, a Merkle tree proves the same in a few hashes.

**Sources.** [RFC 9162, Certificate Transparency](https://www.rfc-editor.org/rfc/rfc9162) (consistency proofs, signed tree heads),
[How to time-stamp a digital document](https://link.springer.com/article/10.1007/BF00196791) (Haber and Stornetta, 1991: the
chain), [W3C PROV](https://www.w3.org/TR/prov-overview/), [OpenLineage: facets](https://openlineage.io/docs/spec/facets/),
AWS: [S3 Object Lock](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html).
"""

from __future__ import annotations

import csv
import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from airflow.sdk import task

from living_answers import run_context
from living_answers.answers import answer, prove, scratch

FILES, LINES = 6, 500
GENESIS = "0" * 64
TABLES = """
DROP TABLE IF EXISTS sales, audit;
CREATE TABLE sales (run int, line int, shop text, cents bigint, PRIMARY KEY (run, line));
CREATE TABLE audit (run int PRIMARY KEY, record jsonb, previous text, hash text);
"""


def transform(line: str) -> tuple[str, int] | None:
    """Read one line of a file; None where it is to be rejected. This is the code whose version the trail names."""
    shop, amount = next(csv.reader([line]))
    return (shop.strip().upper(), round(float(amount) * 100)) if amount.replace(".", "", 1).isdigit() else None


def store(content: bytes) -> str:
    """Keep bytes under their own hash, where they can be found again whatever happens to the name."""
    scratch.lake().put(f"{scratch.prefix()}kept/{sha256(content).hexdigest()}", content)
    return sha256(content).hexdigest()


def read_kept(digest: str) -> bytes:
    key = f"{scratch.prefix()}kept/{digest}"
    return scratch.lake().get(key) if scratch.lake().etag(key) else b""


def load(name: str, break_it: str | None) -> None:
    """Load one file: rows and record in one transaction, the record at the end of the chain."""
    content = scratch.lake().get(scratch.prefix() + name)
    rows = [(number, transform(line)) for number, line in enumerate(content.decode().splitlines(), 1)]
    kept = [(number, *row) for number, row in rows if row]
    record = {
        "ran": asdict(run_context.current()),
        "input": name,
        "input_sha256": store(content) if break_it != "by_name" else sha256(name.encode()).hexdigest(),
        "code_sha256": store(inspect.getsource(transform).encode()),
        "rows_in": len(rows),
        "rows_out": len(kept),
        "rejected": [number for number, row in rows if not row],
    }
    with scratch.connect() as connection:
        connection.execute("LOCK TABLE audit IN EXCLUSIVE MODE")
        last = connection.execute("SELECT run, hash FROM audit ORDER BY run DESC LIMIT 1").fetchone()
        run, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
        link = link_hash(record, previous, break_it)
        connection.execute("INSERT INTO audit VALUES (%s, %s, %s, %s)", [run, json.dumps(record), previous, link])
        with connection.cursor().copy("COPY sales FROM STDIN") as copy:
            for row in kept:
                copy.write_row((run, *row))


def link_hash(record: dict[str, Any], previous: str, break_it: str | None) -> str:
    """Hash a record together with the hash before it; the text must not depend on the order of the keys."""
    text = json.dumps(record, sort_keys=True)
    return sha256((text if break_it == "unchained" else previous + text).encode()).hexdigest()


def broken_links(chain: list[Any], break_it: str | None) -> list[int]:
    """Return the runs whose record does not fit: its content to its hash, or its hash to the one before it."""
    wrong, head = [], GENESIS
    for run, record, previous, link in chain:
        if link != link_hash(record, previous, break_it) or (previous != head and break_it != "unchained"):
            wrong.append(run)
        head = link
    return wrong


def forge(chain: list[Any], break_it: str | None) -> list[Any]:
    """Change the last record's counts, and make all hashes good again: what a forger with the table's keys can do."""
    forged, head = [], GENESIS
    for run, record, *_ in chain:
        changed = {**record, "rows_in": record["rows_in"] - (run == chain[-1][0])}
        forged.append((run, changed, head, link_hash(changed, head, break_it)))
        head = forged[-1][-1]
    return forged


def read_chain() -> list[Any]:
    with scratch.connect() as connection:
        return connection.execute("SELECT run, record, previous, hash FROM audit ORDER BY run").fetchall()


@answer(
    questions=["dq-audit-trail-metadata"],
    breaks={
        "by_name": {
            "what": "the record names the input file and not its content",
            "fails": ["a random row leads back to its file, code and run", "a replaced input is noticed"],
        },
        "unchained": {"what": "each record is hashed by itself", "fails": ["an edit of the past breaks the chain"]},
    },
    claims={
        "c-004-dq-audit": {
            "verdict": "holds",
            "proof": "a random row leads back to its file, code and run",
            "truth": "Detailed logs and metadata give an audit if they name inputs and code by content, and if nobody can "
            "alter them unnoticed: a hash chain, its head kept where the editor cannot reach.",
        }
    },
    scratch=["schema", "prefix"],
)
def audit_trail():
    @task
    def load_files_at_once(params: dict[str, Any] | None = None) -> None:
        names = [f"sales-{number}.csv" for number in range(FILES)]
        for seed, name in enumerate(names):
            lines = [f"shop {n % 7},{'n/a' if n % 97 == seed else f'{n * 37 % 9973 / 100:.2f}'}" for n in range(LINES)]
            scratch.lake().put(scratch.prefix() + name, "\n".join(lines).encode())
        with scratch.connect() as connection:
            connection.execute(TABLES)
            connection.commit()
            with ThreadPoolExecutor(3) as loaders:
                list(loaders.map(lambda name: load(name, params["break_it"]), names))
            rows = connection.execute("SELECT run, count(*) FROM sales GROUP BY run").fetchall()
        chain = read_chain()
        told = [[run, record["rows_in"] - len(record["rejected"])] for run, record, *_ in chain]
        prove("what came in is loaded or rejected", observed=rows, expected=told, how="rows")
        scratch.lake().put_json(scratch.prefix() + "head.json", chain[-1][-1])

    @task
    def trace_a_row() -> None:
        query = "SELECT * FROM sales JOIN audit USING (run) ORDER BY md5(concat(run, '-', line, %s::text)) LIMIT 1"
        with scratch.connect() as connection:  # by its own name, each run traces another row
            _, line, shop, cents, record, *_ = connection.execute(query, [scratch.name()]).fetchone()
        file = read_kept(record["input_sha256"]).decode().splitlines()
        same_code = read_kept(record["code_sha256"]) == inspect.getsource(transform).encode()
        traced = [*transform(file[line - 1]), record["ran"]["run_id"]] if file and same_code else ["not kept"]
        due = [shop, cents, run_context.current().run_id]
        prove("a random row leads back to its file, code and run", observed=traced, expected=due)

    @task
    def replace_an_input(params: dict[str, Any] | None = None) -> None:
        name, lake = "sales-3.csv", scratch.lake()
        lake.put(scratch.prefix() + name, lake.get(scratch.prefix() + name).replace(b",0.37", b",9.37"))
        replaced = []
        for _, record, *_ in read_chain():
            now = lake.get(scratch.prefix() + record["input"])
            named = record["input"].encode() if params["break_it"] == "by_name" else now
            if sha256(named).hexdigest() != record["input_sha256"]:
                replaced.append(record["input"])
        prove("a replaced input is noticed", observed=replaced, expected=[name])

    @task
    def tamper_with_the_past(params: dict[str, Any] | None = None) -> None:
        way, middle = params["break_it"], FILES // 2
        chain, anchor = read_chain(), scratch.lake().get_json(scratch.prefix() + "head.json")
        wrong = len(broken_links(chain, way))
        prove("loaders at once leave one chain", observed=wrong, expected=0, unit="broken links")
        edited, after = forge(chain[: middle + 1], way)[middle:], chain[middle + 1 :]
        past = {"edited": chain[:middle] + edited + after, "deleted": chain[:middle] + after}
        found = {name: broken_links(one, way) for name, one in past.items()}
        due = {name: [after[0][0]] for name in past}
        prove("an edit of the past breaks the chain", observed=found, expected=due)
        tampered = {"cut off": chain[:-1], "written anew": forge(chain, way)}
        noticed = sum(len(broken_links(one, way)) for one in tampered.values())
        prove("the chain alone does not see its end cut off", observed=noticed, expected=0, unit="broken links")
        without_head = [name for name, one in tampered.items() if anchor not in [link for *_, link in one]]
        prove("the head kept elsewhere sees both", observed=without_head, expected=list(tampered))

    load_files_at_once() >> [trace_a_row(), replace_an_input(), tamper_with_the_past()]
