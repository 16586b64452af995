"""The job in Glue's form: its transform, on a real Spark Connect server."""

from pyspark.sql import SparkSession

import glue_carrier_delays as job


def test_a_carrier_is_counted_with_its_late_departures(spark: SparkSession) -> None:
    rows = [("AA", "14.0"), ("AA", "15"), ("AA", None), ("UA", "-3")]
    counted = job.transform(spark.createDataFrame(rows, "carrier string, dep_delay string"), late_minutes=15)
    assert sorted(tuple(row) for row in counted.collect()) == [("AA", 2, 1, 29), ("UA", 1, 0, -3)]
