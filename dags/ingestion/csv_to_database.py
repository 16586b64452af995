"""# How do you parse a CSV file and load it into a database?

**Say it.** Let a CSV reader split it, never `split(",")`. Turn each field into its type yourself; a record that fails goes
to a reject table with its place and reason. Stream the good ones through COPY, replacing what this file loaded before,
all in one transaction. Then any failure leaves nothing, and a rerun the same table.

**How it works.** A record is not a line: a quoted field may hold commas, doubled quotes and newlines, so the file is opened
with `newline=""` and Python's `csv` decides where a record ends. `utf-8-sig` drops the byte-order mark that spreadsheets write;
with plain `utf-8` it becomes part of the first column's name. `parse` makes each field a date, a number or `None`, and raises
what is wrong. COPY takes the rows as a stream, so memory stays small. Rejects, rows and the deletion of the file's
earlier rows are one transaction, keyed by the file: there is no state in between that another session could see.

**This run proves**
- *loaded and rejected records add up to the records written*: nothing is lost between the two tables;
- *every bad record is set aside with its reason*: each spoiled record with the field at fault;
- *quotes, newlines, NULLs and the byte-order mark survive*: all good rows, field by field, against the rows before they were CSV;
- *a failure halfway changes nothing*: in the middle of the COPY stands a byte that PostgreSQL refuses, and the table held data before;
- *a second load leaves the same table*: count and checksum;
- *COPY is several times as fast as an INSERT a row*: the same rows and connection, one transaction each; the factor is recorded.

**Break it.** `split_lines`: records are cut at line ends and commas, so that every embedded newline and comma makes a false record.
`commit_each_row`: an INSERT and a COMMIT a row; a failure halfway leaves half of the file, and a second load doubles it.

**Where this stops.** One value that COPY itself refuses aborts it whole, as the run shows: check before, or copy to a
staging table without constraints. PostgreSQL 17's `ON_ERROR ignore` skips only values it cannot convert, and stores no reason. CSV has no
standard way to tell NULL from an empty text: agree on it with the sender (here `NA`). A second loader of the same file at the same
moment needs a claim on the batch, as `idempotent_load` shows.

**Sources.** [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180); Python: [csv](https://docs.python.org/3/library/csv.html) (its note
on `newline=''`), [utf-8-sig](https://docs.python.org/3/library/codecs.html#module-encodings.utf_8_sig); PostgreSQL:
[COPY](https://www.postgresql.org/docs/18/sql-copy.html), [populating a database](https://www.postgresql.org/docs/18/populate.html);
psycopg: [COPY](https://www.psycopg.org/psycopg3/docs/basic/copy.html).
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import date
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

TYPES = {"id": int, "flown_on": date.fromisoformat, "distance": lambda t: None if t == "NA" else int(t), "remark": str}
REMARKS = ["on time", "", 'held by "ATC", then gone', "door 2:\nopened\r\nagain", "Zürich, naïve ✈"]
TABLES = """CREATE TEMP TABLE flights (id int, flown_on date, distance int, remark text);
            CREATE TEMP TABLE rejects (place int, reason text, record text)"""
REJECTED = "SELECT split_part(record, ',', 1), split_part(reason, ':', 1) FROM rejects"
ROWS = 2_000
#: By the last two digits of the id: the field at fault, where in the record, and what stands there.
FAULTS = {
    13: ("flown_on", slice(1, 2), ["2013-02-30"]),
    37: ("distance", slice(2, 3), ["12 miles"]),
    61: ("fields", slice(4, 4), ["surplus"]),
}


def flights() -> Iterator[tuple[int, date, int | None, str]]:
    # The rows as they were before anybody made a CSV of them.
    for n in range(ROWS):
        yield n, date(2013, 1 + n % 12, 1 + n % 28), None if n % 50 == 7 else n, REMARKS[n % len(REMARKS)]


def parse(record: list[str]) -> tuple[Any, ...]:
    """Give each field its type. Raises ValueError whose first word is the field at fault."""
    if len(record) != len(TYPES):
        raise ValueError(f"fields: {len(record)} in place of {len(TYPES)}")
    typed = []
    for (name, kind), text in zip(TYPES.items(), record, strict=True):
        try:
            typed.append(kind(text))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return tuple(typed)


def parse_file(body: bytes, rejects: list[Any], break_it: str | None) -> Iterator[tuple[Any, ...]]:
    """Yield the good rows; a bad record goes to ``rejects`` with its place in the file, its reason and itself."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="")
    naive = break_it == "split_lines"
    records = (line.split(",") for line in text.read().splitlines()) if naive else csv.reader(text, strict=True)
    if next(records) != list(TYPES):
        raise ValueError("the header is not the agreed one: stop before anything is loaded")
    for place, record in enumerate(records, start=1):
        try:
            yield parse(record)
        except ValueError as error:
            rejects.append((place, str(error), ",".join(record)))


def load(connection: Any, body: bytes, break_it: str | None) -> None:
    """Replace what this file has loaded: all of it, or nothing."""
    rows, naive = parse_file(body, rejects := [], break_it), break_it == "commit_each_row"
    with nullcontext() if naive else connection.transaction():
        if naive:
            insert_rows(connection, rows)
        else:
            connection.execute("TRUNCATE flights, rejects")  # DELETE ... WHERE file = ..., where files share the tables
            copy_rows(connection, rows)
        connection.cursor().executemany("INSERT INTO rejects VALUES (%s, %s, %s)", rejects)


def copy_rows(connection: Any, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor().copy("COPY flights FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def insert_rows(connection: Any, rows: Iterator[tuple[Any, ...]]) -> None:
    for row in rows:
        connection.execute("INSERT INTO flights VALUES (%s, %s, %s, %s)", row)


@contextmanager
def tables() -> Iterator[Any]:
    """Temporary ones, so that the tasks of a run do not meet; without a key, so that only the load prevents doubles."""
    with scratch.connect() as connection:
        connection.autocommit = True
        connection.execute(TABLES)
        yield connection


def file() -> bytes:
    return scratch.lake().get(f"{scratch.prefix()}flights.csv")


def content(connection: Any) -> list[Any]:
    query = "SELECT COUNT(*), SUM(hashtextextended(flights::text, 0)) FROM flights"
    return list(connection.execute(query).fetchone())


@answer(
    questions=["csv-to-database-load"],
    breaks={
        "split_lines": {
            "what": "records are cut at line ends and fields at commas",
            "fails": ["loaded and rejected records add up to the records written"],
        },
        "commit_each_row": {
            "what": "each row is inserted and committed by itself, and nothing is replaced",
            "fails": ["a failure halfway changes nothing", "a second load leaves the same table"],
        },
    },
    scratch=["prefix"],
)
def csv_to_database():
    @task
    def write_file() -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerow(TYPES)
        for row in flights():
            record = ["NA" if field is None else str(field) for field in row]
            if row[0] % 100 in FAULTS:
                _, place, damage = FAULTS[row[0] % 100]
                record[place] = damage
            csv.writer(text).writerow(record)
        scratch.lake().put(f"{scratch.prefix()}flights.csv", text.getvalue().encode("utf-8-sig"))

    @task
    def parse_and_copy(params: dict[str, Any] | None = None) -> None:
        good = [row for row in flights() if row[0] % 100 not in FAULTS]
        faults = [(str(n), FAULTS[n % 100][0]) for n in range(ROWS) if n % 100 in FAULTS]
        with tables() as connection:
            load(connection, file(), params["break_it"])
            rows = connection.execute("SELECT * FROM flights").fetchall()
            rejected = connection.execute(REJECTED).fetchall()
        total = len(rows) + len(rejected)
        prove("loaded and rejected records add up to the records written", observed=total, expected=ROWS)
        prove("every bad record is set aside with its reason", observed=rejected, expected=faults, how="rows")
        prove("quotes, newlines, NULLs and the byte-order mark survive", observed=rows, expected=good, how="rows")

    @task
    def fail_halfway(params: dict[str, Any] | None = None) -> None:
        from psycopg import DataError

        body = file()
        refused = body[: len(body) // 2] + body[len(body) // 2 :].replace(b"on time", b"on\0time")
        with tables() as connection:
            connection.execute("INSERT INTO flights VALUES (-1, '2012-12-31', 1, 'there before')")
            before = content(connection)
            with suppress(DataError):
                load(connection, refused, params["break_it"])
            prove("a failure halfway changes nothing", observed=content(connection), expected=before)

    @task
    def load_again(params: dict[str, Any] | None = None) -> None:
        with tables() as connection:
            load(connection, file(), params["break_it"])
            first = content(connection)
            load(connection, file(), params["break_it"])
            prove("a second load leaves the same table", observed=content(connection), expected=first)

    @task
    def copy_against_inserts() -> None:
        with tables() as connection:
            start = time.perf_counter()
            copy_rows(connection, flights())
            copied = time.perf_counter()
            with connection.transaction():
                insert_rows(connection, flights())
                both = [time.perf_counter() - copied, copied - start]
        prove("COPY is several times as fast as an INSERT a row", observed=both, expected=3, how="times_at_least")

    write_file() >> [parse_and_copy(), fail_halfway(), load_again(), copy_against_inserts()]
