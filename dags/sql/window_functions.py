"""# How do window functions rank, look around and add up, above all on ties?

**Say it.** A window function computes over related rows without collapsing them. On ties ROW_NUMBER numbers through, RANK
leaves gaps, DENSE_RANK does not. LAG and LEAD give NULL or a default at the edges. With ORDER BY the default
frame is RANGE, which adds up all ties at once; for a row-by-row total write ROWS.

**How it works.** PARTITION BY says which rows belong together, ORDER BY in which sequence, the frame which of them count. Window functions run after
WHERE, GROUP BY and HAVING, so a filter on their result needs a subquery or CTE around them. ROW_NUMBER over an order with ties picks
one of two equals at will: end the order in something unique, and the choice is yours. NULL sorts as if larger than every value, so
ORDER BY points DESC puts whoever has no points first, unless NULLS LAST is said.

The default frame is `RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW`: up to the current row *and its peers*. It surprises twice: a running total jumps by all
payments of a day in each of that day's rows, and LAST_VALUE returns the current peer, not the partition's last. RANK, LAG and LEAD ignore the frame.

For speed, a window reads the table once and sorts it. The same running total as a correlated subquery looks it up once for each row, as a self-join it
makes a pair for each earlier row. But every further window with another order sorts again, and an index in the window's
order saves a sort. That is why the notes' heading, performance optimisation, fits only sometimes: windows are for analysis.

**This run proves**
- *row number, rank and dense rank agree with their definitions*: by counting in Python who is better, with ties and a NULL;
- *LAG and LEAD give NULL or the default at the edges*: for each payment of each account;
- *the running total grows row by row*: ROWS, against a loop; *the default frame adds up a day at once*: RANGE, against a sum of all earlier days;
- *LAST_VALUE sees the last only with a frame to the end*;
- *the latest payment of each account is one row*: ROW_NUMBER with a tie-breaker;
- *window, self-join and subquery give one result*: a running total over 2,000 orders, against a loop;
- *the window reads the table once*, *the subquery reads it once for each row*, *the self-join makes a pair for each earlier row*: from the plans;
- *each further window sorts again*; *an index in the window's order saves the sort*.

**Break it.** `default_frame`: the running total leaves the frame out. `rank_for_row_number`: the latest payment is the one with rank 1,
and two payments of the last day share it.

**Where this stops.** A single partition larger than `work_mem` is sorted on disk. For the latest row of few groups DISTINCT ON or LATERAL with an index reads
less. Redshift wants an explicit ROWS frame whenever an aggregate has an ORDER BY, and so spares its users the default.

**Sources.** PostgreSQL: [window functions](https://www.postgresql.org/docs/18/functions-window.html),
[tutorial](https://www.postgresql.org/docs/18/tutorial-window.html),
[frames](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-WINDOW-FUNCTIONS),
[NULLs in ORDER BY](https://www.postgresql.org/docs/18/queries-order.html). Redshift:
[window function syntax](https://docs.aws.amazon.com/redshift/latest/dg/c_Window_functions.html).
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

TABLES = Path(__file__).parent / "sql" / "window_functions_tables.sql"
RANKS = """
    SELECT
        team, player,
        ROW_NUMBER() OVER (PARTITION BY team ORDER BY points DESC NULLS LAST, player),
        RANK() OVER (PARTITION BY team ORDER BY points DESC NULLS LAST),
        DENSE_RANK() OVER (PARTITION BY team ORDER BY points DESC NULLS LAST)
    FROM scores
"""
AROUND = """
    SELECT
        id,
        LAG(amount) OVER w AS before, LEAD(amount, 1, 0) OVER w AS after,
        SUM(amount) OVER (w ROWS UNBOUNDED PRECEDING) AS row_by_row,
        SUM(amount) OVER (PARTITION BY account ORDER BY paid_on) AS day_by_day,
        LAST_VALUE(id) OVER w AS own,
        LAST_VALUE(id) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last
    FROM payments
    WINDOW w AS (PARTITION BY account ORDER BY paid_on, id)
    ORDER BY account, paid_on, id
"""
LATEST = """
    WITH numbered AS (
        SELECT account, id, ROW_NUMBER() OVER (PARTITION BY account ORDER BY paid_on DESC, id DESC) AS place
        FROM payments
    )
    SELECT account, id FROM numbered WHERE place = 1
"""
WINDOW = """
    SELECT o_orderkey, SUM(o_totalprice) OVER (
        PARTITION BY o_custkey ORDER BY o_orderdate, o_orderkey ROWS UNBOUNDED PRECEDING) FROM orders"""
TWO_WINDOWS = WINDOW.replace("FROM", ", RANK() OVER (PARTITION BY o_orderpriority ORDER BY o_totalprice) FROM")
SUBQUERY = """
    SELECT o_orderkey, (
        SELECT SUM(o_totalprice) FROM orders AS earlier
        WHERE earlier.o_custkey = orders.o_custkey
            AND (earlier.o_orderdate, earlier.o_orderkey) <= (orders.o_orderdate, orders.o_orderkey)
    ) FROM orders
"""
SELF_JOIN = "SELECT * FROM by_self_join"  # a view, in the file of the tables


def rank_by_definition(team: list[Any]) -> list[tuple[Any, ...]]:
    """How many are better, how many better results there are, and how many come first; no points is worst."""
    points = {player: -1 if scored is None else scored for _, player, scored in team}
    ranked = []
    for name, player, _ in team:
        better = [other for other in points if points[other] > points[player]]
        equals = [other for other in points if points[other] == points[player] and other < player]
        ranked.append(
            (name, player, 1 + len(better) + len(equals), 1 + len(better), 1 + len({points[o] for o in better}))
        )
    return ranked


def look_around(own: list[Any]) -> list[tuple[Any, ...]]:
    """Each of an account's payments with what stands around it, by position and by day."""
    amounts = [amount for *_, amount in own]
    return [
        (id_, amounts[i - 1] if i else None, *(amounts[i + 1 : i + 2] or [0]), sum(amounts[: i + 1]),
         sum(amount for _, other, _, amount in own if other <= day), id_, own[-1][2])
        for i, (_, day, id_, _) in enumerate(own)
    ]  # fmt: skip


def by_first(rows: list[Any]) -> list[list[Any]]:
    return [list(group) for _, group in groupby(sorted(rows), key=lambda row: row[0])]


@answer(
    questions=["sql-window-functions"],
    breaks={
        "default_frame": {
            "what": "the running total has no frame, and its order ties",
            "fails": ["the running total grows row by row"],
        },
        "rank_for_row_number": {
            "what": "the latest payment is the one whose day has rank 1",
            "fails": ["the latest payment of each account is one row"],
        },
    },
    claims={
        "c-001-window-functions-are-optimization": {
            "verdict": "imprecise",
            "proof": "each further window sorts again",
            "truth": "They are for analysis; they beat self-joins and subqueries, yet every other order costs a sort.",
        },
    },
    scratch=["schema"],
)
def window_functions():
    @task
    def make_tables() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLES.read_text())

    @task
    def rank_the_players() -> None:
        with scratch.connect() as connection:
            found = connection.execute(RANKS).fetchall()
            teams = connection.execute("SELECT team, player, points FROM scores ORDER BY team, player").fetchall()
        due = [row for _, team in groupby(teams, key=lambda row: row[0]) for row in rank_by_definition(list(team))]
        prove("row number, rank and dense rank agree with their definitions", observed=found, expected=due, how="rows")

    @task
    def look_around_each_payment(params: dict[str, Any] | None = None) -> None:
        around, latest = AROUND, LATEST
        if params["break_it"] == "default_frame":
            around = AROUND.replace("(w ROWS UNBOUNDED PRECEDING)", "(PARTITION BY account ORDER BY paid_on)")
        if params["break_it"] == "rank_for_row_number":
            latest = LATEST.replace("ROW_NUMBER()", "RANK()").replace(", id DESC", "")
        with scratch.connect() as connection:
            found = connection.execute(around).fetchall()
            payments = by_first(connection.execute("SELECT account, paid_on, id, amount FROM payments").fetchall())
            kept = connection.execute(latest).fetchall()
        due = [row for own in payments for row in look_around(own)]
        seen, wanted = [list(zip(*rows, strict=True)) for rows in (found, due)]
        prove("LAG and LEAD give NULL or the default at the edges", observed=seen[1:3], expected=wanted[1:3])
        prove("the default frame adds up a day at once", observed=seen[4], expected=wanted[4])
        prove("LAST_VALUE sees the last only with a frame to the end", observed=seen[5:], expected=wanted[5:])
        last = sorted((own[-1][0], own[-1][2]) for own in payments)
        prove("the latest payment of each account is one row", observed=sorted(kept), expected=last)
        prove("the running total grows row by row", observed=seen[3], expected=wanted[3])

    @task
    def compare_with_joins() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            customers = by_first(connection.execute("TABLE order_facts"))
            forms = {form: connection.execute(form).fetchall() for form in (WINDOW, SUBQUERY, SELF_JOIN)}
            window, subquery, join, two = (plans.explain(connection, q) for q in (*forms, TWO_WINDOWS))
            connection.execute("CREATE INDEX ON orders (o_custkey, o_orderdate, o_orderkey)")
            indexed = plans.explain(connection, WINDOW)
            pages = connection.execute("SELECT pg_relation_size('orders') / 8192").fetchone()[0]
        compared = {"window": window, "subquery": subquery, "self-join": join, "two windows": two, "index": indexed}
        for title, plan in compared.items():
            plans.show(title, plan)
        due = [(row[2], sum(one[3] for one in own[: i + 1])) for own in customers for i, row in enumerate(own)]
        wrong = [(Counter(due) - Counter(rows)).total() + len(rows) - len(due) for rows in forms.values()]
        prove("window, self-join and subquery give one result", observed=wrong, expected=[0, 0, 0], unit="wrong rows")
        prove("the window reads the table once", observed=window.node("Seq Scan").buffers, expected=pages, unit="pages")
        times = [node.loops for node in subquery.nodes if node.relation]
        prove("the subquery reads it once for each row", observed=sorted(times), expected=[1, len(due)], unit="times")
        pairs = sum(len(own) * (len(own) + 1) // 2 for own in customers)
        joined = join.node("Aggregate").children[0].rows
        prove("the self-join makes a pair for each earlier row", observed=joined, expected=pairs, unit="pairs")
        sorts = [sum("Sort" in type_ for type_ in plan.types) for plan in (window, two, indexed)]
        prove("each further window sorts again", observed=sorts[:2], expected=[1, 2], unit="sorts")
        prove("an index in the window's order saves the sort", observed=sorts[2], expected=0, unit="sorts")

    make_tables() >> [rank_the_players(), look_around_each_payment(), compare_with_joins()]
