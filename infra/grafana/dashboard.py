"""The dashboard as code: ``python infra/grafana/dashboard.py`` writes dashboards/living_answers.json.

The JSON is committed, so that Grafana needs no Python; a test checks that it is what this file makes.
"""

from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders.bargauge import Panel as BarGauge
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueColorMode, GraphDrawStyle, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

OUTPUT: Final = Path(__file__).parent / "dashboards" / "living_answers.json"
PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
FULL, HALF, THIRD, SIXTH = 24, 12, 8, 4  # widths; a row is 24 wide


def dashboard() -> Dashboard:
    """Build the dashboard: is it well, what went through, are the answers proven, how does Airflow do."""
    board = (
        Dashboard("Living Answers")
        .uid("living-answers")
        .description("The platform by its ledger and by Airflow's own metrics")
        .tags(["living-answers"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .readonly()
    )
    for title, panels in _rows().items():
        board = board.with_row(Row(title))
        for panel in panels:
            board = board.with_panel(panel)
    return board


def render() -> str:
    """Return the dashboard's JSON, with a newline at the end."""
    text: str = JSONEncoder(sort_keys=True, indent=2).encode(dashboard().build())
    return text + "\n"


def _rows() -> dict[str, list[Any]]:
    return {
        "Is it well?": _health(),
        "Rows in and out": _rows_through(),
        "Proofs and dead letters": _proofs(),
        "Airflow": _airflow(),
    }


def _health() -> list[Any]:
    return [
        _stat("Ledger", "living_answers_ledger_up", "1 while the ledger can be read", good_from=1),
        _stat(
            "Proofs failing", "count(living_answers_proof_last_holds == 0) or vector(0)", "Latest outcomes", bad_from=1
        ),
        _stat(
            "Dead letters",
            "sum(source_kind:living_answers_dead_letters:open) or vector(0)",
            "Open, or under replay",
            bad_from=1,
        ),
        _stat(
            "Circuits open", "sum(living_answers_circuit_breaker_open) or vector(0)", "Sources left alone", bad_from=1
        ),
        _stat(
            "Failures, 1 h",
            "sum(increase(living_answers_step_failures_total[1h])) or vector(0)",
            "Steps that raised; a retry may have mended it",
            bad_from=1,
        ),
        _stat(
            "Scheduler heartbeats, 1 min",
            "sum(increase(airflow_scheduler_heartbeat_total[1m])) or vector(0)",
            "None means that no task starts",
            good_from=1,
        ),
    ]


def _rows_through() -> list[Any]:
    return [
        _lines("Rows written", 'step_kind:living_answers_step_rows:rate5m{kind="written"}', "{{step}}", "rowsps", HALF),
        _bars(
            "Rows rejected and doubled",
            'sum by (step, kind) (increase(living_answers_step_rows_total{kind=~"rejected|duplicate"}'
            "[$__rate_interval])) > 0",
            "{{step}}: {{kind}}",
            HALF,
        ),
        _table(
            "Rows in and out, all time",
            "sum by (step, kind) (living_answers_step_rows_total)",
            HALF,
            pivot=("step", "kind"),
        ),
        _lines("Time of a step", "step:living_answers_step_duration_seconds:mean1h", "{{step}}", "s", HALF),
        _ages(
            "Since the last success",
            "time() - max by (step) (living_answers_last_success_timestamp_seconds)",
            "{{step}}",
            HALF,
        ),
        _bars(
            "Rows that loads wrote",
            "sum by (dataset, kind) (increase(living_answers_batch_rows_total[$__rate_interval])) > 0",
            "{{dataset}}: {{kind}}",
            HALF,
        ),
    ]


def _proofs() -> list[Any]:
    return [
        _table("Proofs, latest outcome (1 holds)", "living_answers_proof_last_holds", HALF),
        _bars(
            "Proofs by outcome",
            'sum by (holds) (increase(living_answers_proofs_total{break_it=""}[$__rate_interval])) > 0',
            "holds: {{holds}}",
            HALF,
        ),
        _lines(
            "Dead letters by state",
            "sum by (source, kind, state) (living_answers_dead_letters)",
            "{{source}} {{kind}}: {{state}}",
            "short",
            FULL,
        ),
    ]


def _airflow() -> list[Any]:
    finished = "sum by (state) (increase(airflow_ti_finish_total[$__rate_interval])) > 0"
    loop = "airflow_scheduler_scheduler_loop_duration_seconds"
    return [
        _bars("Tasks finished", finished, "{{state}}", THIRD),
        _lines("Executor, running tasks", "sum(airflow_executor_running_tasks)", "running", "short", THIRD),
        _lines("Pool, open slots", "sum by (pool_name) (airflow_pool_open_slots)", "{{pool_name}}", "short", THIRD),
        _lines(
            "Scheduler's loop",
            f"rate({loop}_sum[$__rate_interval]) / rate({loop}_count[$__rate_interval])",
            "mean",
            "s",
            THIRD,
        ),
        _lines(
            "DAG files that cannot be imported", "max(airflow_dag_processing_import_errors)", "files", "short", THIRD
        ),
        _lines("Series held for Airflow", "living_answers_otlp_series", "series", "short", THIRD),
    ]


def _query(expression: str, legend: str = "") -> Dataquery:
    return Dataquery().datasource(PROMETHEUS).expr(expression).legend_format(legend)


def _stat(title: str, expression: str, description: str, good_from: float = 0, bad_from: float | None = None) -> Stat:
    first, second = ("green", "red") if bad_from is not None else ("red", "green")
    steps = [Threshold(value=None, color=first), Threshold(value=bad_from or good_from, color=second)]
    return (
        Stat()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .with_target(_query(expression).instant())
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .color_mode(BigValueColorMode.BACKGROUND)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .decimals(0)
        .span(SIXTH)
        .height(4)
    )


def _lines(title: str, expression: str, legend: str, unit: str, width: int) -> TimeSeries:
    return (
        TimeSeries()
        .title(title)
        .datasource(PROMETHEUS)
        .with_target(_query(expression, legend))
        .unit(unit)
        .min(0)
        .fill_opacity(10)
        .legend(VizLegendOptions().show_legend(True))
        .span(width)
        .height(8)
    )


def _bars(title: str, expression: str, legend: str, width: int) -> TimeSeries:
    panel = _lines(title, expression, legend, "short", width)
    return panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80).stacking(StackingConfig().mode(StackingMode.NORMAL))


def _ages(title: str, expression: str, legend: str, width: int) -> BarGauge:
    return (
        BarGauge()
        .title(title)
        .datasource(PROMETHEUS)
        .with_target(_query(expression, legend).instant())
        .unit("s")
        .min(0)
        .span(width)
        .height(8)
    )


def _table(title: str, expression: str, width: int, pivot: tuple[str, str] | None = None) -> Table:
    query = _query(expression).instant().format(PromQueryFormat.TABLE)
    panel = Table().title(title).datasource(PROMETHEUS).with_target(query).span(width).height(8)
    if pivot:
        row, column = pivot
        options = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "zero"}
        return panel.with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=options))
    hidden = dict.fromkeys(("Time", "__name__", "instance", "job"), True)
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options={"excludeByName": hidden}))


if __name__ == "__main__":
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(render())
