"""Refine one day of raw flights: JSON Lines as the API serves them, to typed Parquet without doubles.

    spark-submit jobs/refine_flights.py --raw DIR --out DIR --quarantine DIR --report FILE --day 2013-01-01
    python jobs/refine_flights.py --remote 'sc://localhost:25002/' ...   # a Spark Connect server

Each record ends in exactly one of three places: the Parquet file, the quarantine (with the names of the rules that it
breaks and its text as served), or the count of duplicates. The job counts the files again once they are written and fails
when in != out + quarantined + duplicates. A rerun overwrites, so it leaves the same files.

Plain PySpark: it knows neither Airflow nor living_answers. With --remote the paths are the server's, except --report.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pyspark.sql import DataFrame, Row, SparkSession


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of the API's contract, the column it becomes, and the names that it is known to have drifted to."""

    name: str
    column: str
    type: Literal["string", "int", "date", "timestamp"]
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the contract's name, then the aliases: the first one present in a record is taken."""
        return (self.name, *self.aliases)


CONTRACT = (
    Field("flight_id", "flight_id", "string"),
    Field("date", "flight_date", "date"),
    Field("carrier", "carrier", "string"),
    Field("flight", "flight_number", "int"),
    Field("tailnum", "tailnum", "string", aliases=("tail_number",)),
    Field("origin", "origin", "string"),
    Field("dest", "dest", "string"),
    Field("sched_dep_time", "sched_dep_time", "int"),
    Field("dep_time", "dep_time", "int"),
    Field("dep_delay", "dep_delay", "int"),
    Field("sched_arr_time", "sched_arr_time", "int"),
    Field("arr_time", "arr_time", "int"),
    Field("arr_delay", "arr_delay", "int"),
    Field("air_time", "air_time", "int"),
    Field("distance", "distance", "int"),
    Field("time_hour", "time_hour", "timestamp"),
    Field("minute", "minute", "int"),
    Field("updated_at", "updated_at", "timestamp"),
)

# The columns that make up a flight, in the order of the Parquet file; updated_at and row_hash follow them. Redshift's COPY
# of Parquet goes by position, so this order is the staging table's.
BUSINESS_COLUMNS = (
    "flight_id", "flight_date", "carrier", "flight_number", "tailnum", "origin", "dest", "sched_dep_time", "dep_time",
    "dep_delay", "sched_arr_time", "arr_time", "arr_delay", "air_time", "distance", "sched_dep_at", "cancelled",
)  # fmt: skip

# How a field's text must look before it is cast; CAST alone is lenient ('2013' is a timestamp to it, ' 7 ' an integer).
SHAPES = {
    "int": "^-?[0-9]{1,9}$",
    "date": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "timestamp": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
}


def _clock(column: str) -> str:
    # HHMM. The source writes midnight at the end of a day as 2400.
    return f"({column} BETWEEN 0 AND 2400 AND {column} % 100 < 60)"


# Name of a rule -> what a good row satisfies. A condition that comes out as NULL counts as broken. A record that is not a
# JSON object breaks `unreadable_record` and no other.
RULES = {
    "flight_id_present": "flight_id <> ''",
    "day_matches": "flight_date = DATE'{day}'",
    "known_carrier_shape": "carrier RLIKE '^[A-Z0-9]{{2}}$'",
    "three_letter_airports": "origin RLIKE '^[A-Z]{{3}}$' AND dest RLIKE '^[A-Z]{{3}}$'",
    "positive_flight_number": "flight_number > 0",
    "positive_distance": "distance > 0",
    "positive_air_time": "air_time IS NULL OR air_time > 0",
    "valid_clock_time": (
        f"{_clock('sched_dep_time')} AND {_clock('sched_arr_time')}"
        f" AND (dep_time IS NULL OR {_clock('dep_time')}) AND (arr_time IS NULL OR {_clock('arr_time')})"
    ),
    "parsable_timestamp": "time_hour IS NOT NULL AND updated_at IS NOT NULL AND minute BETWEEN 0 AND 59",
    "castable_fields": "castable",
}


@dataclasses.dataclass(frozen=True)
class Request:
    """What to refine and where to put it; paths are local or any that Spark knows (s3a://...)."""

    raw: str
    out: str
    quarantine: str
    day: datetime.date


@dataclasses.dataclass(frozen=True)
class Drift:
    """A field that differs from the contract in `rows` rows.

    `kind` is renamed, retyped, added or missing; `mapped_to` is the column (or type) that it was mapped to, if a rule exists.
    """

    field: str
    kind: str
    rows: int
    mapped_to: str | None


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of the day's records."""

    day: str
    rows_in: int
    rows_out: int
    quarantined: int
    duplicates: int
    by_rule: dict[str, int]
    drift: list[Drift]
    content_hash: str
    empty: bool

    def to_json(self) -> str:
        """Return the report as one JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=2)


class AccountingError(Exception):
    """Records were lost or doubled: in != out + quarantined + duplicates. Carries the report."""

    def __init__(self, report: Report) -> None:
        super().__init__(
            f"{report.day}: {report.rows_in} rows in, but {report.rows_out} out + {report.quarantined} quarantined"
            f" + {report.duplicates} duplicates"
        )
        self.report = report


def refine(spark: SparkSession, request: Request) -> Report:
    """Refine one day and return its report; raise AccountingError when the counts do not add up."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    # Redshift reads a timestamp only with Parquet's older TIMESTAMP_MICROS annotation, which means "adjusted to UTC".
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    judged = judge(read_records(spark, request.raw), request.day).persist()
    try:
        write(spark, judged, request)
        report = account(spark, judged, request)
    finally:
        judged.unpersist()
    if report.rows_in != report.rows_out + report.quarantined + report.duplicates:
        raise AccountingError(report)
    return report


def read_lines(spark: SparkSession, path: str) -> DataFrame:
    """Read every line that is not blank as the text it is, so that no record is lost to a parser."""
    return spark.read.text(path, lineSep="\n").selectExpr("value AS raw").where("raw RLIKE '[^ \\t\\r]'")


def read_records(spark: SparkSession, path: str) -> DataFrame:
    """Parse each line to a VARIANT, which keeps the JSON's own types: NULL if it is no JSON or a key comes twice."""
    return read_lines(spark, path).selectExpr("raw", "try_parse_json(raw) AS record")


def judge(records: DataFrame, day: datetime.date) -> DataFrame:
    """Give every record its columns, the rules it breaks and its verdict: kept, duplicate or quarantined."""
    typed = records.selectExpr("*", *(f"{_text(field)} AS {field.name}_text" for field in CONTRACT)).selectExpr(
        "raw", "record", *(f"{_cast(field)} AS {field.column}" for field in CONTRACT), f"{_castable()} AS castable"
    )
    derived = typed.selectExpr(
        "*",
        "timestampadd(MINUTE, minute, time_hour) AS sched_dep_at",
        "dep_time IS NULL AS cancelled",
        f"{_broken(day)} AS broken",
    ).selectExpr("*", f"{_row_hash()} AS row_hash")
    return derived.selectExpr("*", f"{_VERDICT} AS verdict")


# The latest version of a flight wins; between equal ones the text decides, so that the order of the pages does not.
_VERDICT = """CASE WHEN size(broken) > 0 THEN 'quarantined'
    WHEN row_number() OVER (
        PARTITION BY size(broken) > 0, flight_id ORDER BY updated_at DESC, row_hash DESC, raw DESC) = 1 THEN 'kept'
    ELSE 'duplicate' END"""


def _text(field: Field) -> str:
    values = (f"try_variant_get(record, '$.{name}', 'string')" for name in field.names)
    return f"coalesce({', '.join(values)})"


def _cast(field: Field) -> str:
    text = f"{field.name}_text"
    if field.type == "string":
        return text
    return f"CASE WHEN {text} RLIKE '{SHAPES[field.type]}' THEN try_cast({text} AS {field.type}) END"


def _castable() -> str:
    # Without this a dep_delay of "soon", or of {"minutes": 2}, would turn into a NULL that looks like a cancelled flight.
    # Dates and timestamps have their own rules.
    numbers = (f"({f.name}_text IS NULL OR {f.name}_text RLIKE '{SHAPES['int']}')" for f in CONTRACT if f.type == "int")
    scalars = (
        f"({f.name}_text IS NOT NULL OR coalesce(is_variant_null(variant_get(record, '$.{name}')), true))"
        for f in CONTRACT
        for name in f.names
    )
    return " AND ".join([*numbers, *scalars])


def _broken(day: datetime.date) -> str:
    checks = (
        f"CASE WHEN NOT coalesce({rule.format(day=day.isoformat())}, false) THEN '{name}' END"
        for name, rule in RULES.items()
    )
    is_object = "coalesce(schema_of_variant(record) LIKE 'OBJECT<%', false)"
    return f"CASE WHEN {is_object} THEN array_compact(array({', '.join(checks)})) ELSE array('unreadable_record') END"


def _row_hash() -> str:
    # md5 over netstrings (length:text), NULL as ~: no value can imitate a separator or a NULL, and SQL can recompute it.
    as_text = {"sched_dep_at": "date_format(sched_dep_at, \"yyyy-MM-dd'T'HH:mm:ss'Z'\")"}
    texts = (as_text.get(column, f"CAST({column} AS STRING)") for column in BUSINESS_COLUMNS)
    return f"md5(concat_ws(',', {', '.join(_netstring(text) for text in texts)}))"


def _netstring(text: str) -> str:
    return f"coalesce(concat(length({text}), ':', {text}), '~')"


def write(spark: SparkSession, judged: DataFrame, request: Request) -> None:
    """Write the kept rows as one sorted Parquet file and the quarantined ones as JSON Lines; overwrite what is there."""
    kept = judged.where("verdict = 'kept'").select(*BUSINESS_COLUMNS, "updated_at", "row_hash")
    kept.repartition(1).sortWithinPartitions("flight_id").write.mode("overwrite").parquet(request.out)
    refused = judged.where("verdict = 'quarantined'").selectExpr(
        f"'{request.day.isoformat()}' AS day", "coalesce(nullif(flight_id, ''), md5(raw)) AS key", "broken AS rules", "raw"
    )
    refused.repartition(1).sortWithinPartitions("key", "raw").write.mode("overwrite").json(request.quarantine)


def account(spark: SparkSession, judged: DataFrame, request: Request) -> Report:
    """Count what lies in the files now, not what the plan meant to write, and sum up the verdicts."""
    files = spark.sql(
        _FILES,
        lines=read_lines(spark, request.raw),
        kept=spark.read.parquet(request.out),
        refused=spark.read.text(request.quarantine),
    ).collect()[0]
    facts = spark.sql(_FACTS, judged=judged).collect()
    return Report(
        day=request.day.isoformat(),
        rows_in=files.rows_in,
        rows_out=files.rows_out,
        quarantined=files.quarantined,
        duplicates=sum(fact.rows for fact in facts if (fact.kind, fact.name) == ("verdict", "duplicate")),
        by_rule={fact.name: fact.rows for fact in sorted(facts) if fact.kind == "rule"},
        drift=find_drift(facts),
        content_hash=hashlib.md5(files.digest.encode(), usedforsecurity=False).hexdigest(),
        empty=files.rows_in == 0,
    )


# The digest adds the halves of each row's hash up: the order of rows does not matter to a sum, a doubled row does, and a
# billion rows need no more memory than one.
_FILES = """
SELECT (SELECT count(*) FROM {lines}) AS rows_in, (SELECT count(*) FROM {refused}) AS quarantined, rows_out, digest
FROM (
    SELECT count(*) AS rows_out, concat_ws(':', count(*),
        coalesce(sum(CAST(conv(substr(row_hash, 1, 16), 16, 10) AS DECIMAL(38, 0))), 0),
        coalesce(sum(CAST(conv(substr(row_hash, 17, 16), 16, 10) AS DECIMAL(38, 0))), 0)) AS digest
    FROM {kept}
)"""

# One action for verdicts, broken rules and the types met in each field: every action costs a tenth of a second or more.
_FACTS = """
SELECT 'verdict' AS kind, verdict AS name, '' AS type, count(*) AS rows FROM {judged} GROUP BY verdict
UNION ALL
SELECT 'rule', rule, '', count(*) FROM {judged} LATERAL VIEW explode(broken) AS rule GROUP BY rule
UNION ALL
SELECT 'field', key, regexp_extract(schema_of_variant(value), '^[A-Z]+', 0), count(*)
FROM (SELECT record FROM {judged} WHERE NOT array_contains(broken, 'unreadable_record')),
    LATERAL variant_explode(record) GROUP BY ALL
UNION ALL
SELECT 'records', '', '', count(*) FROM {judged} WHERE NOT array_contains(broken, 'unreadable_record')"""


def find_drift(facts: Sequence[Row]) -> list[Drift]:
    """Compare the fields and JSON types met in the records with the contract; the result is in a fixed order."""
    records = sum(fact.rows for fact in facts if fact.kind == "records")
    met: dict[str, dict[str, int]] = {}
    for fact in facts:
        if fact.kind == "field":
            met.setdefault(fact.name, {})[fact.type] = fact.rows
    known = {name: field for field in CONTRACT for name in field.names}
    found = [Drift(name, "added", sum(types.values()), None) for name, types in met.items() if name not in known]
    for name, field in known.items():
        found += _drift_of(name, field, met, records)
    return sorted(found, key=lambda drift: (drift.field, drift.kind))


def _drift_of(name: str, field: Field, met: dict[str, dict[str, int]], records: int) -> list[Drift]:
    found = []
    expected = "BIGINT" if field.type == "int" else "STRING"
    retyped = sum(rows for json_type, rows in met.get(name, {}).items() if json_type not in (expected, "VOID"))
    if retyped:
        found.append(Drift(name, "retyped", retyped, field.type))
    if name in field.aliases and name in met:
        found.append(Drift(name, "renamed", sum(met[name].values()), field.name))
    missing = records - sum(sum(met.get(each, {}).values()) for each in field.names)
    if name == field.name and missing > 0:
        found.append(Drift(name, "missing", missing, None))
    return found


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; argparse ends the process with status 2 on a wrong one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", required=True, help="folder or glob of raw JSON Lines")
    parser.add_argument("--out", required=True, help="folder for the Parquet file (overwritten)")
    parser.add_argument("--quarantine", required=True, help="folder for the quarantined rows (overwritten)")
    parser.add_argument("--report", required=True, type=Path, help="local file for the JSON report")
    parser.add_argument("--day", required=True, type=datetime.date.fromisoformat, help="YYYY-MM-DD")
    parser.add_argument("--remote", help="Spark Connect URL; the token is better in SPARK_CONNECT_AUTHENTICATE_TOKEN")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job from the command line; return 1 when the accounting does not hold."""
    options = parse_arguments(arguments)
    builder = SparkSession.builder.appName(f"refine flights {options.day}")
    spark = (builder.remote(options.remote) if options.remote else builder).getOrCreate()
    request = Request(options.raw, options.out, options.quarantine, options.day)
    try:
        report = refine(spark, request)
    except AccountingError as error:
        print(f"AccountingError: {error}", file=sys.stderr)
        options.report.write_text(error.report.to_json())
        return 1
    finally:
        spark.stop()  # a Connect client that is not stopped can hang at exit
    options.report.write_text(report.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
