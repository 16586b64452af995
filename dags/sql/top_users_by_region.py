"""# Who are the best users of each region?

**Say it.** Total by user first, then RANK within the region, then keep the first N: top N per group is a window function, not LIMIT. Start from
the table of regions, so that one without a transaction is still listed. The shares come from a SUM over the same
partition, before the cut.

**How it works.** `totals` brings the transactions to the grain of the report, one row for each user. `ranked` numbers the users of each
region and puts the region's total beside each, in the same pass: `SUM(total) OVER (PARTITION BY region_id)` is a subtotal that
does not collapse the rows. WHERE cannot see a window function, which is computed after it; hence the CTE, and the filter outside. (Redshift, Snowflake
and DuckDB have QUALIFY for that.) The last step is a LEFT JOIN from `regions`, with the rank in the join's condition: in WHERE
it would throw the empty regions out again.

For few regions with many users each, a LATERAL join with ORDER BY and LIMIT reads N rows for each region from a matching index, where the
window function reads and sorts all.

**This run proves**
- *the report agrees with plain Python*: names, totals, shares, with ties at the cut and a region of one user;
- *a region without transactions is listed*;
- *users with equal totals are all returned*: the tie at the third place;
- *the regions' totals add up to all transactions*: subtotals and the grand total of ROLLUP against the table;
- *the shares of a region add up to one*: before the cut;
- *a lateral join finds the same*: N at most, ties cut by the user's number in both.

**Break it.** `limit`: the first N times the number of regions of one sorted list. `inner_join`: the report starts from the transactions.
`row_number`: exactly N, whoever of two equals comes first.

**Where this stops.** "Best" is money here; pieces or number of transactions give another list: ask. A user who moved belongs to the region of
today or of the time of each transaction: that needs history. Users without a region have a group of their own only if someone asks.

**Sources.** PostgreSQL: [window functions](https://www.postgresql.org/docs/18/tutorial-window.html),
[LATERAL](https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-LATERAL),
[ROLLUP](https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-GROUPING-SETS).
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

BEST = 3
TOTALS = """
    WITH totals AS (
        SELECT users.region_id, users.user_id, SUM(transactions.amount) AS total
        FROM users JOIN transactions USING (user_id)
        GROUP BY users.region_id, users.user_id
    )
"""
RANKED = """,
    ranked AS (
        SELECT
            region_id, user_id, total,
            ROUND(total / SUM(total) OVER (PARTITION BY region_id), 4) AS share,
            {number} AS place
        FROM totals
    )
"""
RANK = RANKED.format(number="RANK() OVER (PARTITION BY region_id ORDER BY total DESC)")
ROW_NUMBER = RANKED.format(number="ROW_NUMBER() OVER (PARTITION BY region_id ORDER BY total DESC, user_id)")
FROM_REGIONS = """
    SELECT regions.name, ranked.user_id, ranked.total, ranked.share
    FROM regions LEFT JOIN ranked ON ranked.region_id = regions.region_id AND ranked.place <= %(best)s
"""
FROM_TRANSACTIONS = """
    SELECT regions.name, ranked.user_id, ranked.total, ranked.share
    FROM ranked JOIN regions USING (region_id) WHERE ranked.place <= %(best)s
"""
ONE_LIST = """
    SELECT regions.name, ranked.user_id, ranked.total, ranked.share
    FROM regions LEFT JOIN ranked USING (region_id)
    ORDER BY ranked.total DESC NULLS LAST
    LIMIT %(best)s * (SELECT COUNT(*) FROM regions)
"""
QUERIES = {
    None: TOTALS + RANK + FROM_REGIONS,
    "limit": TOTALS + RANK + ONE_LIST,
    "inner_join": TOTALS + RANK + FROM_TRANSACTIONS,
    "row_number": TOTALS + ROW_NUMBER + FROM_REGIONS,
}
LATERAL = """
    SELECT regions.name, best.user_id
    FROM regions
    LEFT JOIN LATERAL (
        SELECT user_id FROM totals
        WHERE totals.region_id = regions.region_id ORDER BY total DESC, user_id LIMIT %(best)s
    ) AS best ON TRUE
"""
SUBTOTALS = """
    SELECT regions.name, SUM(totals.total) FROM totals JOIN regions USING (region_id) GROUP BY ROLLUP (regions.name)
"""
SHARES = "SELECT region_id, SUM(share) FROM ranked GROUP BY region_id"
# Region 9 has no transaction; region 4 has one user; in region 3 two users share the third place.
TABLES = """
    DROP TABLE IF EXISTS regions, users, transactions;
    CREATE TABLE regions (region_id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO regions VALUES (1, 'North'), (2, 'South'), (3, 'West'), (4, 'Island'), (9, 'Moon');
    CREATE TABLE users (user_id int PRIMARY KEY, region_id int NOT NULL REFERENCES regions);
    INSERT INTO users SELECT id, 1 + id % 2 FROM GENERATE_SERIES(1, 200) AS id;
    INSERT INTO users VALUES (301, 3), (302, 3), (303, 3), (304, 3), (305, 3), (401, 4), (901, 9);
    CREATE TABLE transactions (user_id int NOT NULL REFERENCES users, amount numeric(10, 2) NOT NULL);
    INSERT INTO transactions
    SELECT 1 + (HASHINT4(id) & 127), (HASHINT4(id + 9) & 65535) / 100.0 FROM GENERATE_SERIES(1, 5000) AS id;
    INSERT INTO transactions VALUES
    (301, 90.00), (302, 80.00), (303, 70.00), (304, 30.00), (304, 40.00), (305, 10.00), (401, 5.00)
"""


def totals(connection: Any) -> dict[str, dict[int, Any]]:
    """Each region's users with their totals, added up in Python; a region without any has an empty one."""
    names = dict(connection.execute("SELECT region_id, name FROM regions"))
    region_of = dict(connection.execute("SELECT user_id, region_id FROM users"))
    found = {name: defaultdict(int) for name in names.values()}
    for user, amount in connection.execute("SELECT user_id, amount FROM transactions"):
        found[names[region_of[user]]][user] += amount
    return found


def best_of(name: str, users: dict[int, Any]) -> list[Any]:
    """The users whom fewer than N others of the region beat."""
    region = sum(users.values())
    kept = [u for u in users if sum(other > users[u] for other in users.values()) < BEST]
    places = Decimal("0.0001")  # half up, as PostgreSQL rounds
    best = [(name, u, users[u], (users[u] / region).quantize(places, ROUND_HALF_UP)) for u in kept]
    return best or [(name, None, None, None)]


@answer(
    questions=["sql-top-users-by-region"],
    breaks={
        "limit": {
            "what": "one list of all regions is sorted and cut",
            "fails": [
                "the report agrees with plain Python",
                "a region without transactions is listed",
                "users with equal totals are all returned",
            ],
        },
        "inner_join": {
            "what": "the report starts from the transactions, not from the regions",
            "fails": ["the report agrees with plain Python", "a region without transactions is listed"],
        },
        "row_number": {
            "what": "users are numbered through, so that one of two equals is cut off",
            "fails": ["the report agrees with plain Python", "users with equal totals are all returned"],
        },
    },
    scratch=["schema"],
)
def top_users_by_region():
    @task
    def record_transactions() -> None:
        with scratch.connect() as connection:
            connection.execute(TABLES)

    @task
    def report_the_best(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            found = connection.execute(QUERIES[params["break_it"]], {"best": BEST}).fetchall()
            due = [row for name, users in totals(connection).items() for row in best_of(name, users)]
        prove("the report agrees with plain Python", observed=found, expected=due, how="rows")

    @task
    def list_every_region(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            found = connection.execute(QUERIES[params["break_it"]], {"best": BEST}).fetchall()
            due = [name for name, users in totals(connection).items() if not users]
        listed = [name for name, user, _, _ in found if user is None]
        prove("a region without transactions is listed", observed=listed, expected=due)

    @task
    def keep_the_ties(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            found = connection.execute(QUERIES[params["break_it"]], {"best": BEST}).fetchall()
            west = totals(connection)["West"]
        third = sorted(west.values(), reverse=True)[BEST - 1]
        due = sorted(user for user, total in west.items() if total == third)
        kept = sorted(user for name, user, total, _ in found if name == "West" and total == third)
        prove("users with equal totals are all returned", observed=kept, expected=due)

    @task
    def add_it_up() -> None:
        with scratch.connect() as connection:
            subtotals = dict(connection.execute(TOTALS + SUBTOTALS).fetchall())
            grand = connection.execute("SELECT SUM(amount) FROM transactions").fetchone()[0]
            shares = connection.execute(TOTALS + RANK + SHARES).fetchall()
            lateral = connection.execute(TOTALS + LATERAL, {"best": BEST}).fetchall()
            numbered = connection.execute(QUERIES["row_number"], {"best": BEST}).fetchall()
        sums = [subtotals.pop(None), sum(subtotals.values())]
        prove("the regions' totals add up to all transactions", observed=sums, expected=[grand, grand])
        off = max(abs(float(share) - 1) for _, share in shares)
        prove("the shares of a region add up to one", observed=off, expected=0.01, how="at_most")
        prove("a lateral join finds the same", observed=lateral, expected=[row[:2] for row in numbered], how="rows")

    recorded = record_transactions()
    recorded >> [report_the_best(), list_every_region(), keep_the_ties(), add_it_up()]
