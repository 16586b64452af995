"""# How do you transform loaded data with dbt?

**Say it.** Each model is one SELECT in a file; `ref()` between them is the dependency graph, so dbt knows the order. A model is a view, a
table, or incremental, which takes new rows only. Tests are queries that look for bad rows, and `dbt build` runs them between the
models: a failed test stops what lies behind it.

**How it works.** dbt renders the templates, sorts the graph, and sends SQL to the warehouse; it moves no data itself. The project
here (`jobs/dbt`) has three models: `stg_flights` types the raw rows, `flight_facts` gathers them batch by batch, and
`carrier_delays` counts. `is_incremental()` adds the filter that makes a rerun read only batches newer than the table's newest. The
test `unique` on `flight_facts.flight_id` groups by the key and returns groups of more than one; zero rows is a pass. dbt's adapter
reports for each node what the engine said, such as `INSERT 0 500`: the proofs read that, and the tables.

**This run proves**
- *each model ran after those that it refers to*: the order in which nodes ended, against the graph in the SQL files;
- *a rerun inserts the new batch and no other row*: the engine's own count for the incremental model;
- *a rerun leaves old rows untouched*: the transaction that wrote each row (`xmin`) is still the same;
- *a doubled key fails the test*: which tests failed once a doubled key was planted;
- *nothing is built behind a failed test*: the mart's content, before and after.

**Break it.** `full_refresh`: every run rebuilds the table, right and ever slower. `run_only`: `dbt run` in place of `dbt build`: no test
stands between the models, and the mart counts the doubled flight.

**Where this stops.** The watermark misses rows that arrive late into an old batch: look back some batches, or rebuild now and then. A test runs
after the model is written, so `flight_facts` itself holds the bad row: `dbt build` guards what is downstream, not the tested
table. These runs use dbt-postgres: through the Redshift gateway the second run of an incremental model asks for
`pg_get_late_binding_view_cols()`, which the gateway does not have yet (tables and tests do work: `etl_or_elt`).

**Sources.** dbt: [ref](https://docs.getdbt.com/reference/dbt-jinja-functions/ref),
[incremental models](https://docs.getdbt.com/docs/build/incremental-models),
[data tests](https://docs.getdbt.com/docs/build/data-tests), [build](https://docs.getdbt.com/reference/commands/build),
[programmatic invocations](https://docs.getdbt.com/reference/programmatic-invocations).
"""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

BATCH_ROWS = 500
INSERT = """
    INSERT INTO raw_flights
    SELECT 'F' || id, date '2013-01-01' + id / 500, (array['AA', 'B6', 'UA'])[1 + id %% 3], (id * 7 %% 90 - 20)::text, %(batch)s
    FROM generate_series(%(first)s::int, %(last)s::int) AS id
"""


def load_batch(batch: int) -> None:
    """The load, which is not dbt's work: one more batch of raw flights, as text."""
    with scratch.connect() as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS raw_flights"
            " (flight_id text, flight_date text, carrier text, dep_delay text, batch int)"
        )
        first = (batch - 1) * BATCH_ROWS + 1
        connection.execute(INSERT, {"batch": batch, "first": first, "last": first + BATCH_ROWS - 1})


def query(statement: str) -> list[Any]:
    with scratch.connect() as connection:
        return connection.execute(statement).fetchall()


def parents() -> dict[str, list[str]]:
    """Which models each model refers to, read from the SQL files themselves."""
    from living_answers.dbt import PROJECT

    files = PROJECT.glob("models/**/*.sql")
    return {file.stem: re.findall(r"ref\('(\w+)'\)", file.read_text()) for file in files}


@answer(
    questions=["dbt-elt-models"],
    breaks={
        "full_refresh": {
            "what": "each run rebuilds the incremental model from all raw rows",
            "fails": ["a rerun inserts the new batch and no other row", "a rerun leaves old rows untouched"],
        },
        "run_only": {
            "what": "dbt run builds the models, and the tests are left for later",
            "fails": ["a doubled key fails the test", "nothing is built behind a failed test"],
        },
    },
    scratch=["schema"],
    engines=["dbt"],
)
def dbt_models():
    @task
    def build_three_times(params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Load a batch and build; load another and build; load a third with a doubled key and build."""
        from dataclasses import asdict

        from living_answers import dbt

        command = "run" if params["break_it"] == "run_only" else "build"
        fully = ["--full-refresh"] if params["break_it"] == "full_refresh" else []
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS raw_flights CASCADE")
        with dbt.session(scratch.schema()) as session:
            load_batch(1)
            first = session.run(command)
            written = query("SELECT flight_id, xmin::text FROM flight_facts ORDER BY 1")
            load_batch(2)
            second = session.run(command, *fully)
            kept = query("SELECT flight_id, xmin::text FROM flight_facts WHERE batch = 1 ORDER BY 1")
            mart = query("SELECT carrier, flights::int, late::int FROM carrier_delays ORDER BY 1")
            load_batch(3)
            query("INSERT INTO raw_flights SELECT * FROM raw_flights WHERE flight_id = 'F1250' RETURNING 1")
            third = session.run(command, *fully)
        return {
            "runs": [[asdict(node) for node in build.nodes] for build in (first, second, third)],
            "rows_kept": sum(before == after for before, after in zip(written, kept, strict=True)),
            "mart": [list(row) for row in mart],
        }

    @task
    def follow_the_graph(built: dict[str, Any]) -> None:
        ended = [node["name"] for node in built["runs"][0] if node["kind"] == "model"]
        due = [[model, parent] for model, above in parents().items() for parent in above]
        kept = [[model, parent] for model, parent in due if ended.index(parent) < ended.index(model)]
        prove("each model ran after those that it refers to", observed=kept, expected=due, how="rows")

    @task
    def count_new_rows(built: dict[str, Any]) -> None:
        rows = next(node["rows"] for node in built["runs"][1] if node["name"] == "flight_facts")
        due = query("SELECT count(*) FROM raw_flights WHERE batch = 2")[0][0]
        prove("a rerun inserts the new batch and no other row", observed=rows, expected=due, unit="rows")

    @task
    def find_old_rows(built: dict[str, Any]) -> None:
        due = query("SELECT count(*) FROM raw_flights WHERE batch = 1")[0][0]
        prove("a rerun leaves old rows untouched", observed=built["rows_kept"], expected=due, unit="rows")

    @task
    def test_the_key(built: dict[str, Any]) -> None:
        failed = [node["name"] for node in built["runs"][2] if node["status"] == "fail"]
        prove("a doubled key fails the test", observed=failed, expected=["unique_flight_facts_flight_id"])

    @task
    def stop_behind_it(built: dict[str, Any]) -> None:
        mart = query("SELECT carrier, flights::int, late::int FROM carrier_delays ORDER BY 1")
        prove("nothing is built behind a failed test", observed=[list(row) for row in mart], expected=built["mart"])

    built = build_three_times()
    follow_the_graph(built)
    count_new_rows(built)
    find_old_rows(built)
    test_the_key(built)
    stop_behind_it(built)
