"""# How do you collect pipeline metrics with Prometheus and show them in Grafana?

**Say it.** Each process exposes counters and gauges as text; Prometheus fetches them every few seconds and stores the samples;
Grafana asks Prometheus in PromQL. Export counters that only grow and let `rate` do the arithmetic, as it survives
restarts. A job shorter than the scrape interval may never be seen: it pushes to a gateway.

**How it works.** Pull, not push: Prometheus finds its targets in its configuration, scrapes `/metrics`, and adds `up`, which is 0
when a target does not answer. A counter says how many since the process began. `rate(x[5m])` takes the samples of the window,
adds up the growth, counts a fall as a restart from nought, and extrapolates to the window's edges: hence a fraction of a row.
The push gateway keeps what it was sent last and is scraped like anything else.

Airflow's tasks are such short jobs. Here each run writes its figures to the ledger, and one metrics server that stays up
exports the ledger: the same idea as the gateway, without its risk of showing the figures of a job that died long ago.

**This run proves**
- *a scrape returns the counter's value*: a real Prometheus, started for this run, scrapes a real exporter;
- *rate gives the exporter's own pace*, and *the increase survives a restart*: the exporter starts again from nought;
- *a job shorter than the scrape interval is missed*, and *the push gateway shows it*;
- *every query of the dashboard returns data*: those of the provisioned Grafana dashboard with the platform's recording rules, over
  series of every name that our code and Airflow's registry can export; *the platform's Prometheus understands every query*.

**Break it.** `difference`: last minus first in place of `increase`, and a restart loses what was before. `no_gateway`: the short job
waits to be scraped. `renamed`: the code exports its counters without `_total`, and panels go empty without an error.

**Where this stops.** "In real time" it is not: what happens between two scrapes is seen as a sum at best, after 15 to 60 s as
usually configured (0.2 s here and 5 s for the short job, so that the run is short). Prometheus holds figures, not events: no
request ids as labels, they make a series each. Grafana itself is not started here; its queries are sent to Prometheus as
Grafana sends them.

**Sources.** Prometheus: [rate and increase](https://prometheus.io/docs/prometheus/latest/querying/functions/#rate),
[pushing](https://prometheus.io/docs/practices/pushing/), [naming](https://prometheus.io/docs/practices/naming/),
[scrape_interval](https://prometheus.io/docs/prometheus/latest/configuration/configuration/).
Grafana: [provisioning](https://grafana.com/docs/grafana/latest/administration/provisioning/).
[prometheus_client](https://prometheus.github.io/client_python/).
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove
from living_answers.local_server import Reply, serve

INFRA = Path(__file__).parents[2] / "infra"
ROWS = 4711
TEXT = {"Content-Type": "text/plain; version=0.0.4"}


def job(name: str, url: str, interval: str = "200ms", **more: Any) -> dict[str, Any]:
    """A scrape job of Prometheus with one target."""
    targets = [{"targets": [url.removeprefix("http://")]}]
    return {
        "job_name": name,
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "static_configs": targets,
        **more,
    }


def dashboard_queries() -> list[str]:
    """What the panels of the provisioned dashboard ask; Grafana would fill in the interval."""
    board = json.loads((INFRA / "grafana" / "dashboards" / "living_answers.json").read_text())
    panels = [panel for outer in board["panels"] for panel in (outer, *outer.get("panels", []))]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [expression.replace("$__rate_interval", "1m") for expression in asked]


@answer(
    questions=["obs-prometheus-grafana"],
    claims={
        "c-004-prometheus-realtime": {
            "verdict": "imprecise",
            "proof": "a job shorter than the scrape interval is missed",
            "truth": "They show what the last scrape saw, usually 15 to 60 seconds old; a shorter job needs a push gateway "
            "or an exporter that outlives it.",
        }
    },
    breaks={
        "difference": {
            "what": "the last sample minus the first, without regard to restarts",
            "fails": ["the increase survives a restart"],
        },
        "no_gateway": {"what": "the short job pushes nothing", "fails": ["the push gateway shows it"]},
        "renamed": {
            "what": "counters are exported without _total",
            "fails": ["every query of the dashboard returns data"],
        },
    },
    engines=["prometheus"],
    stand_ins={"grafana": "its provisioned dashboard's queries, sent to Prometheus directly"},
)
def prometheus_metrics():
    @task
    def count_and_scrape(params: dict[str, Any] | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, generate_latest

        from living_answers.monitoring import prometheus, value
        from living_answers.waiting import wait_for

        exported: dict[str, CollectorRegistry] = {}

        def start_exporter() -> Counter:
            exported["now"] = registry = CollectorRegistry()
            return Counter("rows", "Rows loaded", registry=registry)

        def load_for(seconds: float, rows: Counter) -> float:
            """Count rows; return how many there were a second."""
            began, loaded = time.perf_counter(), 0
            while (passed := time.perf_counter() - began) < seconds:
                rows.inc(3)
                loaded += 3
                time.sleep(0.01)
            totals.append(loaded)
            return loaded / passed

        totals, rows = [], start_exporter()
        with (
            tempfile.TemporaryDirectory() as folder,
            serve(lambda _: Reply(body=generate_latest(exported["now"]), headers=TEXT)) as exporter,
            prometheus(Path(folder), {"scrape_configs": [job("load", exporter.url)]}) as url,
        ):
            wait_for(lambda: value(url, "rows_total") == 0)
            pace, ended = load_for(4.0, rows), time.time()
            seen = wait_for(lambda: (value(url, "rows_total") or 0) >= totals[0] and value(url, "rows_total"))
            rate = value(url, f"rate(rows_total[4s] @ {ended:.3f})")  # of those seconds, however late it is asked
            load_for(1.0, start_exporter())
            wait_for(lambda: value(url, "rows_total") == totals[1])
            function = "delta" if params["break_it"] == "difference" else "increase"
            grown = value(url, f"{function}(rows_total[1m])")
        prove("a scrape returns the counter's value", observed=seen, expected=float(totals[0]), unit="rows")
        prove("rate gives the exporter's own pace", observed=rate, expected=pace, how="close", tolerance=0.3)
        prove("the increase survives a restart", observed=grown, expected=sum(totals), how="close", tolerance=0.2)

    @task
    def miss_the_short_job(params: dict[str, Any] | None = None) -> None:
        from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, start_http_server

        from living_answers.monitoring import free_address, prometheus, pushgateway, query, value
        from living_answers.waiting import wait_for

        registry, address = CollectorRegistry(), free_address()
        Gauge("rows_loaded", "Rows of the last run", registry=registry).set(ROWS)
        with tempfile.TemporaryDirectory() as folder, pushgateway(Path(folder)) as gateway:
            # Between two scrapes there is time for the short job, on a busy machine too.
            jobs = [job("nightly", address, "5s"), job("gateway", gateway, honor_labels=True)]
            with prometheus(Path(folder), {"scrape_configs": jobs}) as url:

                def scraped(after: float) -> float | None:
                    last = value(url, 'timestamp(up{job="nightly"})')
                    return last if last and last > after else None

                def pulled() -> float:
                    """How many scrapes of the gateway were answered."""
                    return value(url, 'sum_over_time(up{job="gateway"}[10m])') or 0

                before = wait_for(lambda: scraped(0))
                server, _ = start_http_server(int(address.rpartition(":")[2]), "127.0.0.1", registry)
                server.shutdown()  # the job is done, a moment after it began
                server.server_close()
                if params["break_it"] != "no_gateway":
                    push_to_gateway(gateway, job="pushed", registry=registry)
                enough = pulled() + 2  # the first may have begun before the push
                wait_for(lambda: scraped(before) and pulled() >= enough)
                # Over a minute, for a failed scrape hides what the ones before it saw.
                direct = query(url, 'max_over_time(rows_loaded{job="nightly"}[1m])')
                pushed_rows = value(url, 'max_over_time(rows_loaded{job="pushed"}[1m])')
        prove("a job shorter than the scrape interval is missed", observed=len(direct), expected=0, unit="series")
        prove("the push gateway shows it", observed=pushed_rows, expected=float(ROWS), unit="rows")

    @task
    def ask_for_the_dashboard(params: dict[str, Any] | None = None) -> None:
        from itertools import count

        from living_answers import engines
        from living_answers.metrics.exported import airflow_series, ledger_series
        from living_answers.monitoring import prometheus, query, value
        from living_answers.waiting import wait_for

        names, scrapes = sorted(ledger_series() | airflow_series()), count(1)
        queries = dashboard_queries()
        if params["break_it"] == "renamed":
            names = [name.removesuffix("_total") for name in names]

        def export(_: Any) -> Reply:
            labels = [
                f'step="load.merge",kind="{kind}",state="open",break_it=""' for kind in ("read", "written", "rejected")
            ]
            grown = next(scrapes)
            return Reply(body="".join(f"{n}{{{of}}} {grown}\n" for n in names for of in labels).encode(), headers=TEXT)

        rules = [str(INFRA / "prometheus" / "rules" / "recording.yml")]
        with tempfile.TemporaryDirectory() as folder, serve(export) as exporter:
            settings = {"global": {"evaluation_interval": "200ms"}, "rule_files": rules}
            with prometheus(Path(folder), {**settings, "scrape_configs": [job("all", exporter.url)]}) as url:
                answered: set[str] = set()

                def all_answered() -> bool:
                    answered.update(it for it in queries if it not in answered and query(url, it))
                    return answered == set(queries)

                enough = 15  # scrapes with an answer, after which what is empty stays empty
                wait_for(lambda: all_answered() or (value(url, "sum_over_time(up[10m])") or 0) > enough)
                found = [expression for expression in queries if expression in answered]
        prove("every query of the dashboard returns data", observed=found, expected=queries, how="rows")
        own = engines.settings("prometheus")["url"]
        understood = [expression for expression in queries if query(own, expression) is not None]
        prove("the platform's Prometheus understands every query", observed=understood, expected=queries, how="rows")

    [count_and_scrape(), miss_the_short_job(), ask_for_the_dashboard()]
