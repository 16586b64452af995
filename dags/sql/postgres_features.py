"""# What sets PostgreSQL apart?

**Say it.** Types with their own operators and indexes: JSONB and arrays under GIN, ranges under GiST with exclusion constraints.
Indexes on a part of the rows or on an expression. Row-level security, LISTEN/NOTIFY within transactions, logical decoding of the log,
streaming COPY, DDL that rolls back, and extensions that add all this without a fork.

**How it works.** An index does not know types but *operator classes*: a type brings its operators, and GIN or GiST carries them.

| feature | what it replaces | the detail that is asked for |
| --- | --- | --- |
| `jsonb` + GIN | a document store beside the database | the index serves `@>` and jsonpath, not `->>`: that needs an expression index |
| array + GIN | a link table for tags | no foreign key on elements |
| range + `EXCLUDE` | "check, then insert", which races | `[)` bounds, so that neighbours do not overlap; PostgreSQL 18 also has `WITHOUT OVERLAPS` |
| partial index | a second table for the few hot rows | the query must imply the index's WHERE |
| row-level security | a WHERE in every query of the program | superusers and BYPASSRLS always pass it by, the owner unless FORCE |
| `NOTIFY` | polling, a small broker | sent at COMMIT; who does not listen misses it: a doorbell, not a queue |
| logical decoding | triggers that write change tables | see `change_data_capture` |
| COPY | rows one by one | see `indexes_and_bulk_loads` |

**This run proves**
- *a GIN index serves a containment query*, with few of the table's pages, and *finds the rows of a plain filter*;
- *an array is searched by its elements*;
- *a partial index is a small part of the whole one*, and *the planner takes it*;
- *of two overlapping bookings at once one is refused*, and *neighbours may both be booked*;
- *a listener hears what was committed, and only that*;
- *each tenant sees its own rows*, *no tenant is nobody's*, and *a row for another tenant is refused*.

**Break it.** `arrow`: the document is asked by `->>`, and all of the table is read. `check_first`: the program looks for an overlap, then
inserts; two sessions at once book the room twice.

**Where this stops.** Each has its price: GIN makes writes slower (it has a pending list for that), policies are applied to every query and can hide an
index's use, a forgotten slot fills the disk. Policies here go by a session setting, as poolers share one role (in transaction mode by SET LOCAL, or the next
client inherits it); `TO role` works alike. That PostgreSQL *can* be your queue, search and document store is a good start, not a law.

**Sources.** PostgreSQL: [jsonb indexing](https://www.postgresql.org/docs/18/datatype-json.html#JSON-INDEXING),
[exclusion constraints](https://www.postgresql.org/docs/18/ddl-constraints.html#DDL-CONSTRAINTS-EXCLUSION),
[partial indexes](https://www.postgresql.org/docs/18/indexes-partial.html),
[row security](https://www.postgresql.org/docs/18/ddl-rowsecurity.html), [NOTIFY](https://www.postgresql.org/docs/18/sql-notify.html).
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

DOCUMENTS = """
    DROP TABLE IF EXISTS documents, routes;
    CREATE TABLE documents AS
    SELECT id, arr_delay, to_jsonb(flights) AS body FROM sample.flights WHERE month = 1 AND day <= 9;
    CREATE INDEX by_content ON documents USING gin (body jsonb_path_ops);
    CREATE INDEX by_delay ON documents (arr_delay);
    CREATE INDEX by_great_delay ON documents (arr_delay) WHERE arr_delay > 180;
    CREATE TABLE routes AS
    SELECT tailnum, array_agg(DISTINCT dest) AS dests
    FROM sample.flights WHERE month = 1 AND day <= 9 AND tailnum IS NOT NULL GROUP BY tailnum;
    CREATE INDEX by_dests ON routes USING gin (dests);
    ANALYZE documents, routes;
"""
BOOKINGS = """
    DROP TABLE IF EXISTS bookings;
    CREATE TABLE bookings (
        room int,
        during tsrange,
        -- room = room and during && during; with the extension btree_gist: EXCLUDE USING gist (room WITH =, ...)
        CONSTRAINT one_at_a_time EXCLUDE USING gist (int4range(room, room, '[]') WITH &&, during WITH &&)
    );
"""
POLICY = """
    DROP TABLE IF EXISTS invoices;
    CREATE TABLE invoices (tenant text, amount int);
    INSERT INTO invoices VALUES ('ada', 1), ('ada', 2), ('ben', 3);
    ALTER TABLE invoices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own_rows ON invoices USING (tenant = current_setting('app.tenant', true));
"""
NINE, TEN, ELEVEN, NOON = (f"2024-01-01 {hour}:00" for hour in ("09", "10", "11", "12"))


@answer(
    questions=["sql-postgres-special-features"],
    breaks={
        "arrow": {"what": "the document is asked by ->>", "fails": ["a GIN index serves a containment query"]},
        "check_first": {
            "what": "no constraint: the program looks for an overlap and then inserts",
            "fails": ["of two overlapping bookings at once one is refused"],
        },
    },
    scratch=["schema"],
)
def postgres_features():
    @task
    def search_documents(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans, samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            plans.steady(connection)
            connection.execute(DOCUMENTS)
            contains = 'SELECT id FROM documents WHERE body @> \'{"carrier": "HA", "dest": "HNL"}\''
            arrow = "SELECT id FROM documents WHERE body ->> 'carrier' = 'HA' AND body ->> 'dest' = 'HNL'"
            query = arrow if params["break_it"] == "arrow" else contains
            plan, scan = plans.explain(connection, query), plans.explain(connection, arrow)
            plans.show("by containment", plan)
            plans.show("by the arrow", scan)
            found = connection.execute(query).fetchall()
            plain = "SELECT id, carrier, dest, tailnum FROM sample.flights WHERE month = 1 AND day <= 9"
            flights = connection.execute(plain).fetchall()
            size = "SELECT pg_relation_size('by_delay'), pg_relation_size('by_great_delay')"
            sizes = connection.execute(size).fetchone()
            connection.execute("DROP INDEX by_delay")  # it would serve as well, but is larger
            late = plans.explain(connection, "SELECT count(*) FROM documents WHERE arr_delay > 200")
            plans.show("the few late ones", late)
            planes = connection.execute("SELECT tailnum FROM routes WHERE dests @> ARRAY['ORD', 'MIA']").fetchall()
        expected = [row[:1] for row in flights if row[1:3] == ("HA", "HNL")]
        prove("finds the rows of a plain filter", observed=found, expected=expected, how="rows")
        dests = defaultdict(set)
        for _, _, dest, tailnum in flights:
            dests[tailnum].add(dest)
        both = [(tailnum,) for tailnum, flown in dests.items() if tailnum and {"ORD", "MIA"} <= flown]
        prove("an array is searched by its elements", observed=planes, expected=both, how="rows")
        prove("a partial index is a small part of the whole one", observed=sizes, expected=5, how="times_at_least")
        prove("the planner takes it", observed=late.node("Index").index, expected="by_great_delay")
        buffers = [scan.buffers, plan.buffers]
        prove("a GIN index serves a containment query", observed=buffers, expected=5, how="times_at_least")

    @task
    def book_rooms(params: dict[str, Any] | None = None) -> None:
        from psycopg.errors import ExclusionViolation

        def book(connection: Any, begin: str, end: str, free: bool = True) -> None:
            if free:
                connection.execute("INSERT INTO bookings VALUES (1, tsrange(%s, %s))", [begin, end])

        with scratch.connect() as connection:
            connection.execute(BOOKINGS)
            if params["break_it"] == "check_first":
                connection.execute("ALTER TABLE bookings DROP CONSTRAINT one_at_a_time")
        with scratch.connect() as a, scratch.connect() as b, ThreadPoolExecutor(1) as pool:
            overlap = "SELECT 1 FROM bookings WHERE during && tsrange('2024-01-01 09:00', '2024-01-01 12:00')"
            free = [not session.execute(overlap).fetchall() for session in (a, b)]  # both look before either has booked
            book(a, NINE, ELEVEN, free[0])
            second = pool.submit(book, b, TEN, NOON, free[1])  # waits for A's end
            a.commit()
            refused = isinstance(second.exception(timeout=30), ExclusionViolation)
            b.rollback() if refused else b.commit()
            count = "SELECT count(*) FROM bookings"
            booked = a.execute(count).fetchone()[0]
            prove("of two overlapping bookings at once one is refused", observed=booked, expected=1, unit="bookings")
            book(a, ELEVEN, NOON)
            prove("neighbours may both be booked", observed=a.execute(count).fetchone()[0], expected=2, unit="bookings")

    @task
    def ring_the_doorbell() -> None:
        channel = scratch.name()
        with scratch.connect() as listener, scratch.connect() as sender:
            listener.execute(f"LISTEN {channel}")
            listener.commit()
            for payload, end in (
                ("rolled back", sender.rollback),
                ("committed", sender.commit),
                ("the end", sender.commit),
            ):
                sender.execute("SELECT pg_notify(%s, %s)", [channel, payload])
                end()
            heard = [notice.payload for notice in listener.notifies(timeout=20, stop_after=2)]
        prove("a listener hears what was committed, and only that", observed=heard, expected=["committed", "the end"])

    @task
    def hide_rows() -> None:
        from psycopg.errors import InsufficientPrivilege

        with scratch.connect() as connection:
            connection.execute(POLICY)
            seen = {}
            for tenant in ("", "ada", "ben"):
                connection.execute("SELECT set_config('app.tenant', %s, false)", [tenant])
                seen[tenant] = [row[0] for row in connection.execute("SELECT amount FROM invoices ORDER BY amount")]
            with prove_raises("a row for another tenant is refused", InsufficientPrivilege), connection.transaction():
                connection.execute("INSERT INTO invoices VALUES ('ada', 4)")
        prove("no tenant is nobody's", observed=len(seen.pop("")), expected=0)
        prove("each tenant sees its own rows", observed=seen, expected={"ada": [1, 2], "ben": [3]})

    search_documents()
    book_rooms()
    ring_the_doorbell()
    hide_rows()
