"""# Which index for which query?

**Say it.** I start from the predicate. B-tree for equality, ranges and order: first the columns compared by `=`, then the one with the range or ORDER BY. INCLUDE
adds what the SELECT needs, WHERE restricts it to the few rows that matter, and an expression is indexed as written. BRIN for time-ordered
tables, GIN for JSON and text, GiST for ranges.

**How it works.** Each index answers certain operators on certain expressions, and the planner uses it only if the query's predicate is written
with them.

| the query asks | the index | why |
| --- | --- | --- |
| a column = a value | B-tree | a few pages to the key |
| one column =, another a range, in order, LIMIT | B-tree (equal, range) | the rows lie side by side, already sorted: no sort, stop after twenty |
| few columns of many rows | B-tree ... INCLUDE | index-only: the table is not visited, where the visibility map allows |
| the few rows in a rare state | partial, WHERE in the index | small; the query must imply that WHERE |
| lower(x) = ... | on the expression | a function hides the column from a plain index |
| a range in a table that grows in that order | BRIN | the smallest and largest value of each block of pages: 24 kB for everything |
| = only | hash | no order, one column; seldom worth it against B-tree |
| a moment lies within a range | GiST | a sort order finds no overlap; GiST keeps the bounds of each page's ranges |
| JSON contains, words of a text | GIN | an entry for each element |

A B-tree is sorted by its first column. Asked for the second alone, PostgreSQL before 18 read the whole index or the table. Since 18 it can *skip*: for each
value of the first column one descent. That is good for three airports, and no help for four thousand planes.

**This run proves**
- *before, each query scans the table*; *each query is served by the index made for it*: the plan, for each row above;
- *each index spares nineteen pages in twenty*: of all of them, the smallest gain;
- *an index changes no answer*: rows before and after;
- *served in order, there is nothing to sort*: the plan of the second row has no Sort;
- *the partial index is a tenth of the full one*, *the BRIN is a twentieth of it*: bytes;
- *the trailing column alone reads ten times the pages*: (plane, hour) asked for the hour, against an index on the hour;
- *with three values in front it can skip*: (origin, hour) asked for the hour;
- *an index wants an immutable expression*: `time_hour::date` depends on the session's time zone, and is refused.

**Break it.** `plain_column`: the query with `lower(tailnum)` gets the index on `tailnum` that everybody would create, and scans as before.

**Where this stops.** Each index costs every write, see `indexes_that_slow`: one composite index that serves three queries beats three. Index-only needs
VACUUM to have been there (this run loads with COPY FREEZE, which marks pages visible at once). `LIKE 'N142%'` uses a B-tree only in the C collation
or with text_pattern_ops; `LIKE '%142%'` needs pg_trgm. In production: CREATE INDEX CONCURRENTLY, which does not block writers. Suitable
indexes speed up *selective* reads; Redshift has none, but sort keys and zone maps, much like BRIN.

**Sources.** PostgreSQL: [index types](https://www.postgresql.org/docs/18/indexes-types.html),
[multicolumn indexes and skip scan](https://www.postgresql.org/docs/18/indexes-multicolumn.html),
[covering indexes](https://www.postgresql.org/docs/18/indexes-index-only-scans.html),
[partial indexes](https://www.postgresql.org/docs/18/indexes-partial.html),
[indexes on expressions](https://www.postgresql.org/docs/18/indexes-expressional.html),
[BRIN](https://www.postgresql.org/docs/18/brin.html), [GIN](https://www.postgresql.org/docs/18/gin.html),
[COPY FREEZE](https://www.postgresql.org/docs/18/sql-copy.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

# A summer's flights; a flight that was cancelled has no time aloft (a NULL there would make a range without end).
SUMMER = """
    SELECT
        id, time_hour, origin, dest, tailnum, dep_time, arr_delay,
        CASE WHEN air_time IS NOT NULL THEN TSTZRANGE(time_hour, time_hour + air_time * INTERVAL '1 minute') END AS aloft,
        JSONB_BUILD_OBJECT('plane', tailnum, 'to', dest) AS details
    FROM sample.flights
    WHERE month BETWEEN 6 AND 8
    ORDER BY id -- in the order of time, on which BRIN stands
"""
# What is asked, and the index that is made for it.
QUERIES = {
    "equality": "SELECT * FROM flights WHERE tailnum = 'N14228'",
    "equality, range, order": "SELECT * FROM flights WHERE dest = 'ORD' AND time_hour >= '2013-07-01' ORDER BY time_hour, id LIMIT 20",
    "covering": "SELECT AVG(arr_delay) FROM flights WHERE dest = 'BOS'",
    "partial": "SELECT * FROM flights WHERE dep_time IS NULL AND time_hour >= '2013-08-28'",
    "expression": "SELECT * FROM flights WHERE LOWER(tailnum) = 'n14228'",
    "BRIN": "SELECT COUNT(*) FROM flights WHERE time_hour >= '2013-07-05' AND time_hour < '2013-07-06'",
    "hash": "SELECT * FROM flights WHERE tailnum = 'N14228'",
    "GiST": "SELECT id FROM flights WHERE aloft @> TIMESTAMPTZ '2013-07-04 12:00Z'",
    "GIN": """SELECT COUNT(*) FROM flights WHERE details @> '{"plane": "N14228"}'""",
}
INDEXES = {
    "equality": "CREATE INDEX ON flights (tailnum)",
    "equality, range, order": "CREATE INDEX ON flights (dest, time_hour, id)",
    "covering": "CREATE INDEX ON flights (dest) INCLUDE (arr_delay)",
    "partial": "CREATE INDEX ON flights (time_hour) WHERE dep_time IS NULL",
    "expression": "CREATE INDEX ON flights (LOWER(tailnum))",
    "BRIN": "CREATE INDEX ON flights USING brin (time_hour) WITH (pages_per_range = 16)",
    "hash": "CREATE INDEX ON flights USING hash (tailnum)",
    "GiST": "CREATE INDEX ON flights USING gist (aloft)",
    "GIN": "CREATE INDEX ON flights USING gin (details jsonb_path_ops)",
}
ONE_HOUR = "SELECT * FROM flights WHERE time_hour = '2013-07-01 12:00Z'"


def way(plan: Any) -> str:
    """How the table is read. Whether row by row or by a bitmap of pages hangs on the estimate, and is all one here."""
    node = next(node for node in plan.nodes if node.relation == "flights")
    return {"Index Scan": "by an index", "Bitmap Heap Scan": "by an index"}.get(node.type, node.type)


def with_index(connection: Any, index: str, query: str) -> tuple[Any, int, Any]:
    """The plan and rows of the query with that index, and the index's bytes; then the index is rolled back."""
    from living_answers import plans

    with connection.transaction(force_rollback=True):
        connection.execute(index)
        size = "SELECT PG_RELATION_SIZE(indexrelid) FROM pg_index WHERE indrelid = 'flights'::regclass"
        return (
            plans.explain(connection, query),
            connection.execute(size).fetchone()[0],
            connection.execute(query).fetchall(),
        )


@answer(
    questions=["sql-index-strategies"],
    claims={
        "c-004-sql-indexing": {
            "verdict": "holds",
            "proof": "each index spares nineteen pages in twenty",
            "truth": "An index that matches a selective predicate speeds up the read, and costs space and every write.",
        },
    },
    breaks={
        "plain_column": {
            "what": "the query that compares lower(tailnum) gets an index on tailnum",
            "fails": ["each query is served by the index made for it"],
        },
    },
    scratch=["schema"],
)
def choosing_indexes():
    @task
    def load_a_summer() -> int:
        from living_answers import samples

        with scratch.connect() as source, scratch.connect() as target:
            samples.ensure(source)
            target.execute("DROP TABLE IF EXISTS flights")
            target.execute(f"CREATE TABLE flights AS {SUMMER} LIMIT 0")
            out, into = f"COPY ({SUMMER}) TO STDOUT", "COPY flights FROM STDIN (FREEZE)"
            with source.cursor().copy(out) as rows, target.cursor().copy(into) as table:
                for block in rows:
                    table.write(block)
            target.execute("ANALYZE flights")
            return target.execute("SELECT COUNT(*) FROM flights").fetchone()[0]

    @task
    def serve_each_query(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        before, after, answers, sizes = {}, {}, {}, {}
        with scratch.connect() as connection:
            plans.steady(connection)
            for case, query in QUERIES.items():
                naive = case == "expression" and params["break_it"] == "plain_column"
                index = "CREATE INDEX ON flights (tailnum)" if naive else INDEXES[case]
                before[case] = plans.explain(connection, query)
                unindexed = connection.execute(query).fetchall()
                after[case], sizes[case], rows = with_index(connection, index, query)
                answers[case] = sorted(map(str, rows)) == sorted(map(str, unindexed)) and len(rows)
                plans.show(f"{case}: {index}", after[case])
            full = with_index(connection, "CREATE INDEX ON flights (time_hour)", ONE_HOUR)[1]
        scans = {case: way(plan) for case, plan in before.items()}
        prove("before, each query scans the table", observed=scans, expected=dict.fromkeys(QUERIES, "Seq Scan"))
        types = {case: way(plan) for case, plan in after.items()}
        intended = dict.fromkeys(QUERIES, "by an index") | {"covering": "Index Only Scan"}
        prove("each query is served by the index made for it", observed=types, expected=intended)
        least = min(
            ([before[case].buffers, after[case].buffers] for case in QUERIES), key=lambda pages: pages[0] / pages[1]
        )
        prove("each index spares nineteen pages in twenty", observed=least, expected=20, how="times_at_least")
        counts = {case: plan.rows for case, plan in before.items()}
        prove("an index changes no answer", observed=answers, expected=counts, unit="rows")
        sorts = after["equality, range, order"].types.count("Sort")
        prove("served in order, there is nothing to sort", observed=sorts, expected=0, unit="sorts")
        prove(
            "the partial index is a tenth of the full one",
            observed=[full, sizes["partial"]],
            expected=10,
            how="times_at_least",
        )
        prove("the BRIN is a twentieth of it", observed=[full, sizes["BRIN"]], expected=20, how="times_at_least")

    @task
    def ask_for_the_second_column() -> None:
        import psycopg

        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            scanned = plans.explain(connection, ONE_HOUR)
            columns = {"hour": "time_hour", "plane": "tailnum, time_hour", "origin": "origin, time_hour"}
            found = {
                first: with_index(connection, f"CREATE INDEX ON flights ({index})", ONE_HOUR)[0]
                for first, index in columns.items()
            }
            plans.show("(tailnum, time_hour) asked for time_hour", found["plane"])
            plans.show("(origin, time_hour) asked for time_hour", found["origin"])
            pages = [found["plane"].buffers, found["hour"].buffers]
            prove(
                "the trailing column alone reads ten times the pages", observed=pages, expected=10, how="times_at_least"
            )
            pages = [scanned.buffers, found["origin"].buffers]
            prove("with three values in front it can skip", observed=pages, expected=20, how="times_at_least")
            error = psycopg.errors.InvalidObjectDefinition
            with prove_raises("an index wants an immutable expression", error), connection.transaction():
                connection.execute("CREATE INDEX ON flights ((time_hour::date))")

    load_a_summer() >> [serve_each_query(), ask_for_the_second_column()]
