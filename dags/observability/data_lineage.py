"""# How do you track lineage from the source to the served table, down to the column?

**Say it.** Each job reports what it read and wrote, as an event: OpenLineage. The events join into a graph, from which you read origins
and impact; parsing the SQL adds the columns. What writes without reporting is missing, so compare the graph with what the database says
was written. Lineage explains data; it does not protect it.

**How it works.** Every step sends a START and a COMPLETE event by HTTP, with the run, the job, the input and output data sets, and facets:
`columnLineage` from `sqlglot`, which follows each output column through the query to the source columns, and `outputStatistics` with the
rows written. A receiver collects them, as Marquez or DataHub would. The edges form a graph without cycles: who depends on a column is
everything reachable from it. Inputs are taken from the SQL that runs, not from a list that somebody keeps by hand: such a list is right
on the day it is written. The graph is drawn as Mermaid text in the log of `compare_graph`.

**This run proves**
- *the events form the graph that PostgreSQL knows*: each query is also made a view, and the catalogue asked what it depends on;
- *impact analysis names exactly the columns that change*: a source column is changed in a copy, the pipeline run again, and
  every output column compared: what changed is what the graph names, for two columns;
- *the events account for every row written*: rows reported, against PostgreSQL's own counters of tuples written;
- *an untracked write is detected*: an UPDATE without an event shows in the counters, by table and number;
- *a corrupted value leaves the lineage as it was*, and *the checksums find the columns downstream of it*.

**Break it.** `list_by_hand`: inputs come from a list that was not kept up to date. `table_level`: lineage without columns: impact analysis then
names every column of every table downstream. `silent_fix`: somebody corrects rows in a served table, without an event.

**Where this stops.** The column facet here holds what a value is computed *from*. A column that only filters, joins or groups influences rows as
well: OpenLineage marks that as INDIRECT, and our use of the parser leaves it out. SQL can be parsed; a Python function can not, it must
declare. The counters tell that a write happened, not who did it: that is for the audit log. On "lineage maintains integrity": it names
what a wrong value has reached; checks and checksums find that it is wrong.

**Sources.** OpenLineage: [object model](https://openlineage.io/docs/spec/object-model),
[column lineage facet](https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet),
[Python client](https://openlineage.io/docs/client/python). sqlglot:
[lineage](https://sqlglot.com/sqlglot/lineage.html). PostgreSQL:
[view_table_usage](https://www.postgresql.org/docs/18/infoschema-view-table-usage.html),
[cumulative statistics](https://www.postgresql.org/docs/18/monitoring-stats.html).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SQL = Path(__file__).parent / "sql"
NAMESPACE = "postgres://warehouse"
STEPS = {
    "clean_flights": """SELECT r.carrier, r.origin, r.arr_delay, r.distance, r.arr_delay > 15 AS late
                        FROM raw_flights AS r WHERE r.arr_delay IS NOT NULL""",
    "delay_by_carrier": """SELECT a.name, COUNT(*) AS flights, SUM(c.arr_delay) AS minutes, SUM(c.distance) AS miles
                           FROM clean_flights AS c JOIN raw_airlines AS a ON a.carrier = c.carrier GROUP BY a.name""",
    "late_by_origin": """SELECT c.origin, AVG(c.late::int) AS late_share FROM clean_flights AS c GROUP BY c.origin""",
}
#: What somebody once wrote down; since then, the airlines' names have been joined in.
LIST_BY_HAND = {
    "clean_flights": ["raw_flights"],
    "delay_by_carrier": ["clean_flights"],
    "late_by_origin": ["clean_flights"],
}


# What a step reads: from the SQL that runs.
def inputs(table: str, break_it: str | None) -> list[str]:
    from sqlglot import exp, parse_one

    if break_it == "list_by_hand":
        return LIST_BY_HAND[table]
    return sorted({found.name for found in parse_one(STEPS[table], dialect="postgres").find_all(exp.Table)})


# The source columns that each column of a step's result is computed from.
def columns(table: str) -> dict[str, list[tuple[str, str]]]:
    from sqlglot import exp
    from sqlglot.lineage import lineage

    found = {}
    for column, node in lineage(None, STEPS[table], {}, dialect="postgres").items():
        leaves = [leaf for leaf in node.walk() if isinstance(leaf.source, exp.Table)]
        found[column] = [(leaf.source.name, leaf.name.split(".")[-1]) for leaf in leaves]
    return found


# Run all steps, each with its two events. ``fault`` is SQL that somebody runs behind the first step's back.
def run_steps(
    connection: Any, break_it: str | None = None, kind: str = "TABLE", fault: str = ""
) -> list[dict[str, Any]]:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.http import HttpConfig, HttpTransport
    from openlineage.client.uuid import generate_new_uuid

    from living_answers.lineage import receiver, run_event

    with receiver() as (url, events):
        client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=url)))
        for table, query in STEPS.items():
            step = {"run": str(generate_new_uuid()), "namespace": NAMESPACE, "target": table}
            step |= {"sources": inputs(table, break_it), "columns": columns(table)}
            client.emit(run_event("START", **step))
            rows = connection.execute(f"CREATE {kind} {table} AS {query}").rowcount
            client.emit(run_event("COMPLETE", **step, rows=rows))
            if fault and table == "clean_flights":
                connection.execute(fault)
    return events


# Run the steps on a copy of the sources with something changed; return a checksum for each column made.
def rerun_on_copy(change: str = "", fault: str = "") -> tuple[dict[str, str], list[dict[str, Any]]]:
    with scratch.connect() as connection:
        for source in ("raw_flights", "raw_airlines"):  # A temporary table hides the one of the same name.
            connection.execute(f"CREATE TEMP TABLE {source} AS SELECT * FROM {source}")  # noqa: S608
        if change:
            connection.execute(change)
        events, sums = run_steps(connection, kind="TEMP TABLE", fault=fault), {}
        for table in STEPS:
            for column in (found.name for found in connection.execute(f"SELECT * FROM {table}").description):  # noqa: S608
                query = f"SELECT md5(string_agg({column}::text, ',' ORDER BY {column}::text)) FROM {table}"  # noqa: S608
                sums[f"{table}.{column}"] = connection.execute(query).fetchone()[0]
    return sums, events


def different(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(column for column in before if before[column] != after[column])


@answer(
    questions=["data-lineage"],
    claims={
        "c-004-lineage-integrity": {
            "verdict": "imprecise",
            "proof": "a corrupted value leaves the lineage as it was",
            "truth": "Lineage explains origin and impact. It prevents no corruption and sees none: checks and checksums do.",
        },
    },
    breaks={
        "list_by_hand": {
            "what": "the inputs come from a list that was not kept up to date",
            "fails": ["the events form the graph that PostgreSQL knows"],
        },
        "table_level": {
            "what": "lineage of tables only: every column downstream counts as dependent",
            "fails": ["impact analysis names exactly the columns that change"],
        },
        "silent_fix": {
            "what": "rows of a served table are corrected without an event",
            "fails": ["the events account for every row written"],
        },
    },
    scratch=["schema"],
)
def data_lineage():
    @task
    def run_with_lineage(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        with scratch.connect() as connection:
            connection.execute((SQL / "data_lineage_sources.sql").read_text() + "SELECT pg_stat_force_next_flush()")
            events = run_steps(connection, params["break_it"])
            if params["break_it"] == "silent_fix":
                connection.execute("UPDATE delay_by_carrier SET miles = miles + 1")
        return events

    @task
    def compare_graph(events: list[dict[str, Any]]) -> None:
        from living_answers import lineage

        edges = lineage.table_edges(events)
        print(lineage.mermaid(edges))
        with scratch.connect() as connection:
            for table, query in STEPS.items():
                connection.execute(f"CREATE OR REPLACE VIEW as_view_{table} AS {query}")
            query = """SELECT table_name, replace(view_name, 'as_view_', '') FROM information_schema.view_table_usage
                       WHERE view_schema = current_schema ORDER BY 1, 2"""
            known = [list(row) for row in connection.execute(query)]
        prove("the events form the graph that PostgreSQL knows", observed=edges, expected=known)

    @task
    def analyse_impact(events: list[dict[str, Any]], params: dict[str, Any] | None = None) -> None:
        from living_answers import lineage

        before, named, changed = rerun_on_copy()[0], {}, {}
        for column in ("arr_delay", "distance"):
            after, _ = rerun_on_copy(f"UPDATE raw_flights SET {column} = {column} + 7")  # noqa: S608
            changed[column] = different(before, after)
            named[column] = lineage.downstream(lineage.column_edges(events), f"raw_flights.{column}")
            if params["break_it"] == "table_level":
                tables = lineage.downstream(lineage.table_edges(events), "raw_flights")
                named[column] = sorted(column for column in before if column.split(".")[0] in tables)
        prove("impact analysis names exactly the columns that change", observed=named, expected=changed)

    @task
    def find_untracked_writes(events: list[dict[str, Any]]) -> None:
        from living_answers import lineage

        reported = lineage.rows_written(events)
        prove("the events account for every row written", observed=tuples_written(), expected=reported, unit="rows")
        with scratch.connect() as connection:
            connection.execute("SELECT pg_stat_force_next_flush()")
            fixed = connection.execute("UPDATE late_by_origin SET late_share = 0 WHERE origin <> 'EWR'").rowcount
        found = {table: rows - reported[table] for table, rows in tuples_written().items() if rows != reported[table]}
        prove("an untracked write is detected", observed=found, expected={"late_by_origin": fixed}, unit="rows")

    def tuples_written() -> dict[str, int]:
        query = """SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables
                   WHERE schemaname = %s AND relname = ANY(%s)"""
        with scratch.connect() as connection:
            return dict(connection.execute(query, [scratch.schema(), list(STEPS)]).fetchall())

    @task
    def corrupt_a_value() -> None:
        from living_answers import lineage

        corrupt = "UPDATE clean_flights SET distance = distance + 1 WHERE ctid = '(0,1)'"
        (before, events), (after, events_after) = rerun_on_copy(), rerun_on_copy(fault=corrupt)
        edges, edges_after = lineage.column_edges(events), lineage.column_edges(events_after)
        prove("a corrupted value leaves the lineage as it was", observed=edges_after, expected=edges)
        reached = sorted(["clean_flights.distance", *lineage.downstream(edges, "clean_flights.distance")])
        prove("the checksums find the columns downstream of it", observed=different(before, after), expected=reached)

    events = run_with_lineage()
    events >> corrupt_a_value()
    [compare_graph(events), analyse_impact(events), find_untracked_writes(events)]
