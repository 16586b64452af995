"""# How do you find and remove N+1 queries?

**Say it.** One query for the parents and then one for each of them, because code in a loop touches a lazy relation. I find it by
counting the statements of a request. The cure is to ask for all children at once: one batched query by the parents' keys, or one
join. `raiseload` in tests keeps it away.

**How it works.** Each query may be fast; what adds up is the round trip, so N+1 hides on a laptop and appears where the
database is a network away. The ways to load customers with their orders:

| way | statements | rows sent | good for |
| --- | --- | --- | --- |
| lazy, or a loop | 1 + N | each once | one parent |
| `selectinload` | 2, and one more for each further 500 parents | each once | collections |
| `joinedload` | 1 | the parent again with each child | many-to-one |
| one join with GROUP BY | 1 | a row for each parent | when sums are wanted, not objects |

A join is not better by itself: with two collections it multiplies them with each other. It is the number of questions that has to
fall, whatever the shape of the answer. Without an ORM the same cure reads `WHERE customer_id = ANY(%s)` and a dictionary.

**This run proves**
- *statements do not grow with the parents*: the page for 20 and for 60 customers, counted at the cursor;
- *lazy loading takes one statement and one for each parent*, *a join takes one*;
- *every way shows the same totals*: against Python's own sums over the raw rows;
- *two collections in one join multiply*: rows that the server sends, against the sum of both collections;
- *raiseload turns the hidden query into an error*;
- *waiting shrinks with the round trips*: each statement is held up for five milliseconds, and the waiting is measured,
  the least of five turns.

**Break it.** `lazy`: the page loads its orders as its author wrote it first, by touching `customer.orders` in a loop.

**Where this stops.** The delay stands in front of each statement in the client, in place of a real network. `selectinload` needs the
parents' keys in memory: for an export of millions, stream one ordered join. GraphQL resolvers have the same illness and the same cure,
the *data loader*. On the server it looks like one cheap statement with a very high `calls` in `pg_stat_statements`.

**Sources.** SQLAlchemy: [relationship loading techniques](https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html),
[raiseload](https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html#prevent-lazy-with-raiseload). PostgreSQL:
[pg_stat_statements](https://www.postgresql.org/docs/18/pgstatstatements.html).
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from typing import Any

from airflow.sdk import task

from living_answers import plans, samples
from living_answers.answers import answer, prove, scratch

PARENTS = [20, 60]
ROUND_TRIP = 0.005  # seconds
TABLES = """
    CREATE TABLE customers AS
        SELECT c_custkey AS id, c_name AS name FROM sample.customer
        WHERE c_custkey IN (SELECT o_custkey FROM sample.orders) ORDER BY c_custkey LIMIT 60;
    CREATE TABLE orders AS
        SELECT o_orderkey AS id, o_custkey AS customer_id, o_totalprice AS total
        FROM sample.orders WHERE o_custkey IN (SELECT id FROM customers);
    CREATE TABLE notes AS SELECT n AS id, c.id AS customer_id FROM customers AS c, generate_series(1, 5) AS n;
    CREATE INDEX ON orders (customer_id);
"""
ONE = "SELECT * FROM orders WHERE customer_id = (SELECT min(id) FROM customers)"
BATCH = "SELECT * FROM orders WHERE customer_id = ANY (ARRAY(SELECT id FROM customers))"


def customer_class() -> Any:
    from sqlalchemy import ForeignKey, Integer, Numeric, Text
    from sqlalchemy.orm import DeclarativeBase, mapped_column, relationship

    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "orders"
        id = mapped_column(Integer, primary_key=True)
        customer_id = mapped_column(ForeignKey("customers.id"))
        total = mapped_column(Numeric)

    class Note(Base):
        __tablename__ = "notes"
        id = mapped_column(Integer, primary_key=True)
        customer_id = mapped_column(ForeignKey("customers.id"), primary_key=True)

    class Customer(Base):
        __tablename__ = "customers"
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(Text)
        orders = relationship(Order)
        notes = relationship(Note)

    return Customer


@contextmanager
def round_trips(engine: Any):
    """Hold up each statement as a network would; collect how long each waited."""
    from sqlalchemy import event

    waited: list[float] = []

    def hold_up(*_: Any) -> None:
        began = time.perf_counter()
        time.sleep(ROUND_TRIP)
        waited.append(1000 * (time.perf_counter() - began))

    event.listen(engine, "before_cursor_execute", hold_up)
    yield waited
    event.remove(engine, "before_cursor_execute", hold_up)


def page(engine: Any, customer: Any, loading: Any, parents: int) -> tuple[dict[str, Any], list[float]]:
    """Show the customers with the total of their orders; return the totals, and the wait of each statement."""
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    wanted = select(customer).order_by(customer.id).limit(parents)
    with round_trips(engine) as waited, Session(engine) as session:
        found = session.scalars(wanted.options(loading) if loading is not None else wanted).unique()
        return {one.name: sum(order.total for order in one.orders) for one in found}, waited


@answer(
    questions=["sql-n-plus-one"],
    claims={
        "c-004-n-plus-one-joins": {
            "verdict": "imprecise",
            "proof": "statements do not grow with the parents",
            "truth": "They are avoided by asking once for all children: a join does it, a batch by keys does it without one",
        }
    },
    breaks={
        "lazy": {
            "what": "the page touches customer.orders in a loop, and each touch is a query",
            "fails": ["statements do not grow with the parents", "waiting shrinks with the round trips"],
        }
    },
    scratch=["schema"],
)
def n_plus_one():
    @task
    def copy_customers_and_orders() -> None:
        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLES)
            connection.execute("ANALYZE customers, orders, notes")
            plans.steady(connection)
            plans.show("one of the 60 queries", plans.explain(connection, ONE))
            plans.show("one query for all of them", plans.explain(connection, BATCH))

    @task
    def compare_ways() -> None:
        from sqlalchemy import select, text
        from sqlalchemy.exc import InvalidRequestError
        from sqlalchemy.orm import joinedload, raiseload, selectinload

        engine, customer, most = scratch.engine(), customer_class(), PARENTS[-1]
        with engine.connect() as connection:
            raw = connection.execute(
                text("SELECT name, total FROM customers AS c, orders AS o WHERE c.id = customer_id")
            )
            due: Counter[str] = Counter()
            for name, total in raw:
                due[name] += total
        lazy, trips = page(engine, customer, None, most)
        batched, _ = page(engine, customer, selectinload(customer.orders), most)
        joined, trips_of_join = page(engine, customer, joinedload(customer.orders), most)
        prove("every way shows the same totals", observed=[lazy, batched, joined], expected=[dict(due)] * 3)
        prove("lazy loading takes one statement and one for each parent", observed=len(trips), expected=1 + len(due))
        prove("a join takes one", observed=len(trips_of_join), expected=1, unit="statements")

        both = select(customer.id).join(customer.orders).join(customer.notes)
        with engine.connect() as connection:
            sent = len(connection.execute(both).all())
            orders, notes = (connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("orders", "notes"))  # noqa: S608
        ratio = sent / (orders + notes)
        prove("two collections in one join multiply", observed=ratio, expected=2, how="at_least", unit="x")

        try:
            page(engine, customer, raiseload(customer.orders), most)
            told = "nothing"
        except InvalidRequestError as error:
            told = str(error)
        due_error = "'Customer.orders' is not available due to lazy='raise'"
        prove("raiseload turns the hidden query into an error", observed=told, expected=due_error)

    @task
    def count_statements_of_the_page(params: dict[str, Any] | None = None) -> None:
        from sqlalchemy.orm import selectinload

        engine, customer = scratch.engine(), customer_class()
        way = None if params["break_it"] == "lazy" else selectinload(customer.orders)
        trips = [len(page(engine, customer, way, parents)[1]) for parents in PARENTS]
        prove("statements do not grow with the parents", observed=trips, expected=[2, 2], unit="statements")

    @task(trigger_rule="all_done")
    def measure_waiting(params: dict[str, Any] | None = None) -> None:
        from sqlalchemy.orm import selectinload

        engine, customer, most = scratch.engine(), customer_class(), PARENTS[-1]
        way = None if params["break_it"] == "lazy" else selectinload(customer.orders)
        # Turn and turn about, and the least of five: a busy machine holds up a sleeper longer than he asked for.
        turns = [[sum(page(engine, customer, loading, most)[1]) for loading in (None, way)] for _ in range(5)]
        lazy, now = (min(waits) for waits in zip(*turns, strict=True))
        prove("waiting shrinks with the round trips", observed=lazy / now, expected=10, how="at_least", unit="x")

    copy_customers_and_orders() >> compare_ways() >> count_statements_of_the_page() >> measure_waiting()
