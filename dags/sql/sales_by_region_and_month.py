"""# How do you group sales by region and month, with total and average?

**Say it.** Decide three things before writing GROUP BY: in whose time zone a month ends, where sales without a region go, and whether a
refund belongs to its own month or to the sale's. Then group by those, and add the grand total with GROUPING SETS, so that the report
reconciles with the table.

**How it works.** `sold_at` is a `timestamptz`: an instant, stored in UTC. A month is a matter of a calendar, hence of a zone:
`sold_at AT TIME ZONE 'America/New_York'` gives the wall clock of the shop, and only that is truncated to a month. Half past eleven in the
evening of 31 January in New York is February in UTC.

A sale without a region stays in the report as `(none)`. An inner join with the table of regions would drop it, and the total would be
wrong without any error; the LEFT JOIN keeps it. GROUPING SETS computes the groups and the grand total in one pass, and
`GROUPING(...)` tells the line of the total from a group whose region is really NULL.

**This run proves**
- *the report agrees with plain Python*: total, count and average of each group, months cut by Python's own `zoneinfo`;
- *the groups add up to the table*: totals and counts of all groups against the ungrouped sum;
- *the grand total is the table's*: the line that GROUPING SETS adds;
- *the average of the averages is not the average*: why the total's average must not be computed from the groups;
- *a sale near midnight moves with the zone*: how many sales have another month in UTC, counted by both.

**Break it.** `utc`: the month is cut in UTC. `inner_join`: sales without a known region drop out.

**Where this stops.** Refunds count here in the month in which they were given (cash view); to charge them to the month of the sale, group by the
sale's date. Ask which is meant. `date_trunc` has a third argument for the zone, which returns an instant, not a wall clock. Around the
change to summer time a day has 23 or 25 hours; months are not hurt by that, averages by hour are.

**Sources.** PostgreSQL: [AT TIME ZONE](https://www.postgresql.org/docs/18/functions-datetime.html#FUNCTIONS-DATETIME-ZONECONVERT),
[GROUPING SETS](https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-GROUPING-SETS),
[GROUPING](https://www.postgresql.org/docs/18/functions-aggregate.html#FUNCTIONS-GROUPING-TABLE).
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

REPORT = """
    SELECT
        CASE WHEN GROUPING(region) = 1 THEN 'all' ELSE COALESCE(region, '(none)') END AS region,
        TO_CHAR(month, 'YYYY-MM') AS month,
        SUM(amount) AS total,
        COUNT(*) AS sales,
        ROUND(AVG(amount), 2) AS average
    FROM (
        SELECT regions.name AS region, sales.amount, {month} AS month
        FROM sales {join} regions USING (region_id)
    ) AS placed
    GROUP BY GROUPING SETS ((region, month), ())
"""
SHOP = "DATE_TRUNC('month', sales.sold_at AT TIME ZONE 'America/New_York')"
UTC = "DATE_TRUNC('month', sales.sold_at AT TIME ZONE 'UTC')"
MOVED = f"SELECT COUNT(*) FROM sales WHERE {SHOP} <> {UTC}"  # noqa: S608 - two constants of this file
QUERIES = {
    None: REPORT.format(month=SHOP, join="LEFT JOIN"),
    "utc": REPORT.format(month=UTC, join="LEFT JOIN"),
    "inner_join": REPORT.format(month=SHOP, join="JOIN"),
}
TABLES = """
    DROP TABLE IF EXISTS sales, regions;
    CREATE TABLE regions (region_id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO regions VALUES (1, 'North'), (2, 'South'), (3, 'West');
    CREATE TABLE sales (sold_at timestamptz NOT NULL, region_id int, amount numeric(10, 2) NOT NULL);
    INSERT INTO sales VALUES
    ('2013-01-31 23:30:00 America/New_York', 1, 10.00), ('2013-02-01 00:00:00 America/New_York', 1, 20.00),
    ('2012-12-31 23:59:59 America/New_York', 2, 30.00), ('2013-01-01 04:59:59 UTC', 2, 5.00),
    ('2013-03-31 21:00:00 America/New_York', NULL, 7.00), ('2013-03-15 12:00:00 UTC', 9, 8.00),
    ('2013-01-10 12:00:00 UTC', 3, 100.00), ('2013-02-10 12:00:00 UTC', 3, -100.00);
    INSERT INTO sales
    SELECT
        TIMESTAMPTZ '2013-01-01 UTC' + (HASHINT4(id) & 16777215) * INTERVAL '1 second',
        NULLIF(id % 5, 4), (HASHINT4(id + 5) & 8191) / 100.0 - 10
    FROM GENERATE_SERIES(1, 3000) AS id
"""


def recomputed(rows: list[Any]) -> list[Any]:
    """Region, month, total, count and average of each group, by Python's own calendar."""
    groups = defaultdict(list)
    for moment, region, amount in rows:
        month = moment.astimezone(ZoneInfo("America/New_York")).strftime("%Y-%m")
        groups[region or "(none)", month].append(amount)
    return [(*key, sum(amounts), len(amounts), mean(amounts)) for key, amounts in groups.items()]


def mean(amounts: list[Decimal]) -> Decimal:
    return (sum(amounts) / len(amounts)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def report(break_it: str | None) -> list[Any]:
    with scratch.connect() as connection:
        return connection.execute(QUERIES[break_it]).fetchall()


def raw_sales() -> list[Any]:
    """Each sale with the name of its region, looked up by a scalar subquery: no join that could drop it."""
    query = "SELECT sold_at, (SELECT name FROM regions AS r WHERE r.region_id = s.region_id), amount FROM sales AS s"
    with scratch.connect() as connection:
        return connection.execute(query).fetchall()


@answer(
    questions=["sql-sales-region-month"],
    breaks={
        "utc": {"what": "the month is cut in UTC", "fails": ["the report agrees with plain Python"]},
        "inner_join": {
            "what": "an inner join drops the sales without a known region",
            "fails": [
                "the report agrees with plain Python",
                "the groups add up to the table",
                "the grand total is the table's",
            ],
        },
    },
    scratch=["schema"],
)
def sales_by_region_and_month():
    @task
    def record_sales() -> None:
        with scratch.connect() as connection:
            connection.execute(TABLES)

    @task
    def group_by_region_and_month(params: dict[str, Any] | None = None) -> None:
        groups = [row for row in report(params["break_it"]) if row[0] != "all"]
        prove("the report agrees with plain Python", observed=groups, expected=recomputed(raw_sales()), how="rows")

    @task
    def reconcile_the_groups(params: dict[str, Any] | None = None) -> None:
        groups = [row for row in report(params["break_it"]) if row[0] != "all"]
        amounts = [amount for _, _, amount in raw_sales()]
        added = [sum(row[2] for row in groups), sum(row[3] for row in groups)]
        prove("the groups add up to the table", observed=added, expected=[sum(amounts), len(amounts)])

    @task
    def reconcile_the_total(params: dict[str, Any] | None = None) -> None:
        rows = report(params["break_it"])
        amounts = [amount for _, _, amount in raw_sales()]
        (line,) = [row[2:] for row in rows if row[0] == "all"]
        averages = [row[4] for row in rows if row[0] != "all"]
        apart = abs(mean(averages) - line[2])
        prove(
            "the average of the averages is not the average", observed=apart, expected=Decimal("0.01"), how="at_least"
        )
        prove("the grand total is the table's", observed=line, expected=(sum(amounts), len(amounts), mean(amounts)))

    @task
    def move_a_sale_with_the_zone() -> None:
        with scratch.connect() as connection:
            moved = connection.execute(MOVED).fetchone()[0]
        zones = [ZoneInfo("America/New_York"), ZoneInfo("UTC")]
        months = [[moment.astimezone(zone).strftime("%Y-%m") for zone in zones] for moment, _, _ in raw_sales()]
        due = sum(shop != utc for shop, utc in months)
        prove("a sale near midnight moves with the zone", observed=moved, expected=due, unit="sales")

    recorded = record_sales()
    recorded >> [
        group_by_region_and_month(),
        reconcile_the_groups(),
        reconcile_the_total(),
        move_a_sale_with_the_zone(),
    ]
