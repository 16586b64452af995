"""# What can you do about queries on a large table, and what does each cost?

**Say it.** First read less: an index for the few rows, partitions for the one period. Then read once: one pass in place of three subqueries, the next page by
its key and not by OFFSET. Then read beforehand: a summary table. Each has a price, in bytes, in writes or in age, and each helps some
queries and not others.

**How it works.** A query is slow by the pages that it touches, so each technique is judged by pages, before and after, on the same 300,000 line items of TPC-H:

| technique | helps | costs | does not help |
| --- | --- | --- | --- |
| index | a few rows out of many | its bytes, and log for each insert | a sum of everything |
| partitions | one period, dropping a period | planning; every partition for other queries | a query without the key |
| one pass | several figures of the same rows | nothing | different rows |
| page by key | the thousandth page as the first | the page's number is lost | jumping to page 500 |
| summary table | the same report again and again | its age, its refresh | a question nobody foresaw |
| splitting into steps | the reader | nothing if inlined; an index if not | the planner |

**This run proves** each technique alone, on its own query, with the same rows
- *the index reads a fiftieth*; *it makes an insert log a third more*; *it does not help a sum of everything*;
- *partitions read a fifth*; *partitions do not help without the key*;
- *one pass reads a third* of what three subqueries do;
- *the next page by key reads a hundredth* of what OFFSET does, and *the next page has the same rows*;
- *the summary reads a twentieth*; *the summary is old after the next insert*: by that row's amount;
- *split into steps it is the same plan*; *with the steps kept it reads fifty times more*;
- *each technique gives the same rows*.

**Break it.** `offset`: the page is asked for by OFFSET. `fence`: the steps are written MATERIALIZED.

**Where this stops.** A large table has a thousand times these rows; pages by index stay, pages by scan grow. Time is left out, since everything is in
memory here; on a disk the ratios are larger. Partitions: `table_partitioning`; a summary that refreshes itself: `materialized_views`; choosing an
index: `choosing_indexes`. Next come more memory, read replicas, a column store, which reads only the columns asked for, and the question whether
the old rows must be there at all. "Simpler subqueries" from the notes are for people: the planner flattens them.

**Sources.** PostgreSQL: [performance tips](https://www.postgresql.org/docs/18/performance-tips.html),
[partitioning](https://www.postgresql.org/docs/18/ddl-partitioning.html),
[aggregates with FILTER](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-AGGREGATES),
[LIMIT and OFFSET](https://www.postgresql.org/docs/18/queries-limit.html),
[CTE materialisation](https://www.postgresql.org/docs/18/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION).
Markus Winand: [no offset](https://use-the-index-luke.com/no-offset).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

COLUMNS = "l_orderkey * 10 + l_linenumber AS id, l_partkey AS part, l_shipdate AS shipped, l_extendedprice AS price, l_returnflag AS flag"
TABLES = f"""
    DROP TABLE IF EXISTS lines, lines_by_year, lines_by_day;
    CREATE TABLE lines AS SELECT {COLUMNS} FROM sample.lineitem ORDER BY 1;
    ALTER TABLE lines ADD PRIMARY KEY (id);
    CREATE TABLE lines_by_year (LIKE lines) PARTITION BY RANGE (shipped);
    CREATE TABLE lines_by_day AS
    SELECT shipped, flag, SUM(price) AS price FROM lines GROUP BY shipped, flag;
    ANALYZE lines, lines_by_day;
"""  # noqa: S608
YEAR = "CREATE TABLE lines_{0} PARTITION OF lines_by_year FOR VALUES FROM ('{0}-01-01') TO ('{1}-01-01')"
PAGE = "SELECT * FROM lines WHERE {} ORDER BY id LIMIT 20"
OFFSET = "SELECT * FROM lines ORDER BY id LIMIT 20 OFFSET 250000"
OF_A_PART = "SELECT * FROM lines WHERE part = 4711"
IN_STEPS = "WITH priced AS {0} (SELECT * FROM lines), of_a_part AS {0} (SELECT * FROM priced WHERE part = 4711) SELECT * FROM of_a_part"
EVERYTHING = "SELECT SUM(price) FROM lines"
# For each technique: the query as it was, and as it is with it.
PAIRS = {
    "partitions": (
        "SELECT SUM(price) FROM lines WHERE shipped BETWEEN '1995-03-01' AND '1995-03-31'",
        "SELECT SUM(price) FROM lines_by_year WHERE shipped BETWEEN '1995-03-01' AND '1995-03-31'",
    ),
    "partitions, no key": (
        "SELECT SUM(price) FROM lines WHERE part < 100",
        "SELECT SUM(price) FROM lines_by_year WHERE part < 100",
    ),
    "one pass": (
        """SELECT
            (SELECT SUM(price) FROM lines WHERE flag = 'R'),
            (SELECT SUM(price) FROM lines WHERE flag = 'A'),
            (SELECT COUNT(*) FROM lines WHERE price > 50000)""",
        """SELECT
            SUM(price) FILTER (WHERE flag = 'R'), SUM(price) FILTER (WHERE flag = 'A'),
            COUNT(*) FILTER (WHERE price > 50000)
        FROM lines""",
    ),
    "summary": (
        "SELECT flag, SUM(price) FROM lines WHERE shipped >= '1994-01-01' GROUP BY flag",
        "SELECT flag, SUM(price) FROM lines_by_day WHERE shipped >= '1994-01-01' GROUP BY flag",
    ),
}
INSERT = "INSERT INTO lines SELECT -id, part, shipped, price, flag FROM lines WHERE id < 10000"


def logged_records(connection: Any) -> int:
    """How many log records the insert makes; it is rolled back."""
    with connection.transaction(force_rollback=True):
        plan = connection.execute(f"EXPLAIN (ANALYZE, WAL, FORMAT JSON) {INSERT}").fetchone()[0][0]["Plan"]
    return plan["WAL Records"]


@answer(
    questions=["sql-optimize-large-datasets"],
    claims={
        "c-004-split-into-subqueries": {
            "verdict": "imprecise",
            "proof": "split into steps it is the same plan",
            "truth": "Splitting a query into steps helps its readers; an inlined step has the same plan, and a materialised one can read far more.",
        },
    },
    breaks={
        "offset": {"what": "the page is asked for by OFFSET", "fails": ["the next page by key reads a hundredth"]},
        "fence": {"what": "the steps are written MATERIALIZED", "fails": ["split into steps it is the same plan"]},
    },
    scratch=["schema"],
)
def large_table_toolbox():
    @task
    def make_the_tables() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLES)
            for year in range(1992, 1999):
                connection.execute(YEAR.format(year, year + 1))
            connection.execute("INSERT INTO lines_by_year SELECT * FROM lines")
            connection.execute("ANALYZE lines_by_year")

    @task
    def read_less_once_and_beforehand() -> None:
        from living_answers import plans

        answers, due, pages = {}, {}, {}
        with scratch.connect() as connection:
            plans.steady(connection)
            for technique, queries in PAIRS.items():
                before, after = (plans.explain(connection, query) for query in queries)
                plans.show(f"{technique}: after", after)
                pages[technique] = [before.buffers, after.buffers]
                due[technique], answers[technique] = (sorted(connection.execute(query).fetchall()) for query in queries)
            connection.execute("INSERT INTO lines VALUES (-1, 1, '1998-01-01', 1234.50, 'N')")
            stale = [dict(connection.execute(query).fetchall())["N"] for query in PAIRS["summary"]]
            added = connection.execute("SELECT price FROM lines WHERE id = -1").fetchone()[0]
            connection.rollback()
        prove("each technique gives the same rows", observed=answers, expected=due)
        prove("partitions read a fifth", observed=pages["partitions"], expected=5, how="times_at_least", unit="pages")
        prove(
            "partitions do not help without the key",
            observed=pages["partitions, no key"],
            expected=1.05,
            how="times_at_most",
        )
        prove("one pass reads a third", observed=pages["one pass"], expected=2.9, how="times_at_least", unit="pages")
        prove("the summary reads a twentieth", observed=pages["summary"], expected=20, how="times_at_least")
        prove("the summary is old after the next insert", observed=stale[0] - stale[1], expected=added)

    @task
    def turn_pages(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            offset = plans.explain(connection, OFFSET)
            last_seen = connection.execute(OFFSET.replace("20 OFFSET 250000", "1 OFFSET 249999")).fetchone()[0]
            page = OFFSET if params["break_it"] == "offset" else PAGE.format(f"id > {last_seen}")
            by_key = plans.explain(connection, page)
            rows = [connection.execute(query).fetchall() for query in (page, OFFSET)]
        plans.show("by OFFSET", offset)
        plans.show("by the last key seen", by_key)
        prove("the next page has the same rows", observed=rows[0], expected=rows[1])
        pages = [offset.buffers, by_key.buffers]
        prove("the next page by key reads a hundredth", observed=pages, expected=100, how="times_at_least")

    @task
    def index_and_split(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        split = "MATERIALIZED" if params["break_it"] == "fence" else ""
        with scratch.connect() as connection:
            plans.steady(connection)
            scanned, everything = plans.explain(connection, OF_A_PART), plans.explain(connection, EVERYTHING)
            records = [logged_records(connection)]
            connection.execute("CREATE INDEX ON lines (part)")
            found, still = plans.explain(connection, OF_A_PART), plans.explain(connection, EVERYTHING)
            records.insert(0, logged_records(connection))
            steps = plans.explain(connection, IN_STEPS.format(split))
            fenced = plans.explain(connection, IN_STEPS.format("MATERIALIZED"))
            connection.rollback()  # the index: the other tasks measure without it
        plans.show("by the index", found)
        plans.show("in steps that are kept", fenced)
        pages = [scanned.buffers, found.buffers]
        prove("the index reads a fiftieth", observed=pages, expected=50, how="times_at_least", unit="pages")
        prove("it makes an insert log a third more", observed=records, expected=1.33, how="times_at_least")
        prove("it does not help a sum of everything", observed=still.types, expected=everything.types)
        pages = [fenced.buffers, found.buffers]
        prove("with the steps kept it reads fifty times more", observed=pages, expected=50, how="times_at_least")
        prove("split into steps it is the same plan", observed=steps.types, expected=found.types)

    make_the_tables() >> [read_less_once_and_beforehand(), turn_pages(), index_and_split()]
