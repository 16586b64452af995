"""# How do you use SQLAlchemy for database work?

**Say it.** One engine with its pool for the process, a connection or session for each unit of work, in a `with` block. Core builds
SQL as expressions and gives rows; the ORM adds classes, an identity map and a unit of work. I use Core for sets, the ORM for
objects, bound parameters always, and look at the statements sent.

**How it works.** The *engine* knows the dialect and holds the *pool*; checking out a connection is cheap, opening one is not. *Core*
has `Table`, `select()`, `insert()`: expressions that compile to the dialect's SQL, with every value as a bound parameter. Tables can
be *reflected* from the database in place of declared. The *ORM* maps classes to tables. A `Session` remembers each object by its
key (two queries give the same object), notices what was changed, and on `flush` sends the INSERTs, UPDATEs and DELETEs in an order
that foreign keys allow, in one transaction. A flush of many new objects becomes a few statements of many rows
(*insertmanyvalues*), if it is left to happen once. For a million rows neither is the tool: that is COPY.

**This run proves**
- *Core answers with no class mapped*: a reflected table, grouped and summed, against Python's own sums;
- *the ORM gives Core's rows*: the same question to a mapped class;
- *one row is one object in a session*, and *only what changed is updated*: the statements of one flush;
- *a rolled-back session leaves nothing*: objects were flushed, then an exception came;
- *3,000 new objects go in a few statements*: counted at the cursor, as many objects as customers;
- *an injection string finds nobody*: as a bound parameter it is a strange name, no more;
- *a pool that is used up says so*: the third checkout from a pool of two, after its timeout.

**Break it.** `flush_each`: the session flushes after each object, and the batch is gone: a statement and a round trip for every
row. `formatted`: the name is pasted into the SQL by an f-string, and the injection reads all customers.

**Where this stops.** The statement count is the client's: what the server then does, its own plans tell. An async engine has the
same parts (`create_async_engine`), but lazy loading does not work there without care. Behind PgBouncer in transaction mode use
`NullPool`, and mind prepared statements. After a fork, call
`engine.dispose(close=False)` in the child: two processes must not share a socket.

**Sources.** SQLAlchemy: [unified tutorial](https://docs.sqlalchemy.org/en/20/tutorial/index.html),
[connection pooling](https://docs.sqlalchemy.org/en/20/core/pooling.html),
[session basics](https://docs.sqlalchemy.org/en/20/orm/session_basics.html),
[insertmanyvalues](https://docs.sqlalchemy.org/en/20/core/connections.html#engine-insertmanyvalues),
[reflection](https://docs.sqlalchemy.org/en/20/core/reflection.html).
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from typing import Any

from airflow.sdk import task

from living_answers import samples
from living_answers.answers import answer, prove, scratch

NEW = 3_000
A_BATCH = 1_000  # rows in a statement of insertmanyvalues, SQLAlchemy's default
INJECTION = "nobody' OR 'a' = 'a"


def customer_class() -> Any:
    """A class mapped to the table customers, and what SQLAlchemy needs to know of it."""
    from sqlalchemy import BigInteger, Identity, Numeric, Text
    from sqlalchemy.orm import DeclarativeBase, mapped_column

    class Base(DeclarativeBase):
        pass

    class Customer(Base):
        __tablename__ = "customers"
        id = mapped_column(BigInteger, Identity(), primary_key=True)
        name = mapped_column(Text)
        segment = mapped_column(Text)
        balance = mapped_column(Numeric)

    return Customer


@contextmanager
def statements_of(engine: Any):
    """Collect what is sent to the database, as it leaves SQLAlchemy."""
    from sqlalchemy import event

    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@answer(
    questions=["sqlalchemy-usage"],
    claims={
        "c-004-sqlalchemy-orm": {
            "verdict": "imprecise",
            "proof": "Core answers with no class mapped",
            "truth": "It is a SQL toolkit, Core, with an ORM on top; much data work uses Core alone",
        }
    },
    breaks={
        "flush_each": {
            "what": "the session flushes after every object",
            "fails": ["3,000 new objects go in a few statements"],
        },
        "formatted": {
            "what": "the name is pasted into the SQL by an f-string",
            "fails": ["an injection string finds nobody"],
        },
    },
    scratch=["schema"],
)
def sqlalchemy_core_and_orm():
    @task
    def ask_by_core_and_orm() -> None:
        from sqlalchemy import MetaData, Table, func, select
        from sqlalchemy.orm import Session

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(
                "CREATE TABLE customers (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text, segment text,"
                " balance numeric)"
            )
            connection.execute(
                "INSERT INTO customers (name, segment, balance)"
                " SELECT c_name, c_mktsegment, c_acctbal FROM sample.customer WHERE c_custkey <= 2000"
            )
            raw = connection.execute("SELECT segment, balance FROM customers").fetchall()
        engine = scratch.engine()
        reflected = Table("customers", MetaData(), autoload_with=engine)
        by_core = select(reflected.c.segment, func.sum(reflected.c.balance)).group_by(reflected.c.segment)
        with engine.connect() as connection:
            core = sorted(tuple(row) for row in connection.execute(by_core))
        sums: Counter[str] = Counter()
        for segment, balance in raw:
            sums[segment] += balance
        prove("Core answers with no class mapped", observed=core, expected=sorted(sums.items()), how="rows")

        customer = customer_class()
        by_orm = select(customer.segment, func.sum(customer.balance)).group_by(customer.segment)
        with Session(engine) as session:
            orm = sorted(tuple(row) for row in session.execute(by_orm))
        prove("the ORM gives Core's rows", observed=orm, expected=core, how="rows")

    @task
    def unit_of_work(params: dict[str, Any] | None = None) -> None:
        from sqlalchemy import func, select
        from sqlalchemy.orm import Session

        customer, engine = customer_class(), scratch.engine()
        with statements_of(engine) as sent, Session(engine) as session, session.begin():
            first = session.scalars(select(customer).where(customer.id == 1)).one()
            again = session.scalars(select(customer).where(customer.name == first.name)).one()
            same = first is again
            session.get(customer, 2)  # read, and left as it is
            again.balance += 100
        prove("one row is one object in a session", observed=same, expected=True)
        written = [statement for statement in sent if not statement.startswith("SELECT")]
        updated = re.findall(r"(\w+)=%", " ".join(written))
        prove("only what changed is updated", observed=[len(written), *updated], expected=[1, "balance"])

        with Session(engine) as session:
            before = session.scalar(select(func.count()).select_from(customer))
        try:
            with Session(engine) as session, session.begin():
                session.add_all(customer(name=f"half {number}") for number in range(10))
                session.flush()
                raise RuntimeError("the second half never comes")
        except RuntimeError:
            pass
        with Session(engine) as session:
            after = session.scalar(select(func.count()).select_from(customer))
        prove("a rolled-back session leaves nothing", observed=after, expected=before, unit="customers")

        with statements_of(engine) as sent, Session(engine) as session, session.begin():
            for number in range(NEW):
                session.add(customer(name=f"new {number}", segment="NEW", balance=0))
                if params["break_it"] == "flush_each":
                    session.flush()
        most = NEW // A_BATCH
        prove("3,000 new objects go in a few statements", observed=len(sent), expected=most, how="at_most")

    @task
    def bound_parameters_and_pool(params: dict[str, Any] | None = None) -> None:
        from sqlalchemy import create_engine, exc, text

        engine = create_engine(scratch.engine().url, pool_size=2, max_overflow=0, pool_timeout=0.3)
        count = f"SELECT count(*) FROM {scratch.schema()}.customers WHERE name = "  # noqa: S608

        def customers_named(name: str) -> int:
            with engine.connect() as connection:
                if params["break_it"] == "formatted":
                    return connection.scalar(text(f"{count}'{name}'"))
                return connection.scalar(text(f"{count}:name"), {"name": name})

        found = [customers_named("Customer#000000001"), customers_named(INJECTION)]
        prove("an injection string finds nobody", observed=found, expected=[1, 0], unit="customers")

        with engine.connect(), engine.connect():
            try:
                with engine.connect():
                    refused = "nothing"
            except exc.TimeoutError as error:
                refused = f"{type(error).__name__}: {str(error).partition(',')[0]}"
        with engine.connect() as connection:
            back = connection.scalar(text("SELECT 'back in the pool'"))
        engine.dispose()
        due = ["TimeoutError: QueuePool limit of size 2 overflow 0 reached", "back in the pool"]
        prove("a pool that is used up says so", observed=[refused, back], expected=due)

    ask_by_core_and_orm() >> unit_of_work() >> bound_parameters_and_pool()
