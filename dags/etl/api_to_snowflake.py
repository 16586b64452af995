"""# How do you build the project: API to pandas to Snowflake, run by Airflow?

**Say it.** One run loads one logical date and owns that date's rows. It pulls the date from the API, trying again after a 503,
cleans it with pandas, stages a file and copies it; then it deletes the date from the table and inserts it, in one transaction. So a
retry, a rerun and a backfill leave the same table.

**How it works.** The date comes from the run, never from the clock, so that a run made today for last January asks for last
January. One layer retries: the client here, which waits and asks again when the error is *transient* (a 503), and gives up at
once when it is not (a 401). pandas shapes the page of records into typed columns and drops what has no departure. The load is
a file and a COPY, not an INSERT for each row: a columnar warehouse writes a file's worth of rows for the price of one.
Delete-and-insert by date makes the date the unit of idempotence; a MERGE would not remove a row that the source has withdrawn.

**This run proves**
- *a 503 is tried again and no flight is lost*: rows received for each date against what the source serves;
- *each date cost one request more than its pages*: counted by the server that said 503;
- *backfill and daily runs leave the same table*: a checksum over all rows, one table filled day by day with a rerun in between, the
  other backwards;
- *the table holds what the API serves*: rows and sums by date, recomputed from the API's records without pandas.

**Break it.** `append`: the load inserts without deleting the date first, and the rerun doubles it. `no_retry`: the client asks once,
the 503 ends the date, and the table has a hole.

**Where this stops.** **fakesnow** stands in for Snowflake: its client and its SQL, on DuckDB. The three dates are three mapped
tasks of one run, to keep them in one page; in production each would be a run of its own (`flights_ingest` is built so, by
partition). The source must still know the past: where it overwrites, keep the raw answers.

**Sources.** Airflow: [DAG runs](https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/dag-run.html),
[backfill](https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/backfill.html),
[best practices](https://airflow.apache.org/docs/apache-airflow/stable/best-practices.html).
[503 and Retry-After, RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#name-503-service-unavailable). Snowflake:
[loading data](https://docs.snowflake.com/en/user-guide/data-load-considerations-load),
[transactions](https://docs.snowflake.com/en/sql-reference/transactions).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers import engines
from living_answers.answers import answer, prove, scratch

DATES = ["2013-01-01", "2013-01-02", "2013-01-03"]


def api() -> tuple[str, str]:
    from airflow.sdk import Connection

    connection = Connection.get("flights_api")
    return f"http://{connection.host}:{connection.port}", connection.password


def served() -> dict[str, list[dict[str, Any]]]:
    """What the API itself serves for each date: what the proofs compare with."""
    from living_answers.sources.flights import FlightsSource

    with FlightsSource(*api()) as source:
        return {date: [row for page in source.pages(date) for row in page.rows] for date in DATES}


@answer(
    questions=["etl-airflow-api-pandas-snowflake"],
    claims={
        "c-002-project-snowflake-pandas": {
            "verdict": "not testable here",
            "proof": "backfill and daily runs leave the same table",
            "truth": "Airflow can do it, with files staged and copied in place of row inserts, and one logical date a run. Shown "
            "here on fakesnow, with Snowflake's client; Snowflake itself runs only in its cloud.",
        }
    },
    breaks={
        "append": {
            "what": "the load inserts the date without deleting it first",
            "fails": ["backfill and daily runs leave the same table", "the table holds what the API serves"],
        },
        "no_retry": {
            "what": "the client takes a 503 for an answer",
            "fails": ["a 503 is tried again and no flight is lost", "the table holds what the API serves"],
        },
    },
    scratch=["prefix"],
    engines=["snowflake"],
    stand_ins={"snowflake": "fakesnow: Snowflake's own client and SQL, on DuckDB"},
)
def api_to_snowflake():
    @task
    def pull_and_clean(date: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        import httpx
        import pandas as pd
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        from living_answers.local_server import Reply, Request, serve
        from living_answers.sources.errors import TransientError
        from living_answers.sources.flights import FlightsSource

        upstream, token = api()

        def unavailable_at_first(request: Request) -> Reply:
            """Answer 503 to the first request, and pass the others on to the API."""
            if len(server.requests) == 1:
                return Reply(503)
            passed = httpx.get(upstream + request.path, headers={"Authorization": request.headers["authorization"]})
            return Reply(passed.status_code, passed.content, {"Link": passed.headers.get("Link", "")})

        attempts = Retrying(
            stop=stop_after_attempt(1 if params["break_it"] == "no_retry" else 4),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            retry=retry_if_exception_type(TransientError),
            reraise=True,
        )
        with serve(unavailable_at_first) as server, FlightsSource(server.url, token) as source:
            try:
                pages = attempts(lambda: list(source.pages(date)))
            except TransientError as gone:
                print(f"{date} is not loaded: {gone}")
                pages = []
        records = [record for page in pages for record in page.rows]
        columns = ["flight_id", "date", "carrier", "origin", "dest", "dep_time", "dep_delay"]
        clean = pd.DataFrame(records, columns=columns).drop_duplicates("flight_id").dropna(subset=["dep_time"])
        clean = clean.astype({"dep_time": int, "dep_delay": int})
        key = f"{scratch.prefix()}{date}.csv"
        lake = scratch.lake()
        lake.put(key, clean.to_csv(index=False).encode())
        where = {"Bucket": lake.bucket, "Key": key}
        url = lake.client.generate_presigned_url("get_object", Params=where, ExpiresIn=300)
        return {"date": date, "url": url, "rows": len(records), "requests": len(server.requests)}

    @task
    def place_order(days: list[dict[str, Any]], params: dict[str, Any] | None = None) -> dict[str, Any]:
        how = {"server": engines.settings("snowflake"), "schema": scratch.name(), "break_it": params["break_it"]}
        return {**how, "days": list(days)}

    @task.external_python(python=engines.python("snowflake"), expect_airflow=False)
    def load_daily_and_backfill(order: dict) -> dict:
        import hashlib
        import tempfile
        import urllib.request

        import snowflake.connector

        where = {"host": order["server"]["host"], "port": int(order["server"]["port"]), "protocol": "http"}
        client = snowflake.connector.connect(user="answers", password="none", account="fakesnow", **where)  # noqa: S106
        cursor = client.cursor()
        columns = "flight_id TEXT, date DATE, carrier TEXT, origin TEXT, dest TEXT, dep_time INT, dep_delay INT"

        def run(statement: str) -> list:
            return cursor.execute(statement).fetchall()

        def load(table: str, date: str) -> None:
            """Put one date's file on the stage, copy it into a staging table, and replace the date."""
            run(f"CREATE OR REPLACE TEMPORARY TABLE incoming ({columns})")
            run(f"COPY INTO incoming FROM @files/{date}.csv FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)")
            run("BEGIN")
            if order["break_it"] != "append":
                run(f"DELETE FROM {table} WHERE date = '{date}'")  # noqa: S608
            run(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608
            run("COMMIT")

        run("CREATE DATABASE IF NOT EXISTS answers")
        run("USE DATABASE answers")
        run(f"CREATE OR REPLACE SCHEMA {order['schema']}")
        run(f"USE SCHEMA {order['schema']}")
        try:
            run("CREATE OR REPLACE STAGE files")
            with tempfile.TemporaryDirectory() as folder:
                for day in (day for day in order["days"] if day["rows"]):
                    urllib.request.urlretrieve(day["url"], f"{folder}/{day['date']}.csv")  # noqa: S310
                    run(f"PUT file://{folder}/{day['date']}.csv @files AUTO_COMPRESS = FALSE")
            dates = [day["date"] for day in order["days"]]
            found = {"engine": "fakesnow on DuckDB, for Snowflake"}
            for table, runs in {"daily": [*dates[:2], dates[1], *dates[2:]], "backfilled": dates[::-1]}.items():
                run(f"CREATE TABLE {table} ({columns})")
                for date in runs:
                    load(table, date)
                rows = run(f"SELECT * FROM {table} ORDER BY flight_id")  # noqa: S608
                found[table] = [len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()]
            by_date = run("SELECT date, COUNT(*), SUM(dep_delay) FROM daily GROUP BY date")
            return found | {"by_date": [[str(date), rows, int(delay)] for date, rows, delay in by_date]}
        finally:
            run(f"DROP SCHEMA {order['schema']}")
            client.close()

    @task
    def count_what_came(days: list[dict[str, Any]]) -> None:
        due = {date: len(rows) for date, rows in served().items()}
        came = {day["date"]: day["rows"] for day in days}
        prove("a 503 is tried again and no flight is lost", observed=came, expected=due, unit="rows")
        requests = {day["date"]: day["requests"] for day in days}
        pages = {date: -(-rows // 200) for date, rows in due.items()}
        expected = {date: count + 1 for date, count in pages.items()}
        prove("each date cost one request more than its pages", observed=requests, expected=expected)

    @task
    def compare_backfill_with_daily(tables: dict[str, Any]) -> None:
        daily, again, unit = tables["daily"], tables["backfilled"], "rows, checksum"
        prove("backfill and daily runs leave the same table", observed=daily, expected=again, unit=unit)

    @task
    def compare_with_the_api(tables: dict[str, Any]) -> None:
        flown = {date: [row for row in rows if row["dep_time"] is not None] for date, rows in served().items()}
        due = [[date, len(rows), sum(row["dep_delay"] for row in rows)] for date, rows in flown.items()]
        prove("the table holds what the API serves", observed=tables["by_date"], expected=due, how="rows")

    days = pull_and_clean.expand(date=DATES)
    tables = load_daily_and_backfill(place_order(days))
    count_what_came(days)
    compare_backfill_with_daily(tables)
    compare_with_the_api(tables)
