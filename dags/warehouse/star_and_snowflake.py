"""# Star or snowflake schema: what is the difference, and which do you choose?

**Say it.** Both have a fact in the middle. In a star each dimension is one wide table that repeats the names of its levels; in a snowflake
each level is a table. The star joins less and is easier to query; the snowflake says each name once and can refuse a wrong one. I start
with the star.

**How it works.** The mart of sales is built twice over one fact: parts with brand and manufacturer, customers with nation and region. The same
report, revenue by manufacturer and region, needs one join for each dimension in the star and one for each level in the snowflake. What the
snowflake saves is the repeated text of the dimensions, a few per cent of the mart. What it buys is integrity: a renamed manufacturer is one
row, and a brand without a manufacturer is refused by a foreign key. In a star the *load* must see to both.

**This run proves**
- *both give the same report*: star and snowflake against sums in plain Python over the raw rows;
- *the star has one join a dimension, the snowflake one a level*: counted in the two plans;
- *the report reads about as many pages*: both scan the fact; the small tables do not matter;
- *the snowflake saves little of the mart*: bytes of all tables, compared with the star's;
- *the star repeats the names of its levels*: how often each manufacturer's name is stored, on average, and how often in the snowflake;
- *a rename touches one row, or one for each part*: rows that the two UPDATEs change;
- *after the rename both still agree* and *the snowflake refuses a brand without manufacturer*.

**Break it.** `partial_rename`: the star's rename runs in batches and dies after the first, so two names stand for one manufacturer.
`no_foreign_keys`: the snowflake loses a constraint, and an orphan brand gets in, whose sales the report's inner joins would drop.

**Where this stops.** PostgreSQL keeps rows. A columnar warehouse usually stores a repeated name as a number into a dictionary, which makes the star's
redundancy cheaper still, and joins small dimensions in memory. A snowflaked level pays when it is shared by several dimensions, is
maintained by others, or is very large. Renaming here overwrites history; keeping it is another matter (slowly changing dimensions).

**Sources.** [Kimball Group: star schemas](https://www.kimballgroup.com/data-warehouse-business-intelligence-resources/kimball-techniques/dimensional-modeling-techniques/star-schema-olap-cube/),
[snowflaked dimensions](https://www.kimballgroup.com/data-warehouse-business-intelligence-resources/kimball-techniques/dimensional-modeling-techniques/snowflake-dimension/).
PostgreSQL: [EXPLAIN](https://www.postgresql.org/docs/18/using-explain.html),
[foreign keys](https://www.postgresql.org/docs/18/ddl-constraints.html#DDL-CONSTRAINTS-FK).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

TABLES = Path(__file__).parent / "sql" / "star_and_snowflake_tables.sql"
STAR = """
    SELECT p.manufacturer, c.region, SUM(f.amount) AS revenue
    FROM fact_sales AS f
    JOIN star_part AS p USING (part_key)
    JOIN star_customer AS c USING (customer_key)
    GROUP BY p.manufacturer, c.region
"""
SNOWFLAKE = """
    SELECT m.name AS manufacturer, r.name AS region, SUM(f.amount) AS revenue
    FROM fact_sales AS f
    JOIN part AS p USING (part_key)
    JOIN brand AS b USING (brand_id)
    JOIN manufacturer AS m USING (manufacturer_id)
    JOIN customer AS c USING (customer_key)
    JOIN nation AS n USING (nation_id)
    JOIN region AS r USING (region_id)
    GROUP BY m.name, r.name
"""
RAW = """
    SELECT p_mfgr, r_name, l_extendedprice
    FROM sample.lineitem, sample.orders, sample.part, sample.customer, sample.nation, sample.region
    WHERE l_orderkey = o_orderkey AND o_orderkey <= 150000 AND l_partkey = p_partkey
    AND o_custkey = c_custkey AND c_nationkey = n_nationkey AND n_regionkey = r_regionkey
"""
STAR_TABLES, SNOWFLAKE_TABLES = (
    ["star_part", "star_customer"],
    ["part", "brand", "manufacturer", "customer", "nation", "region"],
)
BYTES = "SELECT SUM(PG_TABLE_SIZE(name::regclass)) FROM UNNEST(%s::text[]) AS name"
OLD, NEW = "Manufacturer#1", "Acme"


def joins(plan: Any) -> int:
    return sum("Join" in node.type or node.type == "Nested Loop" for node in plan.nodes)


def rename(connection: Any, break_it: str | None) -> list[int]:
    """Rename a manufacturer in both; return how many rows each changed."""
    batch = "AND part_key <= 5000" if break_it == "partial_rename" else ""
    star = connection.execute(f"UPDATE star_part SET manufacturer = %s WHERE manufacturer = %s {batch}", [NEW, OLD])  # noqa: S608
    snowflake = connection.execute("UPDATE manufacturer SET name = %s WHERE name = %s", [NEW, OLD])
    return [star.rowcount, snowflake.rowcount]


@answer(
    questions=["dw-star-vs-snowflake-schema"],
    claims={
        "c-004-star-schema": {
            "verdict": "holds",
            "proof": "the star repeats the names of its levels",
            "truth": "A fact joined to one table a dimension; the names of a dimension's levels are repeated in its rows.",
        },
        "c-004-snowflake-schema": {
            "verdict": "holds",
            "proof": "the star has one join a dimension, the snowflake one a level",
            "truth": "Each level is a table: each name once, a join more for each level. The bytes saved are few beside the fact's.",
        },
        "c-004-star-faster": {
            "verdict": "imprecise",
            "proof": "the report reads about as many pages",
            "truth": "The star is simpler to query, and joins less; both read the same fact, so the difference in work is small, as is the "
            "space saved. The snowflake's gain is integrity: it pays where a level is shared or changes on its own.",
        },
    },
    breaks={
        "partial_rename": {
            "what": "the star's rename dies after its first batch",
            "fails": ["after the rename both still agree"],
        },
        "no_foreign_keys": {
            "what": "the snowflake has no foreign keys, and a brand without manufacturer gets in",
            "fails": ["the snowflake refuses a brand without manufacturer"],
        },
    },
    scratch=["schema"],
)
def star_and_snowflake():
    @task
    def build_both() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLES.read_text())

    @task
    def compare_reports() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            revenue = Counter()
            for manufacturer, region, amount in connection.execute(RAW):
                revenue[manufacturer, region] += amount
            due = [(*group, total) for group, total in revenue.items()]
            star, snowflake = (connection.execute(query).fetchall() for query in (STAR, SNOWFLAKE))
            prove("both give the same report", observed=star + snowflake, expected=due * 2, how="rows")
            star, snowflake = (plans.explain(connection, query) for query in (STAR, SNOWFLAKE))
            plans.show("star", star)
            plans.show("snowflake", snowflake)
            sizes = [
                connection.execute(BYTES, [names]).fetchone()[0]
                for names in (STAR_TABLES, SNOWFLAKE_TABLES, ["fact_sales"])
            ]
            spread = [
                connection.execute(f"SELECT COUNT(*), COUNT(DISTINCT {name}) FROM {table}").fetchone()  # noqa: S608
                for table, name in (("star_part", "manufacturer"), ("manufacturer", "name"))
            ]
        due = [len(STAR_TABLES), len(SNOWFLAKE_TABLES)]
        prove(
            "the star has one join a dimension, the snowflake one a level",
            observed=[joins(star), joins(snowflake)],
            expected=due,
        )
        pages = [max(star.buffers, snowflake.buffers), min(star.buffers, snowflake.buffers)]
        prove("the report reads about as many pages", observed=pages, expected=1.25, how="times_at_most", unit="pages")
        saved = [sizes[0] - sizes[1], sizes[0] + sizes[2]]
        prove("the snowflake saves little of the mart", observed=saved, expected=0.1, how="times_at_most", unit="bytes")
        repeats = [rows / names for rows, names in spread]
        prove("the star repeats the names of its levels", observed=repeats, expected=100, how="times_at_least")

    @task
    def rename_a_manufacturer(params: dict[str, Any] | None = None) -> None:
        from psycopg.errors import ForeignKeyViolation

        with scratch.connect() as connection:
            if params["break_it"] == "no_foreign_keys":
                connection.execute("ALTER TABLE brand DROP CONSTRAINT brand_manufacturer_id_fkey")
            parts = connection.execute("SELECT COUNT(*) FROM sample.part WHERE p_mfgr = %s", [OLD]).fetchone()[0]
            touched = rename(connection, params["break_it"])
            star, snowflake = (connection.execute(query).fetchall() for query in (STAR, SNOWFLAKE))
            prove("after the rename both still agree", observed=star, expected=snowflake, how="rows")
            prove("a rename touches one row, or one for each part", observed=touched, expected=[parts, 1], unit="rows")
            with prove_raises("the snowflake refuses a brand without manufacturer", ForeignKeyViolation):
                connection.execute("INSERT INTO brand VALUES (99, 'Brand#99', 99)")
            connection.rollback()

    build_both() >> compare_reports() >> rename_a_manufacturer()
