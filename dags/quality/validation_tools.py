"""# Which tool should check the data: plain SQL, pandera or Great Expectations?

**Say it.** The rules are the same in all three, and so are their verdicts, once each tool's defaults are known. SQL checks where
the data lies and costs least. pandera suits frames inside a program. Great Expectations brings suites, severities and pages for
people, and seconds of import. Choose by where the data is and who reads the result.

**How it works.** Three thousand rows with a fault for each of five rules (a null, a wrong form, a doubled key, an amount out of
range, an unknown reference) are judged three times, and each tool names the lines that it blames. One more line lacks its e-mail,
which no rule forbids: a missing value is the null rule's business, and the rule on forms must let it pass. The cost is CPU time:
what a fresh interpreter spends on the import, and what the checks take once all is imported. SQL's work is done by another process,
so its statements are counted by the clock, connecting included, which is more than their CPU time and so to SQL's disadvantage;
of each tool's three turns the least counts, as a busy machine makes any of them dearer.

**This run proves**
- *three tools blame the same lines*, which are also those that were planted;
- *pandera costs more than SQL*, import and checks together;
- *Great Expectations costs several times as much as SQL*, three times at the least, and *nearly all of that is its import*: a
  process that has it in memory already, as this platform's scheduler has for the tasks that it forks, pays little for the checks.

**Break it.** `defaults`: pandera and pandas as they come. A `Column` is not nullable unless it is told, and so the rule on e-mail
forms blames the missing one; `duplicated()` blames only the second of two equal keys, where SQL and Great Expectations blame both.

**Where this stops.** The factors are those of a small batch: an import is paid once for each process, and over millions of rows
the engine and the amount of data moved decide. Great Expectations also runs its expectations as SQL inside a database; pandera has
other backends, too. What a suite is worth to those who read its pages is not measured here: the gate of the flights' main job uses
Great Expectations for that reason. When to stop and when to warn is [validation_checks](validation_checks)' answer.

**Sources.** [Great Expectations: create an expectation](https://docs.greatexpectations.io/docs/core/define_expectations/create_an_expectation/),
[result format](https://docs.greatexpectations.io/docs/core/trigger_actions_based_on_results/choose_a_result_format/),
[pandera: lazy validation](https://pandera.readthedocs.io/en/stable/lazy_validation.html),
[null values in columns](https://pandera.readthedocs.io/en/stable/dataframe_schemas.html),
[pandas: duplicated](https://pandas.pydata.org/docs/reference/api/pandas.Series.duplicated.html).
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS = 3_000
EMAIL = r"^[^@ ]+@[^@ ]+\.[^@ ]+$"
COUNTRIES = ("DE", "FR", "GB", "US")
RULES = ("customer is given", "email has the form", "id is unique", "amount is in range", "country is known")
#: line -> what is odd there; by rule, the lines that are to be blamed. That an e-mail is missing is against no rule.
ODD = {5: {"customer": None}, 8: {"email": "x"}, 21: {"id": 22}, 34: {"amount": 1e6}, 55: {"country": "UK"}}
MISSING = {13: {"email": None}}
DUE = dict(zip(RULES, [[5], [8], [21, 22], [34], [55]], strict=True))
ORDERS = "CREATE TEMP TABLE orders (line int, id int, customer text, email text, amount numeric, country text)"
SQL = """
SELECT array_agg(line ORDER BY line) FILTER (WHERE customer IS NULL),
    array_agg(line ORDER BY line) FILTER (WHERE email !~ %(email)s),
    array_agg(line ORDER BY line) FILTER (WHERE times > 1),
    array_agg(line ORDER BY line) FILTER (WHERE amount < 0 OR amount > 10000),
    array_agg(line ORDER BY line) FILTER (WHERE country <> ALL (%(countries)s))
FROM (SELECT *, count(*) OVER (PARTITION BY id) AS times FROM orders)
"""


def make_orders() -> list[dict[str, Any]]:
    good = {"customer": "Ada", "email": "ada@example.org"}
    return [
        {"line": n, "id": n, **good, "amount": n % 997 / 4, "country": COUNTRIES[n % 4]} | (ODD | MISSING).get(n, {})
        for n in range(1, ROWS + 1)
    ]


def blame_by_sql(rows: list[dict[str, Any]]) -> dict[str, list[int]]:
    with scratch.connect() as connection:
        connection.execute(ORDERS)
        with connection.cursor().copy("COPY orders FROM STDIN") as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
        blamed = connection.execute(SQL, {"email": EMAIL, "countries": list(COUNTRIES)}).fetchone()
    return dict(zip(RULES, blamed, strict=True))


def blame_by_pandera(frame: Any, break_it: str | None) -> dict[str, list[int]]:
    import pandera.pandas as pa

    as_it_comes = break_it == "defaults"
    keep = "first" if as_it_comes else False
    checks = {
        "customer": pa.Column(str, nullable=False),
        "email": pa.Column(str, pa.Check.str_matches(EMAIL), nullable=not as_it_comes),
        "id": pa.Column(int, pa.Check(lambda ids: ~ids.duplicated(keep=keep))),
        "amount": pa.Column(float, pa.Check.in_range(0, 10_000)),
        "country": pa.Column(str, pa.Check.isin(COUNTRIES)),
    }
    try:
        pa.DataFrameSchema(checks).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        blamed = found.failure_cases.groupby("column")["index"].apply(sorted)
    return {rule: blamed.get(column, []) for rule, column in zip(RULES, checks, strict=True)}


def blame_by_great_expectations(frame: Any, break_it: str | None) -> dict[str, list[int]]:
    import great_expectations as gx

    expect = gx.expectations
    checks = [
        expect.ExpectColumnValuesToNotBeNull(column="customer"),
        expect.ExpectColumnValuesToMatchRegex(column="email", regex=EMAIL),
        expect.ExpectColumnValuesToBeUnique(column="id"),
        expect.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=10_000),
        expect.ExpectColumnValuesToBeInSet(column="country", value_set=COUNTRIES),
    ]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("orders")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite("orders", expectations=checks)
    results = batch.validate(suite, result_format="COMPLETE").results
    return {rule: sorted(one.result["unexpected_index_list"]) for rule, one in zip(RULES, results, strict=True)}


def cost_of_import(module: str) -> float:
    """Return the CPU seconds that a fresh interpreter spends on importing a module; here it is in memory already."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@answer(
    questions=["dq-validation-checks"],
    breaks={
        "defaults": {
            "what": "pandera and pandas as they come: a missing e-mail has a wrong form, the first of two equal keys is right",
            "fails": ["three tools blame the same lines"],
        }
    },
    scratch=["schema"],
)
def validation_tools():
    @task
    def blame_three_times(params: dict[str, Any] | None = None) -> dict[str, float]:
        import pandas as pd
        import pandera.pandas  # noqa: F401 - what an import costs is measured in an interpreter of its own
        import psycopg  # noqa: F401

        from living_answers.quality import import_quietly

        import_quietly()
        rows = make_orders()
        frame = pd.DataFrame(rows).set_index("line").rename_axis(None)
        ways = {
            "sql": (time.perf_counter, lambda: blame_by_sql(rows)),
            "pandera": (time.process_time, lambda: blame_by_pandera(frame, params["break_it"])),
            "great expectations": (time.process_time, lambda: blame_by_great_expectations(frame, params["break_it"])),
        }
        blamed, seconds = {}, {}
        for name, (clock, blame) in ways.items():
            turns = []
            for _ in range(3):
                start = clock()
                blamed[name] = blame()
                turns.append(clock() - start)
            seconds[name] = min(turns)
        print(seconds)
        prove("three tools blame the same lines", observed=blamed, expected=dict.fromkeys(blamed, DUE))
        return seconds

    @task
    def compare_costs(seconds: dict[str, float]) -> None:
        sql = seconds["sql"] + cost_of_import("psycopg")
        pandera = seconds["pandera"] + cost_of_import("pandera.pandas")
        prove("pandera costs more than SQL", observed=[pandera, sql], expected=1, how="times_at_least")
        checks, imported = seconds["great expectations"], cost_of_import("great_expectations")
        costs = [checks + imported, sql]
        prove("Great Expectations costs several times as much as SQL", observed=costs, expected=3, how="times_at_least")
        prove("nearly all of that is its import", observed=[imported, checks], expected=5, how="times_at_least")

    compare_costs(blame_three_times())
