"""# How do you check data for nulls, duplicates, formats, ranges and references along a pipeline?

**Say it.** Write each rule as a query for the rows that break it, with a severity and the first point that can see it. Run it
there, store the result as a row, stop at an error and report a warning. And test the tests: every rule gets one fixture that
passes and one that fails.

**How it works.** Nulls and formats show as soon as a batch has landed, duplicates and ranges when it is staged, references
when the other table is at hand. A batch moves to the next point only if no rule of severity `error` has found a row; the
table of results keeps every verdict, also the good ones, with the number of rows looked at, since "0 bad rows" of 0 rows says
nothing. A rule judges one thing: a missing amount breaks the null rule, not the range rule, and so no row is blamed twice.
The rules stand here in SQL, which works where the data lies; [validation_tools](validation_tools) says them in pandera and in
Great Expectations as well, and what that costs.

**This run proves**
- *each rule tells its two fixtures apart*: five rules, each run on a good table and on one with a single fault;
- *an error stops publication, a warning only reports*: a clean batch, one with an odd e-mail, one with a negative amount;
- *every verdict is stored as a row*: rules of all points that the batch reached, and none beyond.

**Break it.** `never_fails`: the range rule is written with AND for OR, and is always green. `publish_first`: the batch is
published and checked afterwards, as many dashboards are.

**Where this stops.** Checks find, people mend: a rule says nothing of why, and of nothing that nobody thought of; that is what
[anomaly alerts](anomaly_alerts) are for. A format rule accepts `nobody@nowhere.xyz`. On a table of billions run the rules on the
new partition, and the unique rule against the key's index.

**Sources.** [Great Expectations: create an expectation](https://docs.greatexpectations.io/docs/core/define_expectations/create_an_expectation/)
(severity), [dbt: severity of tests](https://docs.getdbt.com/reference/resource-configs/severity), PostgreSQL:
[comparison with null](https://www.postgresql.org/docs/18/functions-comparison.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS = 3_000
EMAIL = r"^[^@ ]+@[^@ ]+\.[^@ ]+$"
COUNTRIES = ("DE", "FR", "GB", "US")
#: rule -> the first point that can see it, its severity, and the condition of a row that breaks it
RULES = {
    "customer is given": ("landed", "error", "customer IS NULL"),
    "email has the form": ("landed", "warning", f"email !~ '{EMAIL}'"),
    "id is unique": ("staged", "error", "id IN (SELECT id FROM batch GROUP BY id HAVING count(*) > 1)"),
    "amount is in range": ("staged", "error", "amount < 0 OR amount > 10000"),
    "country is known": ("joined", "error", "NOT EXISTS (SELECT FROM countries WHERE code = country)"),
}
POINTS = ("landed", "staged", "joined")
GOOD = {"line": 1, "id": 1, "customer": "Ada", "email": "ada@example.org", "amount": 9.5, "country": "GB"}
#: rule -> a table that breaks it, and no other rule
BAD = {
    "customer is given": [GOOD | {"customer": None}],
    "email has the form": [GOOD | {"email": "ada at example.org"}],
    "id is unique": [GOOD, GOOD | {"line": 2}],
    "amount is in range": [GOOD | {"amount": -9.5}],
    "country is known": [GOOD | {"country": "UK"}],
}
TABLES = """
CREATE TEMP TABLE batch (line int, id int, customer text, email text, amount numeric, country text);
CREATE TEMP TABLE countries (code text);
CREATE TEMP TABLE published (LIKE batch);
CREATE TEMP TABLE results (batch text, point text, rule text, severity text, looked_at int, lines int[]);
"""
CHECK = "SELECT count(*), coalesce(array_agg(line ORDER BY line) FILTER (WHERE {breaks}), '{{}}') FROM batch"


def make_tables(connection: Any) -> None:
    connection.execute(TABLES)
    connection.execute("INSERT INTO countries SELECT unnest(%s::text[])", [list(COUNTRIES)])


def fill(connection: Any, rows: list[dict[str, Any]]) -> None:
    connection.execute("TRUNCATE batch")
    with connection.cursor().copy("COPY batch FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def check(connection: Any, rule: str, break_it: str | None) -> tuple[int, list[int]]:
    """Return how many rows of the batch were looked at, and the lines that break the rule."""
    breaks = RULES[rule][2]
    if break_it == "never_fails":
        breaks = breaks.replace(" OR ", " AND ")
    return connection.execute(CHECK.format(breaks=breaks)).fetchone()


def run_batch(connection: Any, name: str, rows: list[dict[str, Any]], break_it: str | None) -> None:
    """Take a batch from point to point; publish it at the end, unless an error has stopped it."""
    publish = "INSERT INTO published SELECT batch.* FROM batch JOIN countries ON code = country"
    fill(connection, rows)
    if break_it == "publish_first":
        connection.execute(publish)
    for point in POINTS:
        stop = False
        for rule, (where, severity, _) in RULES.items():
            if where == point:
                looked_at, lines = check(connection, rule, break_it)
                result = [name, point, rule, severity, looked_at, lines]
                connection.execute("INSERT INTO results VALUES (%s, %s, %s, %s, %s, %s)", result)
                stop = stop or (severity == "error" and len(lines) > 0)
        if stop:
            return
    if break_it != "publish_first":
        connection.execute(publish)


def many(faults: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a batch of good rows, with faults at the given lines."""
    lines = range(1, ROWS + 1)
    return [
        GOOD | {"line": n, "id": n, "amount": n % 997 / 4, "country": COUNTRIES[n % 4]} | faults.get(n, {})
        for n in lines
    ]


@answer(
    questions=["dq-validation-checks"],
    breaks={
        "never_fails": {
            "what": "the range rule is written with AND for OR, and no row can break it",
            "fails": ["each rule tells its two fixtures apart"],
        },
        "publish_first": {
            "what": "the batch is published, and then checked",
            "fails": ["an error stops publication, a warning only reports"],
        },
    },
    claims={
        "c-004-dq-validation-points": {
            "verdict": "holds",
            "proof": "an error stops publication, a warning only reports",
            "truth": "Checks at several points keep bad rows from being published, each where it can first see them; they "
            "find, and people and rules mend.",
        }
    },
    scratch=["schema"],
)
def validation_checks():
    @task
    def test_each_rule(params: dict[str, Any] | None = None) -> None:
        found = {}
        with scratch.connect() as connection:
            make_tables(connection)
            for name, rows in [("nothing", [GOOD]), *BAD.items()]:
                fill(connection, rows)
                found[name] = [rule for rule in RULES if check(connection, rule, params["break_it"])[1]]
        due = {"nothing": [], **{rule: [rule] for rule in RULES}}
        prove("each rule tells its two fixtures apart", observed=found, expected=due)

    @task
    def let_batches_through(params: dict[str, Any] | None = None) -> None:
        batches = {"clean": {}, "odd email": {7: {"email": "?"}}, "negative": {7: {"amount": -1}}}
        published = {}
        with scratch.connect() as connection:
            make_tables(connection)
            for name, faults in batches.items():
                run_batch(connection, name, many(faults), params["break_it"])
                published[name] = connection.execute("SELECT count(*) FROM published").fetchone()[0]
                connection.execute("TRUNCATE published")
            results = connection.execute("SELECT batch, rule, looked_at, cardinality(lines) FROM results").fetchall()
        wrong = {"odd email": "email has the form", "negative": "amount is in range"}
        due = [(name, rule, ROWS, int(wrong.get(name) == rule)) for name in batches for rule in RULES]
        due.remove(("negative", "country is known", ROWS, 0))  # the one point that the batch did not reach
        prove("every verdict is stored as a row", observed=results, expected=due, how="rows")
        due = {"clean": ROWS, "odd email": ROWS, "negative": 0}
        prove("an error stops publication, a warning only reports", observed=published, expected=due)

    test_each_rule() >> let_batches_through()
