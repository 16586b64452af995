"""# How would you do in a mock SQL interview, graded by a machine?

**Say it.** Say the grain and the traps before you write: NULLs, ties, empty groups, duplicates. Get it right on the example,
then invent the row that breaks it. Only then make it fast, by the plan: does the predicate use an index, is anything done once per
row that could be done once? Report buffers, not seconds.

**How it works.** Three problems on customers and orders; cover the submissions below and try them first.
1. *Never ordered*: the customers without any order. (Trap: an order whose customer is unknown.)
2. *Latest order* of each customer; of two on one day the larger id. (Trap: the tie; and one sub-query for each row.)
3. *Orders of March 1997*. (Trap: a function around the column hides it from the index.)

The grader is what such sites have: it runs a submission in a read-only transaction with a time limit, on the printed example and on
*hidden fixtures* with the nasty rows, against the same answer computed in Python; then on 30,000 orders of TPC-H under EXPLAIN, where
it may ask for at most three times the pages of the examiner's own solution. Pages do not depend on the machine; seconds do.

**This run proves**
- *right and quick answers pass*, also where they are written differently from the examiner's;
- *wrong answers are failed by a hidden fixture*: NOT IN with a NULL; a join on the latest day, which doubles ties;
- *slow answers are failed by their pages*: a correlated sub-query, and a function around the column;
- *what does not run is failed with its error*: a syntax error, and a statement that writes.

**Break it.** `example_only`: graded on the printed example alone, the wrong answers pass. `no_budget`: without the budget the slow ones
pass.

**Where this stops.** A grader sees rows and pages. A person also hears whether you asked what "latest" means, named the grain, and
said what an index costs. A read-only transaction creates no
table, but it may write to temporary tables that are there already.
The budget is relative to one solution on one distribution of data; three times leaves room for another idea.

**Sources.** PostgreSQL: [EXPLAIN](https://www.postgresql.org/docs/18/using-explain.html),
[NOT IN](https://www.postgresql.org/docs/18/functions-subquery.html#FUNCTIONS-SUBQUERY-NOTIN),
[DISTINCT ON](https://www.postgresql.org/docs/18/sql-select.html#SQL-DISTINCT),
[read-only transactions](https://www.postgresql.org/docs/18/sql-set-transaction.html).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

BUDGET = 3  # times the pages of the examiner's solution
MARCH = "1997-03-01", "1997-04-01"
EXAMINER = {
    "never ordered": """
        SELECT id FROM customers WHERE NOT EXISTS (SELECT FROM orders WHERE orders.customer = customers.id)
    """,
    "latest order": """
        SELECT DISTINCT ON (customer) customer, id
        FROM orders
        WHERE customer IS NOT NULL
        ORDER BY customer, placed DESC, id DESC
    """,
    "orders of March": """
        SELECT id FROM orders WHERE placed >= '1997-03-01' AND placed < '1997-04-01'
    """,
}
SUBMISSIONS = {
    ("never ordered", "anti join"): """
        SELECT customers.id FROM customers LEFT JOIN orders ON orders.customer = customers.id WHERE orders.id IS NULL
    """,
    ("never ordered", "NOT IN"): "SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM orders)",
    ("latest order", "window"): """
        SELECT customer, id
        FROM (
            SELECT customer, id, row_number() OVER (PARTITION BY customer ORDER BY placed DESC, id DESC) AS place
            FROM orders
            WHERE customer IS NOT NULL
        ) AS ranked
        WHERE place = 1
    """,
    ("latest order", "latest day"): """
        SELECT customer, id
        FROM orders
        INNER JOIN (SELECT customer, max(placed) AS placed FROM orders GROUP BY customer) AS latest
            USING (customer, placed)
    """,
    ("latest order", "correlated"): """
        SELECT customer, id
        FROM orders
        WHERE id = (
            SELECT id FROM orders AS own WHERE own.customer = orders.customer ORDER BY placed DESC, id DESC LIMIT 1
        )
    """,
    ("orders of March", "between"): "SELECT id FROM orders WHERE placed BETWEEN '1997-03-01' AND '1997-03-31'",
    ("orders of March", "function"): "SELECT id FROM orders WHERE to_char(placed, 'YYYY-MM') = '1997-03'",
    ("orders of March", "typing error"): "SELECT id FORM orders",
    ("orders of March", "writes"): "DELETE FROM orders RETURNING id",
}
# Customers, and orders: id, customer, placed. The first is printed with the problem, the others are hidden.
FIXTURES = {
    "the example": ([1, 2, 3], [(1, 1, "1997-03-01"), (2, 1, "1997-04-01"), (3, 2, "1997-03-31")]),
    "an unknown customer": ([1, 2], [(1, 1, "1997-02-28"), (2, None, "1997-03-15")]),
    "a tie": ([1, 2], [(1, 1, "1997-03-05"), (2, 1, "1997-03-05"), (3, 1, "1996-03-05"), (4, 2, "1998-03-05")]),
    "no orders": ([1, 2], []),
}


def reference(problem: str, customers: list[int], orders: list[Any]) -> list[Any]:
    """The answer in Python."""
    if problem == "never ordered":
        return [(customer,) for customer in customers if customer not in [order[1] for order in orders]]
    if problem == "orders of March":
        return [(id_,) for id_, _, placed in orders if MARCH[0] <= placed < MARCH[1]]
    latest: dict[int, tuple[str, int]] = {}
    for id_, customer, placed in orders:
        if customer is not None:
            latest[customer] = max(latest.get(customer, ("", 0)), (placed, id_))
    return [(customer, id_) for customer, (_, id_) in latest.items()]


def load(connection: Any, customers: list[int], orders: list[Any]) -> None:
    """Put small tables in the place of the large ones, which the caller's rollback brings back."""
    connection.execute("DROP TABLE customers, orders; CREATE TABLE customers (id int)")
    connection.execute("CREATE TABLE orders (id int, customer int, placed date)")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO customers VALUES (%s)", [(customer,) for customer in customers])
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", orders)


def attempt(connection: Any, sql: str) -> list[Any]:
    """Run what a stranger wrote: it may neither write nor run for long."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute("SET LOCAL statement_timeout = '10s'")
        return connection.execute(sql).fetchall()


def grade(connection: Any, problem: str, sql: str, break_it: str | None) -> str:
    from psycopg import Error

    from living_answers import plans

    for name in ["the example"] if break_it == "example_only" else FIXTURES:
        try:
            with connection.transaction(force_rollback=True):
                load(connection, *FIXTURES[name])
                rows = attempt(connection, sql)
        except Error as error:
            return f"error {error.sqlstate}"
        if Counter(rows) != Counter(reference(problem, *FIXTURES[name])):
            return f"wrong: {name}"
    own, theirs = plans.explain(connection, EXAMINER[problem]), plans.explain(connection, sql)
    plans.show(f"{problem}, submitted", theirs)
    plans.show(f"{problem}, the examiner's", own)
    return "slow" if theirs.buffers > BUDGET * own.buffers and break_it != "no_budget" else "passed"


@answer(
    questions=["sql-mock-design-optimization"],
    breaks={
        "example_only": {
            "what": "submissions are graded on the printed example",
            "fails": ["wrong answers are failed by a hidden fixture"],
        },
        "no_budget": {"what": "pages are not counted", "fails": ["slow answers are failed by their pages"]},
    },
    scratch=["schema"],
)
def mock_sql_interview():
    @task
    def grade_submissions(params: dict[str, Any] | None = None) -> dict[str, str]:
        from living_answers import plans, samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            plans.steady(connection)
            connection.execute("""
                DROP TABLE IF EXISTS customers, orders;
                CREATE TABLE customers AS SELECT c_custkey AS id FROM sample.customer;
                CREATE TABLE orders AS
                SELECT o_orderkey AS id, o_custkey AS customer, o_orderdate AS placed
                FROM sample.orders WHERE o_orderkey <= 120000 ORDER BY o_orderdate;  -- as they came in
                CREATE INDEX ON orders (customer, placed, id);
                CREATE INDEX ON orders (placed);
            """)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM (ANALYZE) customers, orders")
            graded = {
                f"{problem}: {name}": grade(connection, problem, sql, params["break_it"])
                for (problem, name), sql in SUBMISSIONS.items()
            }
        print(*graded.items(), sep="\n")
        return graded

    @task
    def compare_grades(graded: dict[str, str]) -> None:
        def of(*names: str) -> dict[str, str]:
            return {name: graded[name] for name in names}

        right = of("never ordered: anti join", "latest order: window", "orders of March: between")
        prove("right and quick answers pass", observed=right, expected=dict.fromkeys(right, "passed"))
        failing = {"orders of March: typing error": "error 42601", "orders of March: writes": "error 25006"}
        prove("what does not run is failed with its error", observed=of(*failing), expected=failing)
        slow = of("latest order: correlated", "orders of March: function")
        prove("slow answers are failed by their pages", observed=slow, expected=dict.fromkeys(slow, "slow"))
        wrong = {"never ordered: NOT IN": "wrong: an unknown customer", "latest order: latest day": "wrong: a tie"}
        prove("wrong answers are failed by a hidden fixture", observed=of(*wrong), expected=wrong)

    compare_grades(grade_submissions())
