"""# How do grouping, HAVING and the kinds of COUNT treat rows and NULLs?

**Say it.** WHERE filters rows before they are grouped, HAVING filters groups after. COUNT(*) counts rows, COUNT(column) values
that are not NULL, COUNT(DISTINCT column) different ones. Aggregates skip NULLs (array_agg keeps them), while GROUP BY makes one group of them. ROLLUP adds
subtotals; GROUPING tells their NULL from one in the data.

**How it works.** A query is evaluated in this order: FROM, WHERE, GROUP BY, aggregates, HAVING, window functions, SELECT, ORDER BY. So WHERE cannot see
an average, and HAVING cannot see a single row. "Carriers whose average delay is over 15 minutes" is HAVING; the same
predicate in WHERE averages only the late flights and nearly every carrier passes. A condition on the group's key
may stand in either: PostgreSQL moves it from HAVING down to the scan.

AVG is SUM over COUNT *of the known values*. A cancelled flight has no delay; to count it as zero is a decision, said with
COALESCE. Over no rows SUM and AVG are NULL, COUNT is 0. Without GROUP BY there is always one row, with it none at all if nothing matches.

ROLLUP (a, b) groups by (a, b), by (a) and by nothing; GROUPING SETS names any such list. All of them come from one read of the table,
where a UNION ALL reads it once for each. In a subtotal the columns that were rolled up are NULL, and a manufacturer that is unknown
is NULL too: GROUPING(manufacturer) is 1 in the first case only. To count two things in one pass, `COUNT(*) FILTER (WHERE ...)`.

**This run proves** (on the flights of January, each figure against plain Python)
- *three kinds of COUNT differ as they should*: rows, known delays, different planes, by airport;
- *an average leaves the unknown out*: and COALESCE puts them in as zero;
- *all NULLs form one group*; *over no rows SUM is NULL and COUNT is 0*;
- *the carriers late on average are found*: name, flights and average;
- *a condition on the group's key is applied to the rows*: the plan's scan throws the other carriers' rows away under HAVING;
- *each subtotal is the sum of its groups*: ROLLUP by airport and manufacturer, with unknown manufacturers;
- *grouping sets say what three queries say* and *grouping sets read the table once*: pages of the plan against UNION ALL.

**Break it.** `where_for_having`: the condition on the average is put on the row. `null_is_total`: a subtotal is recognised by its NULL, so that the
group of the unknown manufacturers passes for one.

**Where this stops.** COUNT(DISTINCT) sorts or hashes all values and cannot be added up over groups: two airports share planes. For large data there are sketches
(HyperLogLog, `APPROXIMATE COUNT(DISTINCT ...)` on Redshift). In PostgreSQL a column that is neither grouped nor aggregated is an error,
save if the primary key is grouped; MySQL without ONLY_FULL_GROUP_BY returns any value.

**Sources.** PostgreSQL: [GROUP BY, HAVING, GROUPING SETS](https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-GROUP),
[aggregate functions and GROUPING](https://www.postgresql.org/docs/18/functions-aggregate.html),
[FILTER](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-AGGREGATES); MySQL:
[GROUP BY](https://dev.mysql.com/doc/refman/8.4/en/group-by-handling.html).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

# A cancelled flight has no delay, some have no plane, and of many a plane's manufacturer is unknown.
JANUARY = """
    DROP TABLE IF EXISTS flights;
    CREATE TABLE flights AS
    SELECT origin, carrier, flights.tailnum, dep_delay, manufacturer
    FROM sample.flights LEFT JOIN sample.planes USING (tailnum)
    WHERE flights.month = 1;
    ANALYZE flights
"""
COUNTS = "SELECT origin, COUNT(*), COUNT(dep_delay), COUNT(DISTINCT tailnum) FROM flights GROUP BY origin"
AVERAGES = """
    SELECT
        AVG(dep_delay)::float8,
        SUM(dep_delay)::float8 / COUNT(dep_delay),
        AVG(COALESCE(dep_delay, 0))::float8
    FROM flights
"""
LATE_ON_AVERAGE = """
    SELECT carrier, COUNT(*), ROUND(AVG(dep_delay), 6)::float8 FROM flights
    GROUP BY carrier
    HAVING AVG(dep_delay) > 15
"""
LATE_FLIGHTS = """
    SELECT carrier, COUNT(*), ROUND(AVG(dep_delay), 6)::float8 FROM flights
    WHERE dep_delay > 15
    GROUP BY carrier
"""
SUBTOTALS = """
    SELECT origin, COUNT(*) FROM flights
    GROUP BY ROLLUP (origin, manufacturer)
    HAVING GROUPING(manufacturer) = 1  -- the subtotals of the airports and the grand total
"""
SUBTOTALS_BY_NULL = """
    SELECT origin, COUNT(*) FROM flights
    GROUP BY ROLLUP (origin, manufacturer)
    HAVING manufacturer IS NULL
"""
BY_SETS = "SELECT origin, carrier, COUNT(*) FROM flights GROUP BY GROUPING SETS ((origin), (carrier), ())"
BY_UNION = """
    SELECT origin, NULL, COUNT(*) FROM flights GROUP BY origin
    UNION ALL
    SELECT NULL, carrier, COUNT(*) FROM flights GROUP BY carrier
    UNION ALL
    SELECT NULL, NULL, COUNT(*) FROM flights
"""


def all_flights(connection: Any) -> list[Any]:
    return connection.execute("SELECT origin, carrier, tailnum, dep_delay FROM flights").fetchall()


def mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 6)


@answer(
    questions=["sql-aggregations-group-having"],
    breaks={
        "where_for_having": {
            "what": "the condition on the average stands in WHERE, where it is one on the flight",
            "fails": ["the carriers late on average are found"],
        },
        "null_is_total": {
            "what": "a subtotal is recognised by its NULL, which the data has too",
            "fails": ["each subtotal is the sum of its groups"],
        },
    },
    scratch=["schema"],
)
def group_by_having():
    @task
    def take_january() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(JANUARY)

    @task
    def count_and_average() -> None:
        with scratch.connect() as connection:
            flights = all_flights(connection)
            counts = connection.execute(COUNTS).fetchall()
            averages = [round(average, 6) for average in connection.execute(AVERAGES).fetchone()]
            groups = connection.execute("SELECT tailnum, COUNT(*) FROM flights GROUP BY tailnum").fetchall()
            nothing = connection.execute("SELECT COUNT(*), SUM(dep_delay) FROM flights WHERE FALSE").fetchone()
        due = []
        for airport in {origin for origin, *_ in flights}:
            own = [flight for flight in flights if flight[0] == airport]
            planes = {tailnum for _, _, tailnum, _ in own if tailnum}
            due.append((airport, len(own), sum(delay is not None for *_, delay in own), len(planes)))
        prove("three kinds of COUNT differ as they should", observed=counts, expected=due, how="rows")
        known = [delay for *_, delay in flights if delay is not None]
        due = [mean(known), mean(known), round(sum(known) / len(flights), 6)]
        prove("an average leaves the unknown out", observed=averages, expected=due, unit="minutes")
        due = list(Counter(tailnum for _, _, tailnum, _ in flights).items())
        prove("all NULLs form one group", observed=groups, expected=due, how="rows")
        prove("over no rows SUM is NULL and COUNT is 0", observed=nothing, expected=(0, None))

    @task
    def filter_groups(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        query = LATE_FLIGHTS if params["break_it"] == "where_for_having" else LATE_ON_AVERAGE
        with scratch.connect() as connection:
            plans.steady(connection)
            flights, found = all_flights(connection), connection.execute(query).fetchall()
            on_key = plans.explain(connection, "SELECT COUNT(*) FROM flights GROUP BY carrier HAVING carrier = 'HA'")
            on_sum = plans.explain(connection, "SELECT COUNT(*) FROM flights GROUP BY carrier HAVING COUNT(*) = 31")
        plans.show("HAVING on the key: the scan filters", on_key)
        plans.show("HAVING on the count: the aggregate filters", on_sum)
        delays = defaultdict(list)
        for _, carrier, _, delay in flights:
            delays[carrier].append(delay)
        known = {carrier: [delay for delay in own if delay is not None] for carrier, own in delays.items()}
        due = [(carrier, len(delays[carrier]), mean(own)) for carrier, own in known.items() if sum(own) > 15 * len(own)]
        removed = [plan.node("Seq Scan").removed for plan in (on_key, on_sum)]
        others = len(flights) - len(delays["HA"])
        prove("a condition on the group's key is applied to the rows", observed=removed, expected=[others, 0])
        prove("the carriers late on average are found", observed=found, expected=due, how="rows", unit="carriers")

    @task
    def add_subtotals(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            by_null = params["break_it"] == "null_is_total"
            found = connection.execute(SUBTOTALS_BY_NULL if by_null else SUBTOTALS).fetchall()
            flights = all_flights(connection)
            by_sets, by_union = (connection.execute(query).fetchall() for query in (BY_SETS, BY_UNION))
            one, three = plans.explain(connection, BY_SETS), plans.explain(connection, BY_UNION)
        plans.show("GROUPING SETS", one)
        plans.show("UNION ALL of three groupings", three)
        prove("grouping sets say what three queries say", observed=by_sets, expected=by_union, how="rows")
        pages = (three.buffers, one.buffers)
        prove("grouping sets read the table once", observed=pages, expected=2.5, how="times_at_least", unit="pages")
        due = [*Counter(origin for origin, *_ in flights).items(), (None, len(flights))]
        prove("each subtotal is the sum of its groups", observed=found, expected=due, how="rows", unit="subtotals")

    take_january() >> [count_and_average(), filter_groups(), add_subtotals()]
