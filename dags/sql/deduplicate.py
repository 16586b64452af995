"""# How do you find duplicate rows, remove all but one, and keep them away?

**Say it.** First ask what makes two rows the same: all columns, or a business key after cleaning. GROUP BY key HAVING count > 1
finds them. ROW_NUMBER over the key, ordered by a rule with a tie-break, names one survivor; delete the rest, point their
references at the survivor, and let a unique index refuse the next one.

**How it works.** All of it is one transaction that holds the table against writers:
1. *fold*: `lower(trim(mail))` is the key. Two customers without a mail are not the same customer, so NULL is no key;
2. *rank*: `row_number() over (partition by key order by updated_at desc nulls last, id desc)`: the latest, then the larger id.
   Exact copies have the same id too: `ctid`, the row's place, tells them apart for as long as nobody writes;
3. *point*: orders of a row that goes are given to the survivor, or they would be orphans (or deleted by a cascade);
4. *delete*, and keep what was deleted, with its survivor, for the day when the rule was wrong;
5. *forbid*: a unique index on the cleaned key. From then on the loader writes `ON CONFLICT ... DO UPDATE`.

**This run proves**
- *the duplicates before are those that a dictionary finds*, in Python; *no duplicates are left* by the same query;
- *each survivor is the latest of its key*: exact copies, other spellings, ties of time, a missing time;
- *customers without a mail are kept*: each of them;
- *the rows reconcile*: rows before = rows after + rows kept aside; *every order has its customer, and the same mail as before*;
- *a second run deletes nothing*;
- *the index refuses a duplicate* in another spelling, and *an upsert takes it as an update*.

**Break it.** `any_survivor`: `DELETE ... USING` a smaller id, as often shown, keeps the newest id in place of the newest data.
`null_is_a_key`: the partition is by mail alone, and all customers without one become a single customer.

**Where this stops.** Equality after cleaning is the simple case; "Jon Smith" beside "John Smith" is record linkage (scores,
thresholds, people who decide). On a large table do not delete a third of it: write the survivors into a new table and swap. Redshift
has neither `ctid` nor enforced unique keys, so there the load must be idempotent. `SELECT DISTINCT` removes exact copies only.

**Sources.** PostgreSQL: [window functions](https://www.postgresql.org/docs/18/functions-window.html),
[system columns](https://www.postgresql.org/docs/18/ddl-system-columns.html),
[indexes on expressions](https://www.postgresql.org/docs/18/indexes-expressional.html),
[INSERT ... ON CONFLICT](https://www.postgresql.org/docs/18/sql-insert.html#SQL-ON-CONFLICT).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

CUSTOMERS = [  # id, mail, city, updated_at
    (1, "ada@x.org", "Rome", "2024-01-01"),
    (1, "ada@x.org", "Rome", "2024-01-01"),  # an exact copy
    (2, " Ada@X.org", "Oslo", "2024-03-01"),  # another spelling, and newer
    (3, "ADA@x.org ", "Bonn", None),  # nobody knows when
    (4, "ben@x.org", "Rome", "2024-05-01"),  # the newest has the smaller id
    (5, "BEN@x.org", "Oslo", "2024-02-01"),
    (6, "cleo@x.org", "Rome", "2024-01-01"),  # a tie
    (7, "cleo@x.org", "Oslo", "2024-01-01"),
    (8, None, "Rome", "2024-01-01"),  # no key: not the same customer
    (9, None, "Rome", "2024-01-01"),
    (10, "dan@x.org", "Bonn", "2024-01-01"),  # once only
]
ORDERS = [(100, 1), (101, 2), (102, 3), (103, 5), (104, 6), (105, 8), (106, 10)]  # id, customer
KEY = "lower(trim(mail))"
DUPLICATES = """
    SELECT lower(trim(mail)), count(*)
    FROM customers
    WHERE mail IS NOT NULL
    GROUP BY lower(trim(mail))
    HAVING count(*) > 1
"""
RANK = """
    CREATE TEMPORARY TABLE doubled ON COMMIT DROP AS
    SELECT *
    FROM (
        SELECT
            ctid AS place,
            row_number() OVER same AS number,
            first_value(id) OVER same AS survivor,
            customers.*
        FROM customers
        WHERE mail IS NOT NULL
        WINDOW same AS (PARTITION BY lower(trim(mail)) ORDER BY updated_at DESC NULLS LAST, id DESC)
    ) AS ranked
    WHERE number > 1
"""
# What a search finds first: of each two, the smaller id goes. The newest id is not the newest data.
NAIVE_RANK = """
    CREATE TEMPORARY TABLE doubled ON COMMIT DROP AS
    SELECT DISTINCT ON (a.ctid) a.ctid AS place, b.id AS survivor, a.*
    FROM customers AS a
    INNER JOIN customers AS b ON lower(trim(a.mail)) = lower(trim(b.mail)) AND (a.id, a.ctid) < (b.id, b.ctid)
    ORDER BY a.ctid, b.id DESC
"""
POINT = "UPDATE orders SET customer = survivor FROM doubled WHERE orders.customer = doubled.id"
KEEP = "INSERT INTO removed SELECT id, mail, city, updated_at, survivor FROM doubled"
DELETE = "DELETE FROM customers USING doubled WHERE customers.ctid = doubled.place"
MAILS_OF_ORDERS = """
    SELECT orders.id, lower(trim(customers.mail))
    FROM orders
    LEFT JOIN (SELECT DISTINCT id, mail FROM customers) AS customers ON orders.customer = customers.id
"""


def remove_duplicates(connection: Any, break_it: str | None) -> int:
    """Point, keep aside and delete in one transaction; return how many rows were deleted."""
    rank = NAIVE_RANK if break_it == "any_survivor" else RANK
    if break_it == "null_is_a_key":
        rank = rank.replace("WHERE mail IS NOT NULL", "")
    connection.commit()  # what was read before belongs to another transaction
    with connection.transaction():
        connection.execute("LOCK TABLE customers IN SHARE ROW EXCLUSIVE MODE")  # readers may read, writers wait
        for statement in (rank, POINT, KEEP):
            connection.execute(statement)
        return connection.execute(DELETE).rowcount


def clean(mail: str | None) -> str | None:
    return mail.strip().lower() if mail else None


def survivors() -> list[tuple[int, str]]:
    """The same rule in Python: id and city of the row that stays, for each key."""
    best: dict[str, tuple[Any, ...]] = {}
    for id_, mail, city, updated in CUSTOMERS:
        if mail:
            best[clean(mail)] = max(best.get(clean(mail), ("", 0, "")), (updated or "", id_, city))
    return [(id_, city) for _, id_, city in best.values()]


@answer(
    questions=["sql-deduplicate-rows"],
    breaks={
        "any_survivor": {
            "what": "of each two the row with the smaller id is deleted",
            "fails": ["each survivor is the latest of its key"],
        },
        "null_is_a_key": {
            "what": "rows without a mail are ranked as if they had the same one",
            "fails": ["customers without a mail are kept"],
        },
    },
    scratch=["schema"],
)
def deduplicate():
    @task
    def find_duplicates() -> None:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS customers, orders, removed")
            connection.execute("CREATE TABLE customers (id int, mail text, city text, updated_at date)")
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY, customer int)")
            connection.execute("CREATE TABLE removed (LIKE customers, survivor int)")
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO customers VALUES (%s, %s, %s, %s)", CUSTOMERS)
                cursor.executemany("INSERT INTO orders VALUES (%s, %s)", ORDERS)
            found = connection.execute(DUPLICATES).fetchall()
        keys = Counter(clean(mail) for _, mail, _, _ in CUSTOMERS if mail)
        expected = [(key, n) for key, n in keys.items() if n > 1]
        prove("the duplicates before are those that a dictionary finds", observed=found, expected=expected, how="rows")

    @task
    def keep_one_of_each(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            mails = connection.execute(MAILS_OF_ORDERS).fetchall()
            deleted = remove_duplicates(connection, params["break_it"])
            left = connection.execute("SELECT id, mail, city FROM customers").fetchall()
            counts = connection.execute("SELECT (SELECT count(*) FROM customers), count(*) FROM removed").fetchone()
            after = connection.execute(MAILS_OF_ORDERS).fetchall()
            again = remove_duplicates(connection, params["break_it"])
            doubled = connection.execute(DUPLICATES).fetchall()
        without = [row[0] for row in CUSTOMERS if row[1] is None]
        prove("no duplicates are left", observed=len(doubled), expected=0)
        prove("the rows reconcile", observed=[sum(counts), counts[1]], expected=[len(CUSTOMERS), deleted])
        prove("a second run deletes nothing", observed=again, expected=0, unit="rows")
        prove("every order has its customer, and the same mail as before", observed=after, expected=mails, how="rows")
        prove(
            "customers without a mail are kept",
            observed=[row[0] for row in left if not row[1]],
            expected=without,
            how="rows",
        )
        kept = [(id_, city) for id_, mail, city in left if mail]
        prove("each survivor is the latest of its key", observed=kept, expected=survivors(), how="rows")

    @task
    def forbid_the_next() -> None:
        from psycopg.errors import UniqueViolation

        with scratch.connect() as connection:
            connection.execute(f"CREATE UNIQUE INDEX one_customer_a_mail ON customers ({KEY})")
            with prove_raises("the index refuses a duplicate", UniqueViolation), connection.transaction():
                connection.execute("INSERT INTO customers VALUES (11, ' DAN@x.org', 'Oslo', '2024-06-01')")
            before = connection.execute("SELECT count(*) FROM customers").fetchone()[0]
            upsert = f"ON CONFLICT ({KEY}) DO UPDATE SET city = excluded.city, updated_at = excluded.updated_at"
            connection.execute(f"INSERT INTO customers VALUES (11, ' DAN@x.org', 'Oslo', '2024-06-01') {upsert}")  # noqa: S608
            after = connection.execute("SELECT count(*), max(city) FILTER (WHERE id = 10) FROM customers").fetchone()
        prove("an upsert takes it as an update", observed=list(after), expected=[before, "Oslo"])

    find_duplicates() >> keep_one_of_each() >> forbid_the_next()
