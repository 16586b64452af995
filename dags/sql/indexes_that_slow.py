"""# How does an index work, and when does it make things slower?

**Say it.** A B-tree keeps a column's values in order, each with the address of its row: a few pages lead to any key. It is also a copy that
every write maintains. So it slows loads, loses to a scan when most rows match, ends cheap in-page updates, bloats, and can
tempt the planner into a bad plan.

**How it works.** A lookup goes from the root by inner pages to a leaf, three or four pages for millions of keys, and then to the row's page in the table.
That last step is the price: rows that lie next to each other in the index lie anywhere in the table, so a range of 46,000 keys is 46,000 visits, where a scan
reads every page once. On the writing side each INSERT adds an entry to *every* index and logs it. An UPDATE in PostgreSQL writes a new version of the row; if
no indexed column changed (those of a BRIN aside) and the page has room, the new version stays in the page and no index hears of it (a *heap-only tuple*,
HOT). One index on the column that changes, and all indexes get a new entry for each update. The old entries stay until VACUUM, and the pages that they filled
are not given back to the disk: that is bloat. And with `ORDER BY id LIMIT 10` the planner may walk the index on `id`, hoping to meet ten matches soon: it
assumes that matches are spread evenly. When they are all at the end, it reads nearly everything, one row at a time.

**This run proves**
- *one index makes the load log a third more*, and *six make it three times as much again*: bytes of write-ahead log for the same 20,000 rows;
- *for most of the rows the planner leaves the index alone*; *forced through the index, it reads twenty times the pages*;
- *updates of a column without an index stay in their page*: all of them HOT; *with an index on it none does*;
- *an index holds the entries of old versions*: the same rows after one update of each key, twice the size;
- *an index in the query's order makes it read fifty times the pages*: the ten open jobs that lie at the end;
- *the right index makes it a hundredth*: by state first, then id.

**Break it.** `index_on_the_counter`: somebody indexes the column that each visit increments, "in case we sort by it".

**Where this stops.** Everything is in memory here; on a disk the visits of an index scan are random reads, and the difference grows. PostgreSQL's bitmap scan
stands between the two: it sorts the addresses first. Unique and foreign-key indexes earn their keep whatever they cost. `pg_stat_user_indexes.idx_scan`
tells which indexes nobody has used since the statistics were reset (ask the replicas too); `REINDEX CONCURRENTLY` cures bloat. A clustered table (InnoDB)
spares the visit for the primary key only. Redshift has no B-trees; its sort keys slow loads by the sorting that VACUUM owes.

**Sources.** PostgreSQL: [B-tree](https://www.postgresql.org/docs/18/btree.html),
[heap-only tuples](https://www.postgresql.org/docs/18/storage-hot.html),
[routine reindexing](https://www.postgresql.org/docs/18/routine-reindex.html),
[combining indexes](https://www.postgresql.org/docs/18/indexes-bitmap-scans.html),
[EXPLAIN's WAL](https://www.postgresql.org/docs/18/sql-explain.html),
[index statistics](https://www.postgresql.org/docs/18/monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SIX = ["id", "shuffled", "hundredth", "digest", "scattered", "shuffled, hundredth"]
LOAD = """
    INSERT INTO target
    SELECT id, HASHINT4(id), id % 100, MD5(id::text), (id * 7919) % 20000
    FROM GENERATE_SERIES(1, 20000) AS id
"""
MOST_ROWS = "SELECT SUM(LENGTH(note)) FROM events WHERE key > -1800000000"
# The open jobs are the newest, as in every queue; the planner takes them to be spread over all ids.
OLDEST_OPEN = "SELECT * FROM jobs WHERE state = 'open' ORDER BY id LIMIT 10"


def logged_bytes(connection: Any, indexes: list[str]) -> int:
    """How much the load writes into the write-ahead log, full page images included."""
    connection.execute("DROP TABLE IF EXISTS target")
    connection.execute("CREATE TABLE target (id int, shuffled int, hundredth int, digest text, scattered int)")
    for columns in indexes:
        connection.execute(f"CREATE INDEX ON target ({columns})")
    plan = connection.execute("EXPLAIN (ANALYZE, WAL, FORMAT JSON)" + LOAD).fetchone()[0][0]["Plan"]
    return plan["WAL Bytes"]


def heap_only_updates(connection: Any, index: str | None) -> int:
    """How many of 10,000 updates of the counter stay in their page, by the transaction's own statistics."""
    connection.execute("DROP TABLE IF EXISTS pages")
    connection.execute(  # half of each page is left free: HOT needs the room
        "CREATE TABLE pages (id int PRIMARY KEY, visits int) WITH (fillfactor = 50, autovacuum_enabled = off)"
    )
    connection.execute("INSERT INTO pages SELECT id, 0 FROM GENERATE_SERIES(1, 10000) AS id")
    if index:
        connection.execute(f"CREATE INDEX ON pages ({index})")
    connection.commit()
    connection.execute("UPDATE pages SET visits = visits + 1")
    return connection.execute("SELECT PG_STAT_GET_XACT_TUPLES_HOT_UPDATED('pages'::regclass)").fetchone()[0]


@answer(
    questions=["sql-index-slowdown"],
    claims={
        "c-001-indexes-can-slow": {
            "verdict": "holds",
            "proof": "one index makes the load log a third more",
            "truth": "An index speeds up selective reads; it slows every write, loses to a scan of most rows, and can mislead the planner.",
        },
    },
    breaks={
        "index_on_the_counter": {
            "what": "an index on the column that every visit increments",
            "fails": ["updates of a column without an index stay in their page"],
        },
    },
    scratch=["schema"],
)
def indexes_that_slow():
    @task
    def load_with_indexes() -> None:
        with scratch.connect() as connection:
            none, one, six = (logged_bytes(connection, indexes) for indexes in ([], SIX[:1], SIX))
        prove("one index makes the load log a third more", observed=[one, none], expected=1.33, how="times_at_least")
        prove("six make it three times as much again", observed=[six, one], expected=3, how="times_at_least")

    @task
    def read_most_rows() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            connection.execute("DROP TABLE IF EXISTS events")
            row = "id, HASHINT4(id) AS key, REPEAT('x', 60) AS note"
            connection.execute(f"CREATE TABLE events AS SELECT {row} FROM GENERATE_SERIES(1, 50000) AS id")  # noqa: S608
            connection.execute("CREATE INDEX ON events (key)")
            connection.execute("ANALYZE events")
            chosen = plans.explain(connection, MOST_ROWS)
            connection.execute("SET LOCAL enable_seqscan = off")
            connection.execute("SET LOCAL enable_bitmapscan = off")
            forced = plans.explain(connection, MOST_ROWS)
        plans.show("what the planner chose", chosen)
        plans.show("forced through the index", forced)
        scans = [chosen.nodes[-1].type, forced.nodes[-1].type]
        prove(
            "for most of the rows the planner leaves the index alone",
            observed=scans,
            expected=["Seq Scan", "Index Scan"],
        )
        pages = [forced.buffers, chosen.buffers]
        prove(
            "forced through the index, it reads twenty times the pages",
            observed=pages,
            expected=20,
            how="times_at_least",
        )

    @task
    def mislead_the_planner() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            connection.execute("DROP TABLE IF EXISTS jobs")
            connection.execute(
                "CREATE TABLE jobs AS "
                "SELECT id, CASE WHEN id <= 49000 THEN 'done' ELSE 'open' END AS state "
                "FROM GENERATE_SERIES(1, 50000) AS id ORDER BY HASHINT4(id)"
            )
            connection.execute("ANALYZE jobs")
            scanned = plans.explain(connection, OLDEST_OPEN)
            connection.execute("CREATE INDEX ON jobs (id)")
            misled = plans.explain(connection, OLDEST_OPEN)
            connection.execute("CREATE INDEX ON jobs (state, id)")
            cured = plans.explain(connection, OLDEST_OPEN)
        plans.show("index on (id)", misled)
        plans.show("index on (state, id)", cured)
        pages = [misled.buffers, scanned.buffers]
        prove(
            "an index in the query's order makes it read fifty times the pages",
            observed=pages,
            expected=50,
            how="times_at_least",
        )
        prove(
            "the right index makes it a hundredth",
            observed=[misled.buffers, cured.buffers],
            expected=100,
            how="times_at_least",
        )

    @task
    def update_what_is_indexed(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS keys")
            connection.execute(
                "CREATE TABLE keys (key int) WITH (autovacuum_enabled = off); CREATE INDEX by_key ON keys (key)"
            )
            connection.execute("INSERT INTO keys SELECT HASHINT4(id) FROM GENERATE_SERIES(1, 30000) AS id")
            sizes = [connection.execute("SELECT PG_RELATION_SIZE('by_key')").fetchone()[0]]
            connection.execute("UPDATE keys SET key = HASHINT4(key)")
            sizes.insert(0, connection.execute("SELECT PG_RELATION_SIZE('by_key')").fetchone()[0])
            prove("an index holds the entries of old versions", observed=sizes, expected=1.5, how="times_at_least")
            indexed = heap_only_updates(connection, "visits")
            prove("with an index on it none does", observed=indexed, expected=0, unit="updates")
            free = heap_only_updates(connection, "visits" if params["break_it"] == "index_on_the_counter" else None)
            pages = connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0]
        prove("updates of a column without an index stay in their page", observed=free, expected=pages, unit="updates")

    [load_with_indexes(), read_most_rows(), mislead_the_planner(), update_what_is_indexed()]
