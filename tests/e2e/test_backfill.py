"""A backfill over a range of days makes one run a day and leads each to the marts."""

from collections import Counter

from support import days, source
from support.pipeline import Pipeline
from support.warehouse import Warehouse


def test_a_backfill_leads_each_day_through_the_chain(pipeline: Pipeline, warehouse: Warehouse) -> None:
    follower = pipeline.follow(days.BACKFILLED)
    pipeline.api.backfill("flights_ingest", days.BACKFILLED[0], days.BACKFILLED[-1])
    pipeline.arrive(follower, 300)
    for day in days.BACKFILLED:
        assert len(pipeline.runs_of("flights_ingest", day)) == 1
        assert warehouse.flights(day) == Counter(source.rows_of(day).values())
