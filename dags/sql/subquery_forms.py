"""# Which subquery when: scalar, IN, EXISTS, correlated, and why not NOT IN?

**Say it.** EXISTS asks whether there is one; IN compares with a list; both become a semi-join and never double a row, as a join does. For "none" I write
NOT EXISTS: NOT IN gives nothing at all once the list holds a NULL. A correlated subquery runs once per outer row unless rewritten as a
join to a grouped subquery.

**How it works.** `x NOT IN (1, NULL)` means `x <> 1 AND x <> NULL`, and the second half is never true: for no x does the row stay. NOT EXISTS asks for a
matching row, finds none, and keeps it. PostgreSQL turns IN and EXISTS into the same join, and NOT EXISTS into an anti-join; NOT IN must keep its NULL
rule, so it stays a filter with a hashed list, or, if the list outgrows memory, a scan per row. A scalar subquery must give one row at the most: none
is NULL, two are an error. Where it mentions the outer row, it is *correlated*: the plan shows a SubPlan with as many loops as outer rows.
The planner does not turn that into a join by itself; grouped first and joined, or LATERAL with an index and LIMIT 1, you do. Mind the empty
group: a correlated COUNT gives 0, the left-joined one NULL.

**This run proves**
- *who has an order, in four ways*, against Python: IN, EXISTS, = ANY and a join made DISTINCT; *a plain join doubles rows*;
- *who has none, in three ways*: NOT EXISTS, anti-join and EXCEPT; *NOT IN with a NULL gives no row at all*;
- *a column that the subquery lacks is taken from outside*: `id IN (SELECT id FROM orders)`, where orders has no id, keeps everyone;
- *a scalar subquery with two rows is an error*; *orders above the average*, against Python;
- *IN and EXISTS are one plan*; *NOT EXISTS is an anti-join, NOT IN a filter*;
- *the correlated subquery runs once per customer*: its loops; *the join reads a hundredth of the pages*, and
  *both give the same counts*, with 0 for who has no order.

**Break it.** `not_in`: who has no order, by NOT IN. `join_for_in`: who has an order, by a join without DISTINCT.

**Where this stops.** That IN and EXISTS are the same holds for PostgreSQL, Oracle, SQL Server and MySQL since 8.0.16; old advice says otherwise. With few
outer rows and an index on the inner column, the correlated form is the faster one, since it reads a handful of pages where the join groups everything. If the
column is declared NOT NULL, NOT IN is right, and the day somebody drops the constraint it is not. Redshift refuses some correlated subqueries.

**Sources.** PostgreSQL: [subquery expressions](https://www.postgresql.org/docs/18/functions-subquery.html),
[scalar subqueries](https://www.postgresql.org/docs/18/sql-expressions.html#SQL-SYNTAX-SCALAR-SUBQUERIES),
[LATERAL](https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-LATERAL). Redshift:
[correlated subqueries](https://docs.aws.amazon.com/redshift/latest/dg/r_correlated_subqueries.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

TABLES = """
    DROP TABLE IF EXISTS customers, orders;
    CREATE TABLE customers (id int, name text);
    INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cid'), (4, 'Dee');
    CREATE TABLE orders (customer_id int, amount int);
    -- Ann has two orders, Bob one, nobody knows whose the last one is.
    INSERT INTO orders VALUES (1, 10), (1, 20), (2, 30), (NULL, 60);
"""
HAS_ORDER = {
    "in": "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders)",
    "exists": "SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = id)",
    "any": "SELECT name FROM customers WHERE id = ANY(SELECT customer_id FROM orders)",
    "join": "SELECT DISTINCT name FROM customers JOIN orders ON customer_id = id",
}
PLAIN_JOIN = "SELECT name FROM customers JOIN orders ON customer_id = id"
HAS_NONE = {
    "not exists": "SELECT name FROM customers WHERE NOT EXISTS (SELECT 1 FROM orders WHERE customer_id = id)",
    "anti-join": "SELECT name FROM customers LEFT JOIN orders ON customer_id = id WHERE customer_id IS NULL",
    "except": "SELECT name FROM customers WHERE id IN (SELECT id FROM customers EXCEPT SELECT customer_id FROM orders)",
}
NOT_IN = "SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)"
ABOVE_AVERAGE = "SELECT amount FROM orders WHERE amount > (SELECT AVG(amount) FROM orders)"
TWO_ROWS = "SELECT name, (SELECT amount FROM orders WHERE customer_id = id) FROM customers"

# The same on 500 customers of TPC-H, a third of whom have never ordered.
BIGGER = """
    CREATE TABLE customer AS SELECT c_custkey FROM sample.customer WHERE c_custkey <= 500;
    CREATE TABLE purchase AS SELECT o_custkey, o_totalprice FROM sample.orders WHERE o_custkey <= 500;
    ANALYZE customer, purchase;
"""
PER_CUSTOMER = "SELECT c_custkey, (SELECT COUNT(*) FROM purchase WHERE o_custkey = c_custkey) FROM customer"
GROUPED_THEN_JOINED = """
    SELECT c_custkey, COALESCE(purchases, 0) -- who is in no group is NULL, and means 0
    FROM customer
    LEFT JOIN (SELECT o_custkey, COUNT(*) AS purchases FROM purchase GROUP BY o_custkey) AS counted
        ON o_custkey = c_custkey
"""
PLANS = {
    "in": "SELECT * FROM customer WHERE c_custkey IN (SELECT o_custkey FROM purchase)",
    "exists": "SELECT * FROM customer WHERE EXISTS (SELECT 1 FROM purchase WHERE o_custkey = c_custkey)",
    "not exists": "SELECT * FROM customer WHERE NOT EXISTS (SELECT 1 FROM purchase WHERE o_custkey = c_custkey)",
    "not in": "SELECT * FROM customer WHERE c_custkey NOT IN (SELECT o_custkey FROM purchase)",
    "correlated": PER_CUSTOMER,
    "joined": GROUPED_THEN_JOINED,
}


@answer(
    questions=["sql-subqueries"],
    breaks={
        "not_in": {"what": "who has no order, by NOT IN", "fails": ["who has none, in three ways"]},
        "join_for_in": {
            "what": "who has an order, by a join without DISTINCT",
            "fails": ["who has an order, in four ways"],
        },
    },
    scratch=["schema"],
)
def subquery_forms():
    @task
    def make_tables() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute("DROP TABLE IF EXISTS customer, purchase")
            connection.execute(TABLES)
            connection.execute(BIGGER)

    @task
    def ask_who_has_one(params: dict[str, Any] | None = None) -> None:
        import psycopg

        forms = HAS_ORDER | ({"join": PLAIN_JOIN} if params["break_it"] == "join_for_in" else {})
        with scratch.connect() as connection:
            customers = connection.execute("SELECT id, name FROM customers").fetchall()
            orders = connection.execute("SELECT customer_id, amount FROM orders").fetchall()
            error = psycopg.errors.CardinalityViolation
            with prove_raises("a scalar subquery with two rows is an error", error), connection.transaction():
                connection.execute(TWO_ROWS)
            everyone = connection.execute("SELECT name FROM customers WHERE id IN (SELECT id FROM orders)").fetchall()
            doubled = connection.execute(PLAIN_JOIN).fetchall()
            large = connection.execute(ABOVE_AVERAGE).fetchall()
            found = {form: sorted(connection.execute(query).fetchall()) for form, query in forms.items()}
        names = [(name,) for _, name in customers]
        prove("a column that the subquery lacks is taken from outside", observed=everyone, expected=names, how="rows")
        average = sum(amount for _, amount in orders) / len(orders)
        due = [(amount,) for _, amount in orders if amount > average]
        prove("orders above the average", observed=large, expected=due, how="rows")
        pairs = [(name,) for id_, name in customers for customer, _ in orders if customer == id_]
        prove("a plain join doubles rows", observed=doubled, expected=pairs, how="rows")
        buyers = [(name,) for id_, name in customers if id_ in [customer for customer, _ in orders]]
        prove("who has an order, in four ways", observed=found, expected=dict.fromkeys(HAS_ORDER, buyers))

    @task
    def ask_who_has_none(params: dict[str, Any] | None = None) -> None:
        forms = HAS_NONE | ({"not exists": NOT_IN} if params["break_it"] == "not_in" else {})
        with scratch.connect() as connection:
            customers = connection.execute("SELECT id, name FROM customers").fetchall()
            buyers = [customer for (customer,) in connection.execute("SELECT customer_id FROM orders")]
            nobody = connection.execute(f"SELECT COUNT(*) FROM ({NOT_IN})").fetchone()[0]  # noqa: S608
            found = {form: sorted(connection.execute(query).fetchall()) for form, query in forms.items()}
        prove("NOT IN with a NULL gives no row at all", observed=nobody, expected=0, unit="rows")
        due = [(name,) for id_, name in customers if id_ not in buyers]
        prove("who has none, in three ways", observed=found, expected=dict.fromkeys(HAS_NONE, due))

    @task
    def compare_the_plans() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            found = {form: plans.explain(connection, query) for form, query in PLANS.items()}
            correlated, joined = (connection.execute(PLANS[form]).fetchall() for form in ("correlated", "joined"))
            customers = connection.execute("SELECT COUNT(*) FROM customer").fetchone()[0]
        for form in ("not exists", "not in", "correlated", "joined"):
            plans.show(form, found[form])
        prove("IN and EXISTS are one plan", observed=found["in"].types, expected=found["exists"].types)
        kinds = {
            form: found[form].root.details.get("Join Type", found[form].root.type) for form in ("not exists", "not in")
        }
        kinds["not exists"] = kinds["not exists"].removeprefix("Right ")  # which side is hashed does not matter
        prove(
            "NOT EXISTS is an anti-join, NOT IN a filter",
            observed=kinds,
            expected={"not exists": "Anti", "not in": "Seq Scan"},
        )
        inner = next(node for node in found["correlated"].nodes if node.relation == "purchase")
        prove("the correlated subquery runs once per customer", observed=inner.loops, expected=customers, unit="loops")
        pages = [found["correlated"].buffers, found["joined"].buffers]
        prove(
            "the join reads a hundredth of the pages", observed=pages, expected=100, how="times_at_least", unit="pages"
        )
        prove("both give the same counts", observed=joined, expected=correlated, how="rows")

    make_tables() >> [ask_who_has_one(), ask_who_has_none(), compare_the_plans()]
