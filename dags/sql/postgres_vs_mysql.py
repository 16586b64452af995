"""# Where do PostgreSQL and MySQL differ, as a pipeline sees it?

**Say it.** PostgreSQL refuses where MySQL converts; its DDL can be rolled back, MySQL's commits what is open. MySQL's default is
REPEATABLE READ, but a read followed by a write can lose an update there, silently. Upserts, RETURNING and partial indexes are
spelled differently or missing. MySQL brings simple replication by its binary log and clustered primary keys.

**How it works.** One script of statements goes to both, statement by statement, and each answers with rows, a count or an error.
The MySQL of this run is **MariaDB**, the fork that Debian ships; where MySQL 8.4 itself differs, the last column says so.

| | PostgreSQL | MariaDB 10.11 | MySQL 8.4 |
| --- | --- | --- | --- |
| default isolation | READ COMMITTED | REPEATABLE READ | the same |
| a stale write at REPEATABLE READ | error 40001 | writes over it (from 11.6.2 on: error 1020) | writes over it |
| `CREATE TABLE`, then ROLLBACK | gone | stays, with all that was open before | the same; each DDL statement alone is atomic |
| upsert | `ON CONFLICT` | `ON DUPLICATE KEY UPDATE` | the same, `AS new` in place of `VALUES()` |
| `RETURNING` | INSERT, UPDATE, DELETE, MERGE | INSERT, DELETE | none |
| partial index, index on an expression | both | neither, a generated column instead | expressions only |
| `JSON` | json and binary jsonb, GIN | text with a check | binary, indexed by generated columns or multi-valued indexes |
| old versions of a row | in the table, until VACUUM | in the undo log, until the purge | the same |
| changes for CDC | logical decoding, a slot keeps the log | row events in the binary log, kept by time | the same |
| table | heap, all indexes alike | clustered by the primary key | the same |

**This run proves**
- *the default isolation level differs*; *a stale write at REPEATABLE READ*: an error in one, a lost update in the other;
- *a CREATE TABLE rolled back*: in MariaDB it stays, and so does the row that was inserted before it;
- *each refuses the other's upsert*, and *its own upsert leaves the same rows*;
- *what only PostgreSQL has*: UPDATE ... RETURNING, partial and expression indexes, a JSON type of its own;
- *the same expression means something else*: `1 = '1abc'` is an error in the one, true in the other; `'a' = 'A'`, `1 / 2` and
  `'a' || 'b'` are false, 0 and 'ab' in PostgreSQL, and true, 0.5 and 0 in MariaDB;
- *text does not become a number*: in strict mode, both refuse 'abc' for an integer column;
- *row events for change data capture*: the binary log has the table's rows.

**Break it.** `not_strict`: the session sets an empty sql_mode, as old applications do, and 'abc' is stored as 0. `one_dialect`: the
script sends PostgreSQL's upsert to both.

**Where this stops.** A choice is seldom made by this list: what the team runs already weighs more. Both scale reads by replicas, and
neither scales writes without help (Citus, Vitess). Loading by `COPY` beside `LOAD DATA` is not measured here.

**Sources.** PostgreSQL: [transaction isolation](https://www.postgresql.org/docs/18/transaction-iso.html),
[INSERT](https://www.postgresql.org/docs/18/sql-insert.html). MySQL:
[implicit commit](https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html),
[isolation levels](https://dev.mysql.com/doc/refman/8.4/en/innodb-transaction-isolation-levels.html),
[ON DUPLICATE KEY UPDATE](https://dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html),
[SQL modes](https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html),
[functional key parts](https://dev.mysql.com/doc/refman/8.4/en/create-index.html). MariaDB:
[INSERT ... RETURNING](https://mariadb.com/kb/en/insertreturning/),
[innodb_snapshot_isolation](https://mariadb.com/kb/en/innodb-system-variables/#innodb_snapshot_isolation),
[JSON](https://mariadb.com/kb/en/json-data-type/).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

TABLES = [
    "CREATE TABLE stock (id int PRIMARY KEY, product varchar(20), pieces int)",
    "INSERT INTO stock VALUES (1, 'pear', 100), (2, 'fig', 5)",
]
NEW = "INSERT INTO stock VALUES (1, 'pear', 7), (3, 'date', 9) "
ON_CONFLICT = "ON CONFLICT (id) DO UPDATE SET pieces = excluded.pieces"
ON_DUPLICATE = "ON DUPLICATE KEY UPDATE pieces = VALUES(pieces)"
SCRIPT = {
    "text for an integer": ["INSERT INTO stock VALUES (7, 'kiwi', 'abc')", "SELECT pieces FROM stock WHERE id = 7"],
    "1 = '1abc'": ["SELECT 1 = '1abc'"],
    "'a' = 'A'": ["SELECT 'a' = 'A'"],
    "1 / 2": ["SELECT 1 / 2"],
    "'a' || 'b'": ["SELECT 'a' || 'b'"],
    "ON CONFLICT": [NEW + ON_CONFLICT, "ROLLBACK", "SELECT 'understood'"],
    "ON DUPLICATE KEY": [NEW + ON_DUPLICATE, "ROLLBACK", "SELECT 'understood'"],
    "INSERT ... RETURNING": ["INSERT INTO stock VALUES (8, 'lime', 1) RETURNING id"],
    "UPDATE ... RETURNING": ["UPDATE stock SET pieces = 2 WHERE id = 8 RETURNING pieces"],
    "partial index": ["CREATE INDEX low ON stock (product) WHERE pieces < 10", "SELECT 'made'"],
    "expression index": ["CREATE INDEX by_lower ON stock ((lower(product)))", "SELECT 'made'"],
    "type of a JSON column": [
        "CREATE TABLE kept_as_json (body json)",
        "SELECT DISTINCT data_type FROM information_schema.columns WHERE table_name = 'kept_as_json'",
    ],
    "CREATE TABLE rolled back": [
        "INSERT INTO stock VALUES (9, 'plum', 3)",
        "CREATE TABLE audit (id int)",
        "ROLLBACK",
        "SELECT product, (SELECT count(*) FROM audit) FROM stock WHERE id = 9",
    ],
}


def execute(connection: Any, sql: str) -> Any:
    """Run one statement by either driver: rows as lists of values, or the number of rows that it wrote."""
    cursor = connection.cursor()
    cursor.execute(sql)
    return [list(row) for row in cursor.fetchall()] if cursor.description else cursor.rowcount


def outcome(connection: Any, statements: list[str]) -> Any:
    """What the last statement gave, or the code of the error that stopped the script."""
    try:
        for statement in statements:
            result = execute(connection, statement)
        connection.commit()
    except Exception as error:  # noqa: BLE001 - the code is what we are after: both drivers have the SQLSTATE
        connection.rollback()
        return f"error {error.sqlstate}"
    return result


def stale_write(first: Any, second: Any) -> list[Any]:
    """Both read 100 and want to add 10; the second writes when the first has committed."""
    for session in (first, second):
        execute(session, "ROLLBACK")
        execute(session, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        execute(session, "SELECT pieces FROM stock WHERE id = 1")
    write = ["UPDATE stock SET pieces = 110 WHERE id = 1"]
    return [outcome(first, write), outcome(second, write), outcome(first, ["SELECT pieces FROM stock WHERE id = 1"])]


def plain(value: Any) -> Any:
    """Through XCom go texts and numbers."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if isinstance(value, int | str) else str(value)


def ask(first: Any, second: Any, upsert: str, isolation: str) -> dict[str, Any]:
    """Send the script to one engine, in two sessions of it."""
    answers = {"default isolation": execute(first, isolation)[0][0].upper().replace("-", " ")}
    outcome(first, TABLES)
    answers |= {topic: outcome(first, statements) for topic, statements in SCRIPT.items()}
    answers["stale write"] = stale_write(first, second)
    answers["own upsert"] = outcome(first, [NEW + upsert, "SELECT id, pieces FROM stock WHERE id <= 3 ORDER BY id"])
    return {topic: plain(value) for topic, value in answers.items()}


@answer(
    questions=["sql-postgres-vs-mysql"],
    breaks={
        "not_strict": {"what": "the session empties its sql_mode", "fails": ["text does not become a number"]},
        "one_dialect": {
            "what": "PostgreSQL's upsert is sent to both",
            "fails": ["its own upsert leaves the same rows"],
        },
    },
    scratch=["schema"],
    engines=["mariadb"],
    stand_ins={"mysql": "MariaDB 10.11, the fork that Debian ships; the page says where MySQL 8.4 differs"},
)
def postgres_vs_mysql():
    @task
    def ask_postgresql() -> dict[str, Any]:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS stock, audit, kept_as_json")
        with scratch.connect() as first, scratch.connect() as second:
            return ask(first, second, ON_CONFLICT, "SHOW transaction_isolation")

    @task
    def ask_mariadb(params: dict[str, Any] | None = None) -> dict[str, Any]:
        from living_answers import mariadb

        upsert = ON_CONFLICT if params["break_it"] == "one_dialect" else ON_DUPLICATE
        with mariadb.scratch_database() as name, mariadb.connect(name) as first, mariadb.connect(name) as second:
            if params["break_it"] == "not_strict":
                execute(first, "SET sql_mode = ''")
            answers = ask(first, second, upsert, "SELECT @@tx_isolation")
            log = execute(first, "SHOW MASTER STATUS")[0][0]
            events = execute(first, f"SHOW BINLOG EVENTS IN '{log}'")
        rows = [event for event in events if event[2] == "Table_map" and f"({name}.stock)" in event[5]]
        return answers | {"row events": len(rows)}

    @task
    def compare_transactions(postgresql: dict[str, Any], mariadb: dict[str, Any]) -> None:
        def both(topic: str) -> list[Any]:
            return [postgresql[topic], mariadb[topic]]

        isolation = ["READ COMMITTED", "REPEATABLE READ"]
        prove("the default isolation level differs", observed=both("default isolation"), expected=isolation)
        stale = [[1, "error 40001", [[110]]], [1, 0, [[110]]]]
        prove("a stale write at REPEATABLE READ", observed=both("stale write"), expected=stale)
        left = ["error 42P01", [["plum", 0]]]
        prove("a CREATE TABLE rolled back", observed=both("CREATE TABLE rolled back"), expected=left)
        prove("row events for change data capture", observed=mariadb["row events"], expected=1, how="at_least")

    @task
    def compare_statements(postgresql: dict[str, Any], mariadb: dict[str, Any]) -> None:
        def both(*topics: str) -> dict[str, list[Any]]:
            return {topic: [postgresql[topic], mariadb[topic]] for topic in topics}

        expected = {
            "ON CONFLICT": [[["understood"]], "error 42000"],
            "ON DUPLICATE KEY": ["error 42601", [["understood"]]],
        }
        prove("each refuses the other's upsert", observed=both(*expected), expected=expected)
        expected = {
            "INSERT ... RETURNING": [[[8]], [[8]]],
            "UPDATE ... RETURNING": [[[2]], "error 42000"],
            "partial index": [[["made"]], "error 42000"],
            "expression index": [[["made"]], "error 42000"],
            "type of a JSON column": [[["json"]], [["longtext"]]],
        }
        prove("what only PostgreSQL has", observed=both(*expected), expected=expected)
        expected = {
            "1 = '1abc'": ["error 22P02", [[1]]],
            "'a' = 'A'": [[[False]], [[1]]],
            "1 / 2": [[[0]], [["0.5000"]]],
            "'a' || 'b'": [[["ab"]], [[0]]],
        }
        prove("the same expression means something else", observed=both(*expected), expected=expected)
        expected = {"text for an integer": ["error 22P02", "error 22007"]}
        prove("text does not become a number", observed=both(*expected), expected=expected)

    @task
    def compare_upserts(postgresql: dict[str, Any], mariadb: dict[str, Any]) -> None:
        rows = [postgresql["own upsert"], mariadb["own upsert"]]
        prove("its own upsert leaves the same rows", observed=rows, expected=[[[1, 7], [2, 5], [3, 9]]] * 2)

    answers = ask_postgresql(), ask_mariadb()
    compare_transactions(*answers)
    compare_statements(*answers)
    compare_upserts(*answers)
