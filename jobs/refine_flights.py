"""Refine one day of raw flights: JSON Lines as the API serves them, to typed Parquet without doubles.

    spark-submit jobs/refine_flights.py --raw DIR --out DIR --quarantine DIR --report FILE --day 2013-01-01
    python jobs/refine_flights.py --remote 'sc://localhost:25002/' ...   # a Spark Connect server

Each record ends in exactly one of three places: the Parquet file, the quarantine (with the names of the rules that it
breaks and its text as served), or the count of duplicates. The job counts the files again once they are written and
fails when in != out + quarantined + duplicates. A rerun overwrites, so it leaves the same files.

Plain PySpark: it knows neither Airflow nor living_answers. With --remote the paths are the server's, except --report.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, Row, SparkSession

from flight_contract import BUSINESS_COLUMNS, CONTRACT, VERDICT, Field, broken_rules, castable, row_hash, text_of, typed


@dataclasses.dataclass(frozen=True)
class Request:
    """What to refine and where to put it; paths are local or any that Spark knows (s3a://...)."""

    raw: str
    out: str
    quarantine: str
    day: dt.date


@dataclasses.dataclass(frozen=True)
class Drift:
    """A field that differs from the contract in `rows` rows.

    `kind` is renamed, retyped, added or missing; `mapped_to` is the field or the type that a rule maps it to, or None.
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
    # A checkpoint, not a cache: it cuts the plan, which Spark Connect would otherwise analyse anew for each action.
    judged = judge(read_records(spark, request.raw), request.day).localCheckpoint()
    write(judged, request)
    return check(account(spark, judged, request))


def read_lines(spark: SparkSession, path: str) -> DataFrame:
    """Read every line that is not blank as the text it is, so that no record is lost to a parser."""
    return spark.read.text(path, lineSep="\n").selectExpr("value AS raw").where("raw RLIKE '[^ \\t\\r]'")


def read_records(spark: SparkSession, path: str) -> DataFrame:
    """Parse each line to a VARIANT, which keeps the JSON's own types: NULL if it is no JSON or a key comes twice.

    Spark's parser stops at the end of the first value and ignores the rest: two records that lost the line end between
    them would be one. No rest can close both a list and an object, so a line must parse as the only item of each.
    """
    listed = "try_parse_json(concat('[', raw, ']'))"
    nested = """try_parse_json(concat('{"record":', raw, '}'))"""
    parsed = read_lines(spark, path).selectExpr("raw", f"{listed} AS listed", f"{nested} IS NOT NULL AS whole")
    record = "CASE WHEN whole AND variant_get(listed, '$[1]') IS NULL THEN variant_get(listed, '$[0]') END"
    return parsed.selectExpr("raw", f"{record} AS record")


def judge(records: DataFrame, day: dt.date) -> DataFrame:
    """Give every record its columns, the rules it breaks and its verdict: kept, duplicate or quarantined."""
    texts = records.selectExpr("*", *(f"{text_of(field)} AS {field.name}_text" for field in CONTRACT))
    columns = texts.selectExpr(
        "raw", "record", *(f"{typed(field)} AS {field.column}" for field in CONTRACT), f"{castable()} AS castable"
    )
    derived = columns.selectExpr(
        "*",
        "timestampadd(MINUTE, minute, time_hour) AS sched_dep_at",
        "dep_time IS NULL AS cancelled",
        f"{broken_rules(day)} AS broken",
    )
    return derived.selectExpr("*", f"{row_hash()} AS row_hash").selectExpr("*", f"{VERDICT} AS verdict")


def write(judged: DataFrame, request: Request) -> None:
    """Write the kept rows as one sorted Parquet file, the quarantined as JSON Lines; overwrite what is there."""
    kept = judged.where("verdict = 'kept'").select(*BUSINESS_COLUMNS, "updated_at", "row_hash")
    kept.repartition(1).sortWithinPartitions("flight_id").write.mode("overwrite").parquet(request.out)
    refused = judged.where("verdict = 'quarantined'").selectExpr(
        f"'{request.day.isoformat()}' AS day",
        "coalesce(nullif(flight_id, ''), md5(raw)) AS key",
        "broken AS rules",
        "raw",
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


# The digest adds the halves of each row's hash up: the order of rows does not matter to a sum, a doubled row does, and
# a billion rows need no more memory than one.
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
SELECT fact.kind, fact.name, fact.type, count(*) AS rows
FROM (
    SELECT explode(concat(
        array(struct('verdict' AS kind, verdict AS name, '' AS type)),
        transform(broken, rule -> struct('rule' AS kind, rule AS name, '' AS type)),
        transform(
            coalesce(map_entries(try_cast(record AS MAP<STRING, VARIANT>)), array()),
            field -> struct('field' AS kind, field.key AS name,
                            regexp_extract(schema_of_variant(field.value), '^[A-Z]+', 0) AS type)))) AS fact
    FROM {judged}
)
GROUP BY ALL"""


def check(report: Report) -> Report:
    """Return the report if its counts add up; raise AccountingError if not."""
    if report.rows_in != report.rows_out + report.quarantined + report.duplicates:
        raise AccountingError(report)
    return report


_UNREADABLE = ("rule", "unreadable_record")


def find_drift(facts: Sequence[Row]) -> list[Drift]:
    """Compare the fields and JSON types met in the records with the contract; the result is in a fixed order."""
    rows = {(fact.kind, fact.name): fact.rows for fact in facts if fact.kind != "field"}
    readable = sum(count for (kind, _), count in rows.items() if kind == "verdict") - rows.get(_UNREADABLE, 0)
    met: dict[str, dict[str, int]] = {}
    for fact in facts:
        if fact.kind == "field":
            met.setdefault(fact.name, {})[fact.type] = fact.rows
    known = {name: field for field in CONTRACT for name in field.names}
    found = [Drift(name, "added", sum(types.values()), None) for name, types in met.items() if name not in known]
    for name, field in known.items():
        found += _drift_of(name, field, met, readable)
    return sorted(found, key=lambda drift: (drift.field, drift.kind))


def _drift_of(name: str, field: Field, met: dict[str, dict[str, int]], readable: int) -> list[Drift]:
    found = []
    expected = "BIGINT" if field.type == "int" else "STRING"
    retyped = sum(rows for json_type, rows in met.get(name, {}).items() if json_type not in (expected, "VOID"))
    if retyped:
        found.append(Drift(name, "retyped", retyped, field.type))
    if name in field.aliases and name in met:
        found.append(Drift(name, "renamed", sum(met[name].values()), field.name))
    missing = readable - sum(sum(met.get(each, {}).values()) for each in field.names)
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
    parser.add_argument("--day", required=True, type=dt.date.fromisoformat, help="YYYY-MM-DD")
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
