"""What the demo prints: rows in and out of each step, dead letters and why, proofs, the warehouse's fingerprint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, text

from living_answers.ledger import engine


@dataclass(frozen=True)
class Fingerprint:
    """The physical state of a table: PostgreSQL gives every written tuple a new place or transaction id."""

    rows: int
    digest: str


# ctid is where a tuple lies, xmin the transaction that wrote it: neither stays the same when a tuple is written again.
_FINGERPRINT = """
SELECT COUNT(*) AS rows, MD5(COALESCE(STRING_AGG(CONCAT(ctid::text, xmin::text), ',' ORDER BY ctid), '')) AS digest
FROM {table}
"""
TABLES = (
    "warehouse.fact_flight",
    "warehouse.fact_weather",
    "warehouse.dim_carrier",
    "warehouse.dim_airport",
    "warehouse.dim_plane",
    "warehouse.dim_date",
    "marts.delay_by_carrier_month",
    "marts.busiest_routes",
    "marts.weather_delay",
)


def now() -> datetime:
    """The database's time, by which the ledger's rows are stamped."""
    with engine().connect() as connection:
        moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment


def fingerprints() -> dict[str, Fingerprint]:
    """Return the fingerprint of each table of the warehouse and the marts."""
    with engine().connect() as connection:
        return {table: _fingerprint(connection, table) for table in TABLES}


def _fingerprint(connection: Connection, table: str) -> Fingerprint:
    row = connection.execute(text(_FINGERPRINT.format(table=table))).one()
    return Fingerprint(rows=row.rows, digest=row.digest)


def print_steps(console: Console, since: datetime, title: str) -> None:
    """Print what each step read, wrote, rejected and took, summed over its days; failed tries are counted apart."""
    table = Table(
        "step",
        "days",
        "read",
        "written",
        "rejected",
        "duplicates",
        "seconds",
        "failed tries",
        title=title,
        title_justify="left",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    query = text(
        """
        SELECT step,
            COUNT(DISTINCT partition) AS days,
            SUM(CASE WHEN state = 'ok' THEN rows_read ELSE 0 END) AS read,
            SUM(CASE WHEN state = 'ok' THEN rows_written ELSE 0 END) AS written,
            SUM(CASE WHEN state = 'ok' THEN rows_rejected ELSE 0 END) AS rejected,
            SUM(CASE WHEN state = 'ok' THEN rows_duplicate ELSE 0 END) AS duplicates,
            SUM(seconds) AS seconds,
            COUNT(*) FILTER (WHERE state <> 'ok') AS failed
        FROM ledger.steps WHERE finished_at >= :since GROUP BY step ORDER BY MIN(id)
        """
    )
    with engine().connect() as connection:
        for row in connection.execute(query, {"since": since}):
            figures = [f"{int(value):,}" for value in row[1:6]]
            table.add_row(row.step, *figures, f"{row.seconds:.1f}", str(row.failed or ""))
    console.print(table)


def print_letters(console: Console) -> int:
    """Print the open dead letters by reason; return how many there are."""
    query = text(
        """
        SELECT kind, source, reason, COUNT(*) AS letters, MIN(partition) AS first_day, MAX(partition) AS last_day
        FROM ledger.dead_letters WHERE state IN ('open', 'replaying')
        GROUP BY kind, source, reason ORDER BY kind, letters DESC
        """
    )
    table = Table("kind", "source", "why", "letters", "days", title="Dead letters that wait", title_justify="left")
    with engine().connect() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        days = row.first_day if row.first_day == row.last_day else f"{row.first_day} to {row.last_day}"
        table.add_row(row.kind, row.source, row.reason[:70], str(row.letters), days)
    console.print(table if rows else "No dead letter waits.")
    return sum(row.letters for row in rows)


def print_proofs(console: Console, since: datetime) -> int:
    """Print the proofs of the main job, expected beside observed; return how many do not hold."""
    query = text(
        """
        SELECT proof, COUNT(*) AS days, BOOL_AND(holds) AS holds,
            (ARRAY_AGG(expected ORDER BY holds, id DESC))[1] AS expected,
            (ARRAY_AGG(observed ORDER BY holds, id DESC))[1] AS observed,
            MAX(unit) AS unit
        FROM ledger.evidence
        WHERE recorded_at >= :since AND task_id <> 'check_expectations'
        GROUP BY proof ORDER BY MIN(id)
        """
    )
    table = Table(
        "proof",
        "times",
        "expected",
        "observed",
        "",
        title="Proofs, the last or the worst of each",
        title_justify="left",
    )
    with engine().connect() as connection:
        rows = connection.execute(query, {"since": since}).all()
        expectations = connection.execute(
            text(
                "SELECT COUNT(*), SUM(CASE WHEN holds THEN 1 ELSE 0 END) FROM ledger.evidence "
                "WHERE recorded_at >= :since AND task_id = 'check_expectations'"
            ),
            {"since": since},
        ).one()
    for row in rows:
        sign = "[green]holds[/]" if row.holds else "[red]fails[/]"
        table.add_row(row.proof, str(row.days), f"{row.expected} {row.unit or ''}", str(row.observed), sign)
    table.add_row("expectations of Great Expectations", "", str(expectations[0]), str(expectations[1] or 0), "")
    console.print(table)
    return sum(not row.holds for row in rows)


def print_changes(console: Console, before: dict[str, Fingerprint], after: dict[str, Fingerprint]) -> list[str]:
    """Print each table's rows before and after, and whether a tuple was written; return the tables that changed."""
    table = Table(
        "table",
        "rows before",
        "rows after",
        "tuples",
        title="The warehouse, before and after the second pass",
        title_justify="left",
    )
    changed = [name for name in after if before[name] != after[name]]
    for name, mark in after.items():
        same = "[green]none written[/]" if name not in changed else "[red]written[/]"
        table.add_row(name, f"{before[name].rows:,}", f"{mark.rows:,}", same)
    console.print(table)
    return changed
