"""# Why does this GROUP BY fail, and why did it work on the other database?

**Say it.** After grouping there is one row a group, so a bare column must be grouped, aggregated, or determined by the group's
key. Row conditions go to WHERE, group conditions to HAVING. MySQL without ONLY_FULL_GROUP_BY, MariaDB by default and SQLite accept
the bare column and pick any value. An error is the better outcome.

**How it works.** The clauses run in another order than they are written: FROM, WHERE, GROUP BY, HAVING, window functions, SELECT,
DISTINCT, ORDER BY. Nearly every error of a grouped query is a name used before its time:

| error in PostgreSQL | cause | repair |
| --- | --- | --- |
| 42803 column must appear in GROUP BY | a bare column | group by it, aggregate it, or rank the rows first |
| 42803 aggregates not allowed in WHERE | WHERE is before the grouping | HAVING |
| 42703 column does not exist | HAVING sees no alias of SELECT (MySQL's does) | repeat the expression, or a subquery |
| 42803 aggregates cannot be nested | one grouping makes one level | a subquery |
| 42P20 window functions not allowed in WHERE | windows come after it | a subquery, or QUALIFY where there is one |

"Determined by the key" is allowed: grouped by the primary key, PostgreSQL and MySQL take any column of that table; MariaDB
under ONLY_FULL_GROUP_BY does not. And one trap gives no error: `GROUP BY city` means the table's column, even where SELECT names an expression so.

**This run proves**
- *each broken query has its SQLSTATE*, and *each repair gives the right rows*, against plain Python;
- *who accepts the bare column*: PostgreSQL, MariaDB with and without ONLY_FULL_GROUP_BY, SQLite;
- *the accepted query has an answer for each order of the rows*: the same rows, loaded the other way round, name somebody else;
- *the best paid of each department*: the repaired query, on all three engines, with a tie, NULLs and no department;
- *spellings of a city are one group*.

**Break it.** `bare_column`: MariaDB is asked for `name` beside `max(salary)`, and names the wrong people. `alias`: the
expression's alias is the name of a column, and the groups are those of the column.

**Where this stops.** SQLite documents one exception: with a single min() or max(), its bare columns come from that row; no other
engine of these promises it. MySQL 8.4 has ONLY_FULL_GROUP_BY by default, MariaDB has not; `ANY_VALUE()` (MySQL, and
PostgreSQL since 16) says that any value will do.

**Sources.** PostgreSQL: [GROUP BY](https://www.postgresql.org/docs/18/sql-select.html#SQL-GROUPBY),
[error codes](https://www.postgresql.org/docs/18/errcodes-appendix.html). MySQL:
[handling of GROUP BY](https://dev.mysql.com/doc/refman/8.4/en/group-by-handling.html). MariaDB:
[SQL_MODE](https://mariadb.com/kb/en/sql-mode/). SQLite:
[bare columns](https://www.sqlite.org/lang_select.html#bareagg).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

STAFF = [  # id, name, department, city, salary
    (1, "Ada", "data", "Rome", 50),
    (2, "Ben", "data", "rome", 90),
    (3, "Cleo", "data", "Oslo", 90),  # a tie at the top
    (4, "Dan", "web", "Oslo", 70),
    (5, "Eve", "web", "ROME", None),  # no salary yet
    (6, "Fay", None, "Bonn", 40),  # no department
    (7, "Gus", "law", "Bonn", None),  # a department without any salary
]
BARE = "SELECT department, name, max(salary) FROM staff GROUP BY department"
BEST_PAID = """
    SELECT department, name, salary
    FROM (
        SELECT department, name, salary, rank() OVER (PARTITION BY department ORDER BY salary DESC) AS place
        FROM staff
        WHERE salary IS NOT NULL
    ) AS ranked
    WHERE place = 1  -- rank: of a tie, both; row_number would take one
"""
BROKEN = {
    "bare column": BARE,
    "aggregate in WHERE": "SELECT department FROM staff WHERE count(*) > 1 GROUP BY department",
    "alias in HAVING": "SELECT department, count(*) AS heads FROM staff GROUP BY department HAVING heads > 1",
    "nested aggregates": "SELECT avg(count(*)) FROM staff GROUP BY department",
    "window in WHERE": "SELECT name FROM staff WHERE row_number() OVER (ORDER BY salary) = 1",
}
REPAIRED = {
    "bare column": BEST_PAID,
    "aggregate in WHERE": "SELECT department FROM staff GROUP BY department HAVING count(*) > 1",
    "alias in HAVING": "SELECT department, count(*) AS heads FROM staff GROUP BY department HAVING count(*) > 1",
    "nested aggregates": "SELECT avg(heads) FROM (SELECT count(*) AS heads FROM staff GROUP BY department) AS sizes",
    "window in WHERE": "SELECT name FROM (SELECT name, row_number() OVER (ORDER BY salary) AS n FROM staff) AS s WHERE n = 1",
}
BY_KEY = "SELECT id, name, count(*) FROM staff GROUP BY id"


def load(connection: Any, rows: list[Any], key: str = "PRIMARY KEY") -> None:
    """The same statements for PostgreSQL, MariaDB and SQLite."""
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS staff")
    cursor.execute(
        f"CREATE TABLE staff (id int {key}, name varchar(9), department varchar(9), city varchar(9), salary int)"
    )
    for row in rows:
        values = ", ".join("NULL" if value is None else repr(value) for value in row)
        cursor.execute(f"INSERT INTO staff VALUES ({values})")  # noqa: S608 - our own rows
    connection.commit()


def ask(connection: Any, query: str) -> Any:
    """Rows, or the error's SQLSTATE."""
    cursor = connection.cursor()
    try:
        cursor.execute(query)
    except Exception as error:  # noqa: BLE001 - the code is what we are after
        connection.rollback()
        return f"error {error.sqlstate}"
    return [list(row) for row in cursor.fetchall()]


def best_paid() -> list[list[Any]]:
    tops = defaultdict(int)
    for _, _, department, _, salary in STAFF:
        tops[department] = max(tops[department], salary or 0)
    return [[row[2], row[1], row[4]] for row in STAFF if row[4] == tops[row[2]]]


@answer(
    questions=["sql-groupby-error-debug"],
    breaks={
        "bare_column": {"what": "MariaDB gets the bare column", "fails": ["the best paid of each department"]},
        "alias": {"what": "GROUP BY means a column of that name", "fails": ["spellings of a city are one group"]},
    },
    scratch=["schema"],
    engines=["mariadb"],
    stand_ins={"mysql": "MariaDB 10.11; the page says where MySQL 8.4 differs"},
)
def groupby_errors():
    @task
    def read_the_error(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            load(connection, STAFF)
            codes = {name: ask(connection, query) for name, query in BROKEN.items()}
            repaired = {name: ask(connection, query) for name, query in REPAIRED.items()}
            city = "city" if params["break_it"] == "alias" else "lower(city)"
            folded = ask(connection, f"SELECT lower(city) AS city, count(*) FROM staff GROUP BY {city}")  # noqa: S608
        special = {"alias in HAVING": "error 42703", "window in WHERE": "error 42P20"}
        expected = dict.fromkeys(BROKEN, "error 42803") | special
        prove("each broken query has its SQLSTATE", observed=codes, expected=expected)
        heads = Counter(row[2] for row in STAFF)
        expected = {
            "bare column": best_paid(),
            "aggregate in WHERE": [[department] for department, n in heads.items() if n > 1],
            "alias in HAVING": [[department, n] for department, n in heads.items() if n > 1],
            "nested aggregates": [[len(STAFF) / len(heads)]],
            "window in WHERE": [[min(STAFF, key=lambda row: row[4] or 1000)[1]]],
        }
        for name, rows in repaired.items():
            prove("each repair gives the right rows", observed=rows, expected=expected[name], how="rows")
        cities = Counter(row[3].lower() for row in STAFF)
        prove(
            "spellings of a city are one group",
            observed=folded,
            expected=[[*pair] for pair in cities.items()],
            how="rows",
        )

    @task
    def ask_the_others(params: dict[str, Any] | None = None) -> None:
        import sqlite3

        from living_answers import mariadb

        accepted, named = {}, {}
        with scratch.connect() as postgresql, sqlite3.connect(":memory:") as sqlite, mariadb.scratch_database() as name:
            load(postgresql, STAFF)
            load(sqlite, STAFF)
            with mariadb.connect(name) as lax, mariadb.connect(name) as strict:
                load(lax, STAFF)
                mariadb.run(strict, "SET sql_mode = CONCAT(@@sql_mode, ',ONLY_FULL_GROUP_BY')")
                engines = {"PostgreSQL": postgresql, "MariaDB": lax, "MariaDB, strict": strict, "SQLite": sqlite}
                for engine, connection in engines.items():
                    answers = [ask(connection, query) for query in (BARE, BY_KEY)]
                    accepted[engine] = [one if isinstance(one, str) else "accepted" for one in answers]
                query = BARE if params["break_it"] == "bare_column" else BEST_PAID
                best = {
                    "PostgreSQL": ask(postgresql, BEST_PAID),
                    "MariaDB": ask(lax, query),
                    "SQLite": ask(sqlite, BEST_PAID),
                }
                for engine in ("MariaDB", "SQLite"):
                    both = []
                    for rows in (STAFF, STAFF[::-1]):
                        load(engines[engine], rows, key="")
                        both.append(
                            dict(ask(engines[engine], "SELECT department, name FROM staff GROUP BY department"))
                        )
                    named[engine] = sum(both[0][department] != both[1][department] for department in both[0])
        expected = {
            "PostgreSQL": ["error 42803", "accepted"],
            "MariaDB": ["accepted", "accepted"],
            "MariaDB, strict": ["error 42000", "error 42000"],
            "SQLite": ["accepted", "accepted"],
        }
        prove("who accepts the bare column", observed=accepted, expected=expected)
        several = sum(n > 1 for n in Counter(row[2] for row in STAFF).values())
        prove(
            "the accepted query has an answer for each order of the rows",
            observed=named,
            expected=dict.fromkeys(named, several),
        )
        for engine, rows in best.items():
            print(engine)
            prove("the best paid of each department", observed=rows, expected=best_paid(), how="rows")

    read_the_error() >> ask_the_others()
