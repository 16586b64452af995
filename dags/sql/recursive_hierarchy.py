"""# Who works below a given manager? (recursive query)

**Say it.** A recursive CTE starts with the manager's direct reports, and joins the table to what was found last until nothing new comes. I carry the depth
and the path along. If the data may hold a cycle, CYCLE or a check of the path ends it; without one the query never ends, and a depth limit only hides that.

**How it works.** The first SELECT (the anchor) gives the start. The second is run again and again on the rows that the last round added,
not on all of them; so each level of the tree is one round, and the result comes level by level.
UNION ALL keeps every path; UNION removes rows that are equal in *all* columns, and with a depth
or a path among them no two ever are, so it does not stop a cycle.

`CYCLE employee SET is_cycle USING path` (SQL:1999, this short form SQL:2023; PostgreSQL 14 and newer) keeps the path itself
and marks the row that closes a ring; that row is shown once
and not followed. `SEARCH DEPTH FIRST BY` adds a column to sort by, so that each employee stands below his manager. Whether the manager is in the answer is
decided by the anchor: his row, or the rows that name him.

**This run proves**
- *everybody below the manager is found*: with depth and path, against a breadth-first search in Python, on random trees, for several managers;
- *the manager is not among them*: excluded by the anchor as stated;
- *a cycle ends the query*: a planted ring, ended by CYCLE and not by the time limit; *and everybody in it is found*;
- *depth first lists each below his manager*: the order by SEARCH, against a depth-first walk.

**Break it.** `no_cycle_check`: the same query without CYCLE, which runs into a limit of 2,000 rows. `one_level`: a self-join, which finds reports and their
reports and nobody below.

**Where this stops.** Each round is a join: index the manager column. For deep trees that are read often, a stored path (`ltree`) or a closure table is faster
to read and dearer to change. A person with two managers makes the tree a graph, and appears once for each path: then DISTINCT is yours
to add. Redshift has recursive CTEs without CYCLE and SEARCH; there one checks the path by hand.

**Sources.** PostgreSQL: [recursive queries](https://www.postgresql.org/docs/18/queries-with.html#QUERIES-WITH-RECURSIVE),
[search order](https://www.postgresql.org/docs/18/queries-with.html#QUERIES-WITH-SEARCH),
[cycle detection](https://www.postgresql.org/docs/18/queries-with.html#QUERIES-WITH-CYCLE). Redshift:
[WITH clause](https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html).
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

BELOW = """
    WITH RECURSIVE below AS (
        SELECT employee, 1 AS depth, ARRAY[employee] AS chain
        FROM staff
        WHERE manager = %(manager)s  -- the anchor: direct reports, so the manager is not in the answer
        UNION ALL
        SELECT staff.employee, below.depth + 1, below.chain || staff.employee
        FROM below JOIN staff ON staff.manager = below.employee  -- only on what the last round added
    ) {cycle}
    SELECT employee, depth, chain FROM below {where} LIMIT 2000
"""
CYCLE = "CYCLE employee SET is_cycle USING path"
ENDING = BELOW.format(cycle=CYCLE, where="WHERE NOT is_cycle")
ENDLESS = BELOW.format(cycle="", where="")
ONE_LEVEL = """
    SELECT employee, 1, ARRAY[employee] FROM staff WHERE manager = %(manager)s
    UNION ALL
    SELECT second.employee, 2, ARRAY[first.employee, second.employee]
    FROM staff AS first JOIN staff AS second ON second.manager = first.employee
    WHERE first.manager = %(manager)s
"""
DEPTH_FIRST = """
    WITH RECURSIVE below AS (
        SELECT employee FROM staff WHERE manager = %(manager)s
        UNION ALL
        SELECT staff.employee FROM below JOIN staff ON staff.manager = below.employee
    ) SEARCH DEPTH FIRST BY employee SET place
    SELECT employee FROM below ORDER BY place
"""
QUERIES = {None: ENDING, "no_cycle_check": ENDLESS, "one_level": ONE_LEVEL}
MANAGERS = [1, 2, 3, 7, 20, 999]
# Employees 2 to 1000, each below one who was hired before; 2001 to 2005 report to each other in a ring.
STAFF = """
    DROP TABLE IF EXISTS staff;
    CREATE TABLE staff (employee int PRIMARY KEY, manager int);
    INSERT INTO staff VALUES (1, NULL);
    INSERT INTO staff
    SELECT id, 1 + (HASHINT4(id) & 2147483647) % LEAST(id - 1, GREATEST(id / 4, 3)) FROM GENERATE_SERIES(2, 1000) AS id;
    INSERT INTO staff SELECT 2000 + n, 2001 + n % 5 FROM GENERATE_SERIES(1, 5) AS n;
    INSERT INTO staff VALUES (2010, 2003);
    CREATE INDEX ON staff (manager)
"""


def reports(connection: Any) -> dict[int, list[int]]:
    """Who reports to whom, as a graph in Python."""
    found = defaultdict(list)
    for employee, manager in connection.execute("SELECT employee, manager FROM staff ORDER BY employee"):
        found[manager].append(employee)
    return found


def breadth_first(graph: dict[int, list[int]], manager: int) -> list[Any]:
    """Everybody below the manager with depth and chain; nobody is visited twice along a chain."""
    found, queue = [], deque([(manager, [])])
    while queue:
        boss, chain = queue.popleft()
        for employee in graph[boss]:
            if employee not in chain:
                found.append((employee, len(chain) + 1, [*chain, employee]))
                queue.append((employee, [*chain, employee]))
    return found


def depth_first(graph: dict[int, list[int]], manager: int) -> list[int]:
    return [one for employee in graph[manager] for one in [employee, *depth_first(graph, employee)]]


@answer(
    questions=["sql-recursive-cte"],
    breaks={
        "no_cycle_check": {
            "what": "nothing stops the query at a ring but a limit on its rows",
            "fails": ["a cycle ends the query"],
        },
        "one_level": {
            "what": "a self-join finds two levels",
            "fails": ["everybody below the manager is found", "and everybody in it is found"],
        },
    },
    scratch=["schema"],
)
def recursive_hierarchy():
    @task
    def hire_people() -> None:
        with scratch.connect() as connection:
            connection.execute(STAFF)

    @task
    def find_everybody_below(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            graph = reports(connection)
            found, due = [], []
            for manager in MANAGERS:
                rows = connection.execute(QUERIES[params["break_it"]], {"manager": manager}).fetchall()
                found += [(manager, *row) for row in rows]
                due += [(manager, *row) for row in breadth_first(graph, manager)]
        selves = sum(manager == employee for manager, employee, _, _ in found)
        prove("the manager is not among them", observed=selves, expected=0, unit="managers")
        deepest = max(depth for _, _, depth, _ in due)
        prove("the tree is deep enough to tell", observed=deepest, expected=4, how="at_least", unit="levels")
        prove("everybody below the manager is found", observed=found, expected=due, how="rows", unit="employees")

    @task
    def meet_a_ring(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            due = breadth_first(reports(connection), 2001)
            rows = connection.execute(QUERIES[params["break_it"]], {"manager": 2001}).fetchall()
        prove("a cycle ends the query", observed=len(rows), expected=len(due), how="at_most", unit="rows")
        found = sorted({employee for employee, _, _ in rows})
        prove("and everybody in it is found", observed=found, expected=sorted({e for e, _, _ in due}))

    @task
    def list_them_below_each_other() -> None:
        with scratch.connect() as connection:
            graph = reports(connection)
            listed = [one for (one,) in connection.execute(DEPTH_FIRST, {"manager": 1})]
        prove("depth first lists each below his manager", observed=listed, expected=depth_first(graph, 1))

    hire_people() >> [find_everybody_below(), meet_a_ring(), list_them_below_each_other()]
