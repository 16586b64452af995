"""# What do the kinds of join do to the number of rows?

**Say it.** Inner keeps the pairs that match; left keeps every left row, with NULLs where nothing matches; full keeps both sides; cross takes every
pair. A key that occurs twice on each side gives four rows, so a SUM after a join can count an amount twice. NULL matches nothing. A WHERE on
the right side undoes a left join.

**How it works.** Read every join as a filter over all pairs: `ON` decides which pairs stay, and the *kind* decides which rows that stayed without a
partner come back with NULLs. `WHERE` runs after that: a condition on a column of the NULLed side is not true for NULL, so it throws out the rows
that the left join had just saved. Such a condition belongs into `ON`, unless it is `IS NULL`, which is the anti-join on purpose. Fan-out is
the other classic: an order joined to its two payments stands there twice, and so does its amount. Aggregate each side
to one row per key before the join.

The two tables of this run: customers 1 Ann, 2 Bob, 3 Cid, NULL Eve, and a second row for 2; orders for 1, 1, 2, 9 (no such customer) and NULL.

**This run proves** each against all pairs, looked at one by one in Python
- *each join gives these rows*: inner, left, right, full, cross, left anti, semi; NULL keys and doubled keys with them;
- *the counts follow from the keys*: sum over the keys of left times right, computed from two Counters;
- *the filter in ON keeps every customer*: the same filter in WHERE keeps three rows;
- *a NULL key finds its NULL by IS NOT DISTINCT FROM* and by nothing else;
- *the amount is counted once*: by aggregating payments before joining them to orders; *joined first, the fig is counted twice*.

**Break it.** `filter_in_where`: the condition on the order stands in WHERE. `join_then_sum`: orders and payments are joined, then summed.

**Where this stops.** `NATURAL JOIN` joins by whatever columns share a name, and breaks when someone adds one: do not. `USING` merges the two keys into one
column, whose value in a full join is the one that is there. `LATERAL` joins to a subquery that sees the left row (see `subquery_forms`). How a join is
*executed* (nested loop, hash, merge) is another question: `explain_plans`.

**Sources.** PostgreSQL: [joined tables](https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-JOIN),
[comparison with NULL](https://www.postgresql.org/docs/18/functions-comparison.html),
[joins between tables](https://www.postgresql.org/docs/18/tutorial-join.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

TABLES = """
    DROP TABLE IF EXISTS customers, orders, payments;
    CREATE TABLE customers (id int, name text);
    INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (2, 'Bob again'), (3, 'Cid'), (NULL, 'Eve');
    CREATE TABLE orders (customer_id int, item text, amount int);
    INSERT INTO orders VALUES (1, 'pear', 10), (1, 'fig', 20), (2, 'date', 30), (9, 'lime', 40), (NULL, 'plum', 50);
    -- The fig was paid in two instalments, the date not at all.
    CREATE TABLE payments (item text, paid int);
    INSERT INTO payments VALUES ('pear', 10), ('fig', 5), ('fig', 15), ('lime', 40), ('plum', 50);
"""
JOINS = {
    "inner": "SELECT name, item FROM customers JOIN orders ON customer_id = id",
    "left": "SELECT name, item FROM customers LEFT JOIN orders ON customer_id = id",
    "right": "SELECT name, item FROM customers RIGHT JOIN orders ON customer_id = id",
    "full": "SELECT name, item FROM customers FULL JOIN orders ON customer_id = id",
    "cross": "SELECT name, item FROM customers CROSS JOIN orders",
    "anti": "SELECT name, item FROM customers LEFT JOIN orders ON customer_id = id WHERE item IS NULL",
    "semi": "SELECT name, NULL FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = id)",
    "nulls too": "SELECT name, item FROM customers JOIN orders ON customer_id IS NOT DISTINCT FROM id",
}
BIG_IN_ON = "SELECT name, item FROM customers LEFT JOIN orders ON customer_id = id AND amount >= 20"
BIG_IN_WHERE = "SELECT name, item FROM customers LEFT JOIN orders ON customer_id = id WHERE amount >= 20"
# One row per order on both sides before they meet.
SUM_THEN_JOIN = """
    SELECT SUM(amount), SUM(paid)
    FROM orders
    LEFT JOIN (SELECT item, SUM(paid) AS paid FROM payments GROUP BY item) AS paid_per_item USING (item)
"""
JOIN_THEN_SUM = "SELECT SUM(amount), SUM(paid) FROM orders LEFT JOIN payments USING (item)"


def pairs_one_by_one(customers: list[Any], orders: list[Any], match: Any) -> dict[str, list[Any]]:
    """The joins by definition: look at every pair, then bring back who stayed alone."""
    matched = [(c, o) for c in customers for o in orders if match(c, o)]
    inner = [(c[1], o[1]) for c, o in matched]
    left_alone = [(c[1], None) for c in customers if not any(c is m for m, _ in matched)]
    right_alone = [(None, o[1]) for o in orders if not any(o is m for _, m in matched)]
    return {
        "inner": inner,
        "left": inner + left_alone,
        "right": inner + right_alone,
        "full": inner + left_alone + right_alone,
        "cross": [(c[1], o[1]) for c in customers for o in orders],
        "anti": left_alone,
        "semi": [(c[1], None) for c in customers if any(c is m for m, _ in matched)],
    }


def same_key(customer: Any, order: Any) -> bool:
    return customer[0] is not None and customer[0] == order[0]


@answer(
    questions=["sql-joins"],
    breaks={
        "filter_in_where": {
            "what": "the condition on the order stands in WHERE, behind the left join",
            "fails": ["the filter in ON keeps every customer"],
        },
        "join_then_sum": {
            "what": "orders and payments are joined before they are summed",
            "fails": ["the amount is counted once"],
        },
    },
    scratch=["schema"],
)
def join_kinds():
    @task
    def join_in_every_way() -> None:
        from collections import Counter

        with scratch.connect() as connection:
            connection.execute(TABLES)
            customers = connection.execute("SELECT id, name FROM customers").fetchall()
            orders = connection.execute("SELECT customer_id, item, amount FROM orders").fetchall()
            found = {kind: connection.execute(query).fetchall() for kind, query in JOINS.items()}
        due = pairs_one_by_one(customers, orders, same_key)
        due["nulls too"] = pairs_one_by_one(customers, orders, lambda c, o: c[0] == o[0])["inner"]
        observed = [(kind, *row) for kind, rows in found.items() for row in rows]
        expected = [(kind, *row) for kind, rows in due.items() for row in rows]
        prove("each join gives these rows", observed=observed, expected=expected, how="rows")
        # The counts need no rows: a key that is c times left and o times right makes c * o pairs.
        left, right = Counter(row[0] for row in customers), Counter(row[0] for row in orders)
        keys = [key for key in left if key is not None]
        inner = sum(left[key] * right[key] for key in keys)
        alone = sum(left[key] for key in left if key is None or not right[key])
        counts = {kind: len(found[kind]) for kind in ("inner", "left", "cross")}
        by_keys = {"inner": inner, "left": inner + alone, "cross": left.total() * right.total()}
        prove("the counts follow from the keys", observed=counts, expected=by_keys, unit="rows")
        eve = [row for row in found["nulls too"] if row not in found["inner"]]
        null_pairs = [(c[1], o[1]) for c in customers for o in orders if c[0] is None and o[0] is None]
        prove("a NULL key finds its NULL by IS NOT DISTINCT FROM", observed=eve, expected=null_pairs, how="rows")

    @task
    def filter_the_outer_side(params: dict[str, Any] | None = None) -> None:
        query = BIG_IN_WHERE if params["break_it"] == "filter_in_where" else BIG_IN_ON
        with scratch.connect() as connection:
            rows = connection.execute(query).fetchall()
            customers = connection.execute("SELECT id, name FROM customers").fetchall()
            orders = connection.execute("SELECT customer_id, item, amount FROM orders").fetchall()
        due = pairs_one_by_one(customers, orders, lambda c, o: same_key(c, o) and o[2] >= 20)["left"]
        prove("the filter in ON keeps every customer", observed=rows, expected=due, how="rows")

    @task
    def sum_without_fan_out(params: dict[str, Any] | None = None) -> None:
        query = JOIN_THEN_SUM if params["break_it"] == "join_then_sum" else SUM_THEN_JOIN
        with scratch.connect() as connection:
            sums = connection.execute(query).fetchone()
            naive = connection.execute(JOIN_THEN_SUM).fetchone()
            amounts = dict(connection.execute("SELECT item, amount FROM orders").fetchall())
            payments = connection.execute("SELECT item, paid FROM payments").fetchall()
        again = [item for place, (item, _) in enumerate(payments) if item in dict(payments[:place])]
        surplus = sum(amounts[item] for item in again)
        prove("joined first, the fig is counted twice", observed=naive[0] - sum(amounts.values()), expected=surplus)
        due = (sum(amounts.values()), sum(paid for _, paid in payments))
        prove("the amount is counted once", observed=tuple(map(int, sums)), expected=due)

    join_in_every_way() >> [filter_the_outer_side(), sum_without_fan_out()]
