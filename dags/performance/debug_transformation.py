"""# How do you debug a transformation that gives unexpected results?

**Say it.** First the input: is it the file I think it is? Then keep every step's outcome, hold the middle one against an
independent reference, and go on in the half that differs. The first step that is wrong is the bug's place. Shrink its input to
the smallest one that fails, and pin that as a test before mending.

**How it works.** Five steps, each stored: `read`, `type`, `localise`, `enrich`, `filter`. The reference works the same rows out
one by one in plain Python, slowly and obviously. Wrong rows stay wrong downstream, so "differs from the reference" turns from no
to yes once along the steps, and bisection finds the turn: with n steps log2 n comparisons in place of n. A look into the code
comes last, and at one step only. The input is a step too: where the rows read differ from
the file that should have come, no code needs reading.

**This run proves**
- *the sound pipeline agrees with the reference*, at its last step, row for row;
- *each seeded bug is located at its step*: an empty number turned into 0, a join on a key that is there twice, a time zone taken
  for UTC, `<>` that drops NULLs, and yesterday's file;
- *bisection looks at few steps*: never more than three of five;
- *the smallest input fails before and passes after*: one row a bug, kept as a regression test.

**Break it.** `end_only`: only the last outcome is compared; the bug is noticed, and blamed on the last step.
`same_code`: the reference is the code under test, and agrees with every bug in the code; only the stale input shows.

**Where this stops.** Bisection needs wrong to stay wrong: a later step that drops the wrong rows, or a second bug that mends the first,
hides the turn. A reference for all rows is rarely at hand; take a sample, the last good version, or invariants (counts, sums, keys).
Faults of timing or size do not show on one row at a time.

**Sources.** Zeller and Hildebrandt, [Simplifying and isolating failure-inducing input](https://doi.org/10.1109/32.988498) (2002),
git: [bisect](https://git-scm.com/docs/git-bisect), pandas: [merge, validate](https://pandas.pydata.org/docs/reference/api/pandas.merge.html),
PostgreSQL: [comparison with null](https://www.postgresql.org/docs/18/functions-comparison.html),
[AT TIME ZONE](https://www.postgresql.org/docs/18/functions-datetime.html#FUNCTIONS-DATETIME-ZONECONVERT).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

Row = dict[str, Any]
SHOPS = {"n": "north", "s": "south", "w": "west"}
ROWS: list[Row] = [
    {
        "id": n,
        "cents": "" if n % 7 == 0 else str(n * 10),
        "at": f"2013-07-{1 + n % 28:02d}T{n % 24:02d}:00:00",
        "shop": "nsw"[n % 3],
        "note": [None, "gift", "test"][n % 4 % 3],
    }
    for n in range(1, 121)
]
YESTERDAYS = [{**row, "cents": "5"} for row in ROWS]
#: What each step does, in SQL over the step before it.
SOUND = {
    "read": "SELECT * FROM jsonb_to_recordset(%s) AS given (id int, cents text, at text, shop text, note text)",
    "type": "SELECT id, nullif(cents, '')::int AS cents, at::timestamp AS at, shop, note FROM before",
    "localise": "SELECT id, cents, at AT TIME ZONE 'America/New_York' AT TIME ZONE 'UTC' AS at, shop, note FROM before",
    "enrich": "SELECT id, cents, at, name AS shop, note FROM before JOIN shops USING (shop)",
    "filter": "SELECT * FROM before WHERE note IS DISTINCT FROM 'test'",
}
STEPS = list(SOUND)
#: Each seeded bug: the step that has it, and what that step then says. The stale input is no fault of the code.
BUGS = {
    "type coercion": ("type", "SELECT id, ('0' || cents)::int AS cents, at::timestamp AS at, shop, note FROM before"),
    "time zone": ("localise", "SELECT * FROM before"),
    "join fan-out": ("enrich", "SELECT id, cents, at, name AS shop, note FROM before JOIN shops_history USING (shop)"),
    "null logic": ("filter", "SELECT * FROM before WHERE note <> 'test'"),
    "stale input": ("read", SOUND["read"]),
}


def transform(connection: Any, rows: list[Row], bug: str | None) -> dict[str, list[Row]]:
    """Run the five steps in PostgreSQL; return the rows after each of them."""
    from psycopg.rows import dict_row
    from psycopg.types.json import Jsonb

    steps = SOUND | ({BUGS[bug][0]: BUGS[bug][1]} if bug else {})
    given = [row for row in YESTERDAYS if row["id"] in {row["id"] for row in rows}] if bug == "stale input" else rows
    after = {}
    for step, query in steps.items():
        connection.execute(f"CREATE TEMP TABLE now AS {query}", [Jsonb(given)] if step == "read" else None)
        with connection.cursor(row_factory=dict_row) as cursor:
            after[step] = cursor.execute("SELECT * FROM now ORDER BY id, shop").fetchall()
        connection.execute("DROP TABLE IF EXISTS before")
        connection.execute("ALTER TABLE now RENAME TO before")
    return after


def parse(row: Row) -> list[Row]:
    return [{**row, "cents": int(row["cents"]) if row["cents"] else None, "at": datetime.fromisoformat(row["at"])}]


def to_utc(row: Row) -> list[Row]:
    here = row["at"].replace(tzinfo=ZoneInfo("America/New_York"))
    return [{**row, "at": here.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)}]


#: The same five steps once more, in another language, a row at a time: slow and obvious.
REFERENCE: dict[str, Callable[[Row], list[Row]]] = {
    "read": lambda row: [row],
    "type": parse,
    "localise": to_utc,
    "enrich": lambda row: [{**row, "shop": SHOPS[row["shop"]]}],
    "filter": lambda row: [] if row["note"] == "test" else [row],
}


def refer(rows: list[Row]) -> dict[str, list[Row]]:
    after = {}
    for step, work in REFERENCE.items():
        rows = after[step] = [new for row in rows for new in work(row)]
    return after


def locate(seen: dict[str, list[Row]], wanted: dict[str, list[Row]], break_it: str | None) -> tuple[str, int]:
    """Return the first step whose rows are wrong, found by bisection, and at how many steps it looked."""
    if seen["filter"] == wanted["filter"]:
        return "nothing is wrong", 1
    low, high, looked = 0, len(STEPS) - 1, 0  # wrong at the last step; so the first wrong one is in between
    while low < high and break_it != "end_only":
        middle, looked = (low + high) // 2, looked + 1
        low, high = (middle + 1, high) if seen[STEPS[middle]] == wanted[STEPS[middle]] else (low, middle)
    return STEPS[high], looked


@answer(
    questions=["debug-unexpected-transform-results"],
    claims={
        "c-004-unit-tests-debug": {
            "verdict": "holds",
            "proof": "each seeded bug is located at its step",
            "truth": "Stored outcomes of each step, held against an independent reference, locate the bug; a unit test on the "
            "smallest failing input then keeps it away.",
        }
    },
    breaks={
        "end_only": {
            "what": "only the last outcome is compared, and the last step is blamed",
            "fails": ["each seeded bug is located at its step"],
        },
        "same_code": {
            "what": "the reference is the code under test",
            "fails": ["each seeded bug is located at its step", "the smallest input fails before and passes after"],
        },
    },
)
def debug_transformation():
    @task
    def agree_when_sound() -> None:
        with scratch.connect() as connection:
            make_shops(connection)
            seen = transform(connection, ROWS, None)
        prove(
            "the sound pipeline agrees with the reference",
            observed=seen["filter"],
            expected=refer(ROWS)["filter"],
            how="rows",
        )

    @task
    def bisect_the_bugs(params: dict[str, Any] | None = None) -> None:
        found, looks = {}, []
        with scratch.connect() as connection:
            make_shops(connection)
            for bug in BUGS:
                same = params["break_it"] == "same_code" and bug != "stale input"
                wanted = transform(connection, ROWS, bug) if same else refer(ROWS)
                found[bug], looked = locate(transform(connection, ROWS, bug), wanted, params["break_it"])
                looks.append(looked)
        prove("bisection looks at few steps", observed=max(looks), expected=3, how="at_most", unit="steps")
        prove(
            "each seeded bug is located at its step",
            observed=found,
            expected={bug: step for bug, (step, _) in BUGS.items()},
        )

    @task
    def pin_the_smallest_input(params: dict[str, Any] | None = None) -> None:
        """Find one row on which the bug shows, and keep it as a test: red with the bug, green once it is mended."""
        tests = {}
        with scratch.connect() as connection:
            make_shops(connection)
            for bug, row in product(BUGS, ROWS[:14]):
                same_code = params["break_it"] == "same_code"
                wanted = transform(connection, [row], bug) if same_code else refer([row])
                if bug not in tests and transform(connection, [row], bug)["filter"] != wanted["filter"]:
                    mended = transform(connection, [row], None)["filter"] == wanted["filter"]
                    tests[bug] = "fails, then passes" if mended else "fails"
        pinned = dict.fromkeys(BUGS, "fails, then passes")
        prove("the smallest input fails before and passes after", observed=tests, expected=pinned)

    agree_when_sound() >> [bisect_the_bugs(), pin_the_smallest_input()]


def make_shops(connection: Any) -> None:
    """The table that the rows are enriched from, and the one that holds a key twice."""
    connection.autocommit = True  # in one transaction, hundreds of dropped tables would keep their locks
    connection.prepare_threshold = None  # the step tables change their columns under the same names
    connection.execute("CREATE TEMP TABLE shops (shop text, name text)")
    connection.execute("INSERT INTO shops VALUES ('n', 'north'), ('s', 'south'), ('w', 'west')")
    connection.execute("CREATE TEMP TABLE shops_history AS SELECT * FROM shops UNION ALL SELECT 's', 'south bank'")
