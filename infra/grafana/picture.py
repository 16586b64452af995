"""Draws the dashboard without Grafana: its panels' own queries, asked of a running Prometheus, as one HTML page.

    python infra/grafana/picture.py "$PROMETHEUS_URL" --minutes 15 > dashboard.html

For machines that have Prometheus and no Grafana, and for the picture in the README. It draws stats, time series, tables
and bar gauges, in the places that the dashboard gives them; of Grafana's other options it knows nothing.
"""

import argparse
import json
import sys
import time
from html import escape
from pathlib import Path
from typing import Any

import httpx

DASHBOARD = Path(__file__).with_name("dashboards") / "living_answers.json"
COLOURS = ("#3274d9", "#56a64b", "#e0b400", "#e02f44", "#a352cc", "#ff780a", "#37872d", "#8ab8ff")
POINTS = 120
WIDTH, HEIGHT = 600, 150
Series = tuple[str, list[tuple[float, float]]]


def main() -> int:
    """Write the page to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prometheus", help="Prometheus's URL")
    parser.add_argument("--minutes", type=float, default=15)
    arguments = parser.parse_args()
    dashboard = json.loads(DASHBOARD.read_text())
    with httpx.Client(base_url=arguments.prometheus, timeout=30) as prometheus:
        panels = [draw(panel, prometheus, arguments.minutes * 60) for panel in dashboard["panels"]]
    sys.stdout.write(_PAGE.format(title=escape(dashboard["title"]), panels="\n".join(panels)))
    return 0


def draw(panel: dict[str, Any], prometheus: httpx.Client, seconds: float) -> str:
    """Return a panel as HTML, in its place on Grafana's grid of 24 columns."""
    place, title = panel["gridPos"], escape(panel.get("title", ""))
    area = f"grid-area: {place['y'] + 1} / {place['x'] + 1} / span {place['h']} / span {place['w']}"
    if panel["type"] == "row":
        return f'<h2 style="{area}">{title}</h2>'
    series = [one for target in panel["targets"] for one in ask(prometheus, target["expr"], seconds)]
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
    body = {"stat": _stat, "table": _table, "bargauge": _bars}.get(panel["type"], _lines)(series, unit)
    return f'<section style="{area}"><h3>{title}</h3>{body}</section>'


def ask(prometheus: httpx.Client, expression: str, seconds: float) -> list[Series]:
    """Return what a query gives over the last ``seconds``, each series with its labels as its name."""
    now = time.time()
    step = max(5.0, seconds / POINTS)
    query = expression.replace("$__rate_interval", f"{int(4 * step)}s")
    parameters: dict[str, str | float] = {"query": query, "start": now - seconds, "end": now, "step": step}
    result = prometheus.get("/api/v1/query_range", params=parameters).raise_for_status().json()["data"]["result"]
    return [(_name(one["metric"]), [(float(at), float(value)) for at, value in one["values"]]) for one in result]


def _name(labels: dict[str, str]) -> str:
    shown = {key: value for key, value in labels.items() if key not in ("__name__", "instance", "job")}
    return " ".join(shown.values())


def _show(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"
    text = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.2f}"
    return f"{text}/s" if unit == "rowsps" else text


def _stat(series: list[Series], unit: str) -> str:
    return f"<p class=stat>{_show(series[0][1][-1][1], unit) if series else 'no data'}</p>"


def _table(series: list[Series], unit: str) -> str:
    rows = "".join(f"<tr><td>{escape(name)}<td class=figure>{_show(points[-1][1], unit)}" for name, points in series)
    return f"<div class=scroll><table>{rows}</table></div>"


def _bars(series: list[Series], unit: str) -> str:
    most = max((points[-1][1] for _, points in series), default=0) or 1
    bars = (
        f"<tr><td>{escape(name)}<td><div class=bar style='width:{100 * points[-1][1] / most:.0f}%'></div>"
        f"<td class=figure>{_show(points[-1][1], unit)}"
        for name, points in series
    )
    return f"<div class=scroll><table>{''.join(bars)}</table></div>"


def _lines(series: list[Series], unit: str) -> str:
    every = [point for _, points in series for point in points]
    if not every:
        return "<p class=none>nothing in this time</p>"
    first, last, most = every[0][0], max(at for at, _ in every), max(value for _, value in every) or 1
    first = min(at for at, _ in every)
    lines, names = [], []
    for (name, points), colour in zip(series, COLOURS * (1 + len(series) // len(COLOURS)), strict=False):
        corners = " ".join(
            f"{WIDTH * (at - first) / max(last - first, 1):.1f},{HEIGHT - HEIGHT * value / most:.1f}"
            for at, value in points
        )
        lines.append(f'<polyline points="{corners}" stroke="{colour}"/>')
        names.append(f'<span style="color:{colour}">&#9632;</span> {escape(name or "all")}')
    picture = f'<svg viewBox="0 -4 {WIDTH} {HEIGHT + 8}" preserveAspectRatio="none">{"".join(lines)}</svg>'
    return f"<p class=most>{_show(most, unit)}</p>{picture}<p class=names>{' &nbsp; '.join(names[:10])}</p>"


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; --line: #8884; }}
  body {{ font: 13px/1.4 system-ui, sans-serif; margin: 1rem; }}
  main {{ display: grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: 26px; gap: 6px; }}
  section {{ border: 1px solid var(--line); border-radius: 4px; padding: 6px 10px; overflow: hidden; }}
  h2 {{ font-size: 15px; margin: 2px 0; }}
  h3 {{ font-size: 13px; margin: 0 0 4px; }}
  p {{ margin: 0; }}
  .stat {{ font-size: 34px; text-align: center; }}
  .none, .most, .names {{ opacity: .75; }}
  .names {{ font-size: 11px; }}
  svg {{ width: 100%; height: 60%; display: block; border-bottom: 1px solid var(--line); }}
  polyline {{ fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }}
  .scroll {{ height: 90%; overflow: auto; }}
  table {{ width: 100%; border-collapse: collapse; }}
  td {{ border-bottom: 1px solid var(--line); padding: 1px 6px; }}
  .figure {{ text-align: right; font-variant-numeric: tabular-nums; }}
  .bar {{ background: #56a64b; height: 10px; }}
</style>
<h1>{title}</h1>
<main>
{panels}
</main>
"""

if __name__ == "__main__":
    sys.exit(main())
