"""# How do you keep balances right when transfers run at the same time?

**Say it.** One transaction a transfer. Either lock both accounts, always in the order of their ids, before reading; or read
freely and let the write find out, by a version column or REPEATABLE READ, and retry. A rule over several rows needs SERIALIZABLE
or a lock on what the rule is about. Whoever retries repeats the whole transaction.

**How it works.** The danger is the gap between reading a balance and writing the new one. What closes it:

| the rival writes | READ COMMITTED | REPEATABLE READ | SERIALIZABLE |
| --- | --- | --- | --- |
| the row that I read (lost update) | lost silently | error 40001 | error 40001 |
| another row that my rule read (write skew) | happens | happens | error 40001 |
| rows in the opposite order (deadlock) | error 40P01 | error 40P01 | error 40P01 |

A higher level does not wait longer: PostgreSQL lets the first writer commit and makes the second start again, so it is of use only
together with a retry. `FOR UPDATE` waits instead, and needs none; `ORDER BY id` makes all take their locks in one order, so no
circle of waiting can close. `SET balance = balance - 10` closes the gap for a single row, too: read and write are one statement.
A `CHECK (balance >= 0)` stands behind all of it. The journal, written in the same transaction, is what an auditor adds up.

**This run proves**
- *every balance is what its journal says*: four sessions make random transfers at once, once for each cure: row locks in order,
  versions, REPEATABLE READ, SERIALIZABLE. *No money appears or vanishes*, and *transfers without cover were refused*;
- *a lost update at each level* and *write skew at each level*: two sessions, step by step, and what each level makes of them;
- *the couple stays above its limit*: the couple's withdrawals, at SERIALIZABLE with a retry;
- *crossed locks end in a deadlock*, and *opposite transfers both commit*.

**Break it.** `read_modify_write`: READ COMMITTED without a lock, and the journal no longer explains the balances.
`repeatable_read`: the couple withdraws under a snapshot, and both withdrawals pass. `no_lock_order`: each transfer locks its source
first, and two opposite ones end in a deadlock.

**Where this stops.** Within one database. Between two banks there is no common transaction: a saga with compensations, or an outbox
with idempotent consumers. Retries need a limit and a random pause, or a hot account lives on retries only: then queue its transfers
or split its balance into several rows. MySQL's REPEATABLE READ does lose the update (see `postgres_vs_mysql`).

**Sources.** PostgreSQL: [transaction isolation](https://www.postgresql.org/docs/18/transaction-iso.html),
[explicit locking and deadlocks](https://www.postgresql.org/docs/18/explicit-locking.html),
[serialization failure handling](https://www.postgresql.org/docs/18/mvcc-serialization-failure-handling.html). Berenson and others:
[A Critique of ANSI SQL Isolation Levels](https://arxiv.org/abs/cs/0701157), which names write skew.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ACCOUNTS, OPENING = 4, 100
SESSIONS, TRANSFERS, TRIES = 4, 8, 200
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
CURES = {  # isolation level, lock of the read, condition of the write
    "row locks in order": ("READ COMMITTED", "FOR UPDATE", ""),
    "versions": ("READ COMMITTED", "", "AND version = %(version)s"),
    "repeatable read": ("REPEATABLE READ", "", ""),
    "serializable": ("SERIALIZABLE", "", ""),
}
BOTH, ONE_FAILS = ["committed", "committed"], ["committed", "error 40001"]


class StaleVersion(Exception):
    """Somebody wrote the row since it was read."""


def transfer(connection: Any, cure: tuple[str, str, str], source: int, target: int, amount: int) -> str:
    """Move the amount in the caller's transaction; the gap is between the SELECT and the UPDATE."""
    level, lock, condition = cure
    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
    read = f"SELECT id, balance, version FROM accounts WHERE id IN (%s, %s) ORDER BY id {lock}"  # noqa: S608
    rows = {row[0]: row for row in connection.execute(read, [source, target])}
    if rows[source][1] < amount:
        return "refused"
    write = f"UPDATE accounts SET balance = %(new)s, version = version + 1 WHERE id = %(id)s {condition}"  # noqa: S608
    for account, change in sorted([(source, -amount), (target, amount)]):
        _, balance, version = rows[account]
        if not connection.execute(write, {"new": balance + change, "id": account, "version": version}).rowcount:
            raise StaleVersion
    connection.execute("INSERT INTO journal VALUES (%s, %s, %s)", [source, target, amount])
    return "moved"


def with_retry(connection: Any, work: Any) -> str:
    """Run the work as one transaction; if a rival was first, run all of it again, reads included."""
    from psycopg.errors import DeadlockDetected, SerializationFailure

    for _ in range(TRIES):
        try:
            with connection.transaction():
                return work()
        except (SerializationFailure, DeadlockDetected, StaleVersion):
            time.sleep(random.uniform(0, 0.004))  # a random pause lets rivals miss each other
    raise TimeoutError(f"no luck in {TRIES} tries")


def teller(number: int, cure: tuple[str, str, str]) -> list[str]:
    """Make random transfers in a session of its own, some of them too large."""
    dice, outcomes = random.Random(number), []
    with scratch.connect() as connection:
        for _ in range(TRANSFERS):
            order = (*dice.sample(range(1, ACCOUNTS + 1), 2), dice.randint(5, 90))
            outcomes.append(with_retry(connection, lambda order=order: transfer(connection, cure, *order)))
    return outcomes


def open_accounts(table: str) -> None:
    with scratch.connect() as connection:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, balance int, version int DEFAULT 0)")
        connection.execute(f"INSERT INTO {table} SELECT id, {OPENING} FROM generate_series(1, {ACCOUNTS}) AS id")  # noqa: S608


def finish(connection: Any, statements: list[str]) -> str:
    """Run the statements and commit; an error of concurrency is an outcome, too."""
    from psycopg.errors import DeadlockDetected, SerializationFailure

    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    except (DeadlockDetected, SerializationFailure) as error:
        connection.rollback()
        return f"error {error.sqlstate}"
    return "committed"


def both_read_first(level: str, read: str, writes: list[str]) -> list[str]:
    """The worst moment: both sessions have read before either writes."""
    with scratch.connect() as a, scratch.connect() as b:
        for session in (a, b):
            session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            session.execute(read)
        return [finish(a, writes[:1]), finish(b, writes[1:])]


def cross(mine: list[int], theirs: list[int]) -> list[str]:
    """A locks its first account; B runs until it waits for A; then A asks for its second."""
    lock = "SELECT 1 FROM crossed WHERE id = {} FOR UPDATE"
    with scratch.connect() as a, scratch.connect() as b, scratch.connect() as watch, ThreadPoolExecutor(1) as pool:
        a.execute(lock.format(mine[0]))
        rival = pool.submit(finish, b, [lock.format(account) for account in theirs])
        for _ in range(1000):
            if watch.execute("SELECT cardinality(pg_blocking_pids(%s))", [b.info.backend_pid]).fetchone()[0]:
                break
            time.sleep(0.01)
        return sorted([finish(a, [lock.format(mine[1])]), rival.result(timeout=30)])


@answer(
    questions=["sql-banking-transactions"],
    breaks={
        "read_modify_write": {
            "what": "a balance is read, changed in the program and written back, at READ COMMITTED and without a lock",
            "fails": ["every balance is what its journal says"],
        },
        "repeatable_read": {"what": "two withdraw at REPEATABLE READ", "fails": ["the couple stays above its limit"]},
        "no_lock_order": {"what": "each locks its source first", "fails": ["opposite transfers both commit"]},
    },
    scratch=["schema"],
)
def bank_transfers():
    @task
    def transfer_at_once(params: dict[str, Any] | None = None) -> None:
        balances, journals, outcomes = {}, {}, []
        with scratch.connect() as connection:
            connection.execute(
                "DROP TABLE IF EXISTS journal; CREATE TABLE journal (source int, target int, amount int)"
            )
        for name, cure in CURES.items():
            open_accounts("accounts")
            with ThreadPoolExecutor(SESSIONS) as pool:
                way = ("READ COMMITTED", "", "") if params["break_it"] == "read_modify_write" else cure
                outcomes += chain.from_iterable(pool.map(teller, range(SESSIONS), [way] * SESSIONS))
            with scratch.connect() as connection:
                balances[name] = dict(connection.execute("SELECT id, balance FROM accounts").fetchall())
                journal = connection.execute("DELETE FROM journal RETURNING source, target, amount").fetchall()
            moves = [move for source, target, n in journal for move in ((source, -n), (target, n))]
            journals[name] = {id_: OPENING + sum(by for at, by in moves if at == id_) for id_ in balances[name]}
        totals = {name: sum(one.values()) for name, one in balances.items()}
        least = min(min(one.values()) for one in balances.values())
        prove("every balance is what its journal says", observed=balances, expected=journals)
        prove("no money appears or vanishes", observed=totals, expected=dict.fromkeys(CURES, ACCOUNTS * OPENING))
        prove("no account is overdrawn", observed=least, expected=0, how="at_least")
        prove("transfers without cover were refused", observed=outcomes.count("refused"), expected=1, how="at_least")

    @task
    def compare_levels(params: dict[str, Any] | None = None) -> None:
        open_accounts("couple")
        read, add = "SELECT balance FROM couple WHERE id = 1", "UPDATE couple SET balance = 110 WHERE id = 1"
        lost = [both_read_first(level, read, [add, add]) for level in LEVELS]  # both add 10 to the 100 they have read
        prove("a lost update at each level", observed=lost, expected=[BOTH, ONE_FAILS, ONE_FAILS])
        # Both see 200 on the couple's two accounts, and each takes 150 from another one: no row is written twice.
        read = "SELECT sum(balance) FROM couple WHERE id IN (1, 2)"
        take = "UPDATE couple SET balance = balance - 150 WHERE id = "
        skew, left = [], {}
        for level in LEVELS:
            open_accounts("couple")
            skew.append(both_read_first(level, read, [take + "1", take + "2"]))
            with scratch.connect() as connection:
                left[level] = connection.execute(read).fetchone()[0]  # a retry would read this first, and refuse
        prove("write skew at each level", observed=skew, expected=[BOTH, BOTH, ONE_FAILS])
        level = "REPEATABLE READ" if params["break_it"] == "repeatable_read" else "SERIALIZABLE"
        prove("the couple stays above its limit", observed=left[level], expected=0, how="at_least")

    @task
    def lock_in_order(params: dict[str, Any] | None = None) -> None:
        open_accounts("crossed")
        prove("crossed locks end in a deadlock", observed=cross([1, 2], [2, 1]), expected=["committed", "error 40P01"])
        order = list if params["break_it"] == "no_lock_order" else sorted
        prove("opposite transfers both commit", observed=cross(order([1, 2]), order([2, 1])), expected=BOTH)

    transfer_at_once()
    compare_levels()
    lock_in_order()
