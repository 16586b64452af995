"""# What share of iPhone buyers buys AirPods next, and what share at any later time?

**Say it.** Two questions. For the very next purchase, LEAD over each customer's rows; for any later one, the same window with a frame
from the next row to the end. The denominator is the distinct iPhone buyers. I ask what a basket is: items with one timestamp
have no order, unless a tie-breaker gives them one.

**How it works.** `steps` looks at each purchase and what follows it, before any row is filtered: `WHERE product = 'iPhone'` in the same SELECT
would take the AirPods away before LEAD could see them. `buyers` folds a customer's iPhones into one row, so that who buys
two counts once, and it is enough if one of the two is followed.

The readings differ only by what the window sees. *Next row*: LEAD, ordered by time and then by the transaction's number. *Next basket*: GROUPS BETWEEN 1
FOLLOWING AND 1 FOLLOWING, where rows of equal time are one group, so no tie-breaker is needed. *Any later*: the same
up to UNBOUNDED FOLLOWING.

The sample in the notes (`sql/iphone_then_airpods_as_printed.sql`) lacks one closing parenthesis, the one before `AS percentage`. Repaired, it has
a second fault: its title says "after", its steps say "next purchase", and LEAD answers only the latter.
Who buys an iPhone, a case, then AirPods is not counted. And its LEAD has no tie-breaker.

**This run proves**
- *PostgreSQL rejects the printed text*, *SQLite rejects the printed text*;
- *with one parenthesis it counts the next row only*: on both engines, against a loop, with every customer who has a basket of several left out;
- *the sample misses a purchase in between*: the share of any later time is much larger, on the same rows;
- *each buyer is judged as by a loop*: all three readings, for planted customers and 400 random ones;
- *the shares are those of a loop*: the denominator counts a repeat buyer once;
- *without a tie-breaker the order on disk decides*: the sample on the rows as they are and in reverse;
  *the rows' order on disk does not matter* to the answer's query;
- *an empty table gives NULL*, *without NULLIF PostgreSQL raises*, *without the .0 the fraction is cut off*.

**Break it.** `next_for_later`: the next row stands for any later one. `no_tie_breaker`: LEAD is ordered by time alone.

**Where this stops.** One more reading is open: next after the *first* iPhone, or after any. And "after" has no end here: years later counts as well.
NULL for no buyers is honest in a report, and may need a default in a dashboard. SQLite gives NULL for a division by zero
anyway; PostgreSQL does not.

**Sources.** PostgreSQL: [window functions](https://www.postgresql.org/docs/18/functions-window.html),
[frames: ROWS, RANGE, GROUPS](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-WINDOW-FUNCTIONS),
[NULLIF](https://www.postgresql.org/docs/18/functions-conditional.html#FUNCTIONS-NULLIF),
[integer division](https://www.postgresql.org/docs/18/functions-math.html). SQLite: [window functions](https://www.sqlite.org/windowfunctions.html).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

SQL = Path(__file__).parent / "sql"
ROWS = "SELECT customer_id, product, transaction_timestamp::text, transaction_id FROM transactions"


def read(name: str) -> str:
    return (SQL / f"iphone_then_airpods_{name}.sql").read_text()


def repaired_sample() -> str:
    return read("as_printed").replace(", 0) AS percentage", ", 0)) AS percentage")


def make_buyers(connection: Any, break_it: str | None = None) -> None:
    """The answer's query as a view of this session, broken if so wished."""
    query = read("buyers")
    if break_it == "next_for_later":
        query = query.replace("BOOL_OR(ever_after)", "BOOL_OR(next_product = 'AirPods')")
    if break_it == "no_tie_breaker":
        query = query.replace("ORDER BY transaction_timestamp, transaction_id", "ORDER BY transaction_timestamp")
    connection.execute("CREATE OR REPLACE TEMP VIEW buyers AS " + query)


def judge_by_loop(rows: list[Any]) -> list[tuple[str, bool, bool, bool]]:
    """Each buyer's iPhones, one by one, against the rows that follow: next row, next basket, any later."""
    purchases: dict[str, list[Any]] = {}
    for customer, product, time, number in rows:
        purchases.setdefault(customer, []).append((time, number, product))
    judged = []
    for customer, own in purchases.items():
        own.sort(key=lambda purchase: purchase[:2])
        iphones = [i for i, (_, _, product) in enumerate(own) if product == "iPhone"]
        row = any(product == "AirPods" for i in iphones for _, _, product in own[i + 1 : i + 2])
        rest = [[purchase for purchase in own if purchase[0] > own[i][0]] for i in iphones]
        later = [(time, after[0][0]) for after in rest for time, _, product in after if product == "AirPods"]
        judged += [(customer, row, any(time == first for time, first in later), bool(later))] if iphones else []
    return judged


def count_shares(judged: list[Any]) -> list[float]:
    return [round(100 * sum(buyer[i] for buyer in judged) / len(judged), 6) for i in (1, 2, 3)]


def first_row(connection: Any, query: str) -> list[float]:
    return [round(float(value), 6) for value in connection.execute(query).fetchone()]


@answer(
    questions=["sql-iphone-then-airpods"],
    breaks={
        "next_for_later": {
            "what": "the next row stands for any later one, as in the notes' sample",
            "fails": ["each buyer is judged as by a loop"],
        },
        "no_tie_breaker": {
            "what": "LEAD is ordered by time alone, and a basket has one time",
            "fails": ["each buyer is judged as by a loop", "the rows' order on disk does not matter"],
        },
    },
    claims={
        "c-003-sql-sample-runs": {
            "verdict": "wrong",
            "proof": "PostgreSQL rejects the printed text",
            "truth": "A closing parenthesis is missing before AS percentage; with it the query runs.",
        },
        "c-003-sql-next-is-after": {
            "verdict": "imprecise",
            "proof": "the sample misses a purchase in between",
            "truth": "LEAD sees the very next purchase only; at any later time is another, larger share.",
        },
        "c-003-sql-lead-sequence": {
            "verdict": "imprecise",
            "proof": "without a tie-breaker the order on disk decides",
            "truth": "It does if no two rows of a customer have the same time, or a unique column breaks the ties.",
        },
        "c-003-sql-denominator": {
            "verdict": "holds",
            "proof": "the shares are those of a loop",
            "truth": "Who buys two iPhones is one buyer.",
        },
        "c-003-sql-nullif": {
            "verdict": "holds",
            "proof": "an empty table gives NULL",
            "truth": "The share of nobody is then NULL, which a report may have to replace.",
        },
        "c-003-sql-times-100": {
            "verdict": "holds",
            "proof": "without the .0 the fraction is cut off",
            "truth": "The decimal point matters as well: counts are whole numbers, and so is their quotient.",
        },
    },
    scratch=["schema"],
)
def iphone_then_airpods():
    @task
    def record_purchases() -> None:
        with scratch.connect() as connection:
            connection.execute(read("tables"))

    @task
    def run_the_sample() -> None:
        import sqlite3

        import psycopg

        with scratch.connect() as connection, sqlite3.connect(":memory:") as lite:
            connection.execute("CREATE TEMP TABLE transactions AS SELECT * FROM without_baskets")  # it hides the other
            rows = connection.execute(ROWS).fetchall()
            lite.execute("CREATE TABLE transactions (customer_id, product, transaction_timestamp, transaction_id)")
            lite.executemany("INSERT INTO transactions VALUES (?, ?, ?, ?)", rows)
            syntax_error = psycopg.errors.SyntaxError
            with prove_raises("PostgreSQL rejects the printed text", syntax_error), connection.transaction():
                connection.execute(read("as_printed"))
            with prove_raises("SQLite rejects the printed text", sqlite3.OperationalError):
                lite.execute(read("as_printed"))
            said = [*first_row(connection, repaired_sample()), *first_row(lite, repaired_sample())]
        next_row, _, later = count_shares(judge_by_loop(rows))
        prove("with one parenthesis it counts the next row only", observed=said, expected=[next_row, next_row])
        missed = (later, said[0])
        prove("the sample misses a purchase in between", observed=missed, expected=1.5, how="times_at_least")

    @task
    def judge_each_buyer(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            make_buyers(connection, params["break_it"])
            judged = judge_by_loop(connection.execute(ROWS).fetchall())
            found = connection.execute("SELECT * FROM buyers").fetchall()
            prove("each buyer is judged as by a loop", observed=found, expected=judged, how="rows", unit="buyers")
            found = first_row(connection, read("shares"))
        prove("the shares are those of a loop", observed=found, expected=count_shares(judged), unit="percent")

    @task
    def reverse_the_rows(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            make_buyers(connection, params["break_it"])
            found = connection.execute("SELECT * FROM buyers").fetchall()
            said = first_row(connection, repaired_sample())
            connection.execute("CREATE TEMP TABLE transactions AS SELECT * FROM transactions ORDER BY 1 DESC")
            make_buyers(connection, params["break_it"])
            again = connection.execute("SELECT * FROM buyers").fetchall()
            apart = abs(said[0] - first_row(connection, repaired_sample())[0])
        prove("without a tie-breaker the order on disk decides", observed=apart, expected=0.01, how="at_least")
        prove("the rows' order on disk does not matter", observed=again, expected=found, how="rows")

    @task
    def divide_by_nobody() -> None:
        import psycopg

        with scratch.connect() as connection:
            make_buyers(connection)
            whole, exact = connection.execute(
                "SELECT 100 * SUM(next_row::int) / COUNT(*), 100.0 * SUM(next_row::int) / COUNT(*) FROM buyers"
            ).fetchone()
            found = [whole, exact > whole]
            prove("without the .0 the fraction is cut off", observed=found, expected=[int(exact), True])
            connection.execute("CREATE TEMP TABLE transactions AS SELECT * FROM transactions LIMIT 0")
            make_buyers(connection)
            nothing = connection.execute(read("shares")).fetchone()
            prove("an empty table gives NULL", observed=nothing, expected=(None, None, None))
            with prove_raises("without NULLIF PostgreSQL raises", psycopg.errors.DivisionByZero):
                connection.execute("SELECT 100.0 * COUNT(*) / COUNT(*) FROM buyers")

    recorded = record_purchases()
    recorded >> [run_the_sample(), judge_each_buyer(), reverse_the_rows(), divide_by_nobody()]
