"""Late departures by carrier, in the form of an AWS Glue job: options, init, read, transform, write, commit.

    python jobs/glue_carrier_delays.py --JOB_NAME carrier_delays --source FILE --late-minutes 15 \
        --remote sc://localhost:25002/ --report FILE

In Glue the session comes from `GlueContext`, and `awsglue.utils.getResolvedOptions` reads the options; that library is
Glue's own and is not installed here, so argparse and a Spark Connect session stand in. What is between init and commit
is plain PySpark, and runs there as it runs here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f


def resolved_options() -> argparse.Namespace:
    """Return the job's options, as getResolvedOptions does."""
    parser = argparse.ArgumentParser(description="Late departures by carrier, in the form of an AWS Glue job.")
    for name in ("JOB_NAME", "source", "remote", "report"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--late-minutes", type=int, default=15)
    return parser.parse_args()


def transform(flights: DataFrame, late_minutes: int) -> DataFrame:
    """Count each carrier's flights, late departures and minutes of delay."""
    left = flights.where(f.col("dep_delay").isNotNull()).withColumn(
        "dep_delay", f.col("dep_delay").cast("double").cast("int")
    )
    late = f.sum((f.col("dep_delay") >= late_minutes).cast("int")).alias("late")
    return left.groupBy("carrier").agg(f.count("*").alias("flights"), late, f.sum("dep_delay").alias("delay_minutes"))


def main() -> None:
    """Run the job and write its rows, and where they were computed, as JSON."""
    options = resolved_options()
    spark = SparkSession.builder.remote(options.remote).create()  # Glue: GlueContext(sc).spark_session, job.init(...)
    try:
        flights = spark.read.csv(options.source, header=True)
        rows = [list(row) for row in transform(flights, options.late_minutes).orderBy("carrier").collect()]
        where = spark.sql("SELECT java_method('java.lang.System', 'getProperty', 'sun.java.command')").first()
        report = {"job": options.JOB_NAME, "rows": rows, "where": where[0] if where else None}
        Path(options.report).write_text(json.dumps(report))  # Glue: write to S3 or a table, then job.commit()
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
