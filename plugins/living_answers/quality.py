"""The gate in front of the warehouse: Great Expectations checkpoints with the suites of ``expectations/``."""

from __future__ import annotations

import io
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from living_answers import data_docs, flights
from living_answers.json_safe import json_safe
from living_answers.proof import ProofFailed, prove

if TYPE_CHECKING:
    import pandas as pd

    from living_answers.lake import Lake

SUITES = Path(__file__).parents[2] / "expectations"
#: How a failing row is named in the results.
KEYS = {
    "flights": ["flight_id"],
    "weather": ["origin", "time_hour"],
    "carriers": ["carrier"],
    "airports": ["faa"],
    "planes": ["tailnum"],
}
FAILING_KEYS_SHOWN = 20


class ExpectationsFailed(AssertionError):
    """Expectations of severity critical do not hold. The message names them, failing keys and the Data Docs."""


@dataclass(frozen=True)
class Validation:
    """The outcome of one checkpoint. ``success`` is false only when an expectation of severity critical fails."""

    dataset: str
    partition: str
    success: bool
    results: list[dict[str, Any]]
    docs_url: str


def validate(
    dataset: str, frame_or_path: pd.DataFrame | Path | str, *, partition: str, docs_dir: Path | str | None = None
) -> Validation:
    """Check a frame, or a Parquet file, against its suite and publish the Data Docs.

    Each result is a plain dict: expectation, column, severity, success, expected (the suite's arguments), observed,
    rows, unexpected (rows), allowed (rows), failing_keys (the first twenty) and notes.

    Raises:
        FileNotFoundError: there is no suite of that name.
        ValueError: the partition is not a plain name.
    """
    import pandas as pd

    frame = frame_or_path if isinstance(frame_or_path, pd.DataFrame) else pd.read_parquet(frame_or_path)
    suite = read_suite(dataset)
    docs = Path(docs_dir) if docs_dir else data_docs.default_folder()
    with data_docs.site(docs, dataset, partition) as (built, place):
        outcome = _run_checkpoint(suite, frame, KEYS.get(dataset, []), built)
    results = [_plain_result(result) for result in outcome.results]
    success = all(result["success"] or result["severity"] != "critical" for result in results)
    return Validation(dataset, partition, success, results, data_docs.url_of(place / "index.html", docs))


def read_suite(dataset: str) -> dict[str, Any]:
    """Return the suite as ``expectations/<dataset>.yml`` has it."""
    import yaml

    suite: dict[str, Any] = yaml.safe_load((SUITES / f"{dataset}.yml").read_text())
    return suite


def _run_checkpoint(suite: Mapping[str, Any], frame: pd.DataFrame, keys: Sequence[str], site: Path) -> Any:
    """Run the suite as a checkpoint in a context that lives in memory, and build the site in ``site``."""
    gx = import_quietly()
    context = gx.get_context(mode="ephemeral", project_config=_in_memory(site))
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("lake")
    batch = source.add_dataframe_asset(suite["name"]).add_batch_definition_whole_dataframe("partition")
    rules = context.suites.add(gx.ExpectationSuite(**suite))
    definition = gx.ValidationDefinition(name=suite["name"], data=batch, suite=rules)
    checkpoint = gx.Checkpoint(
        name=suite["name"],
        validation_definitions=[context.validation_definitions.add(definition)],
        actions=[gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=["site"])],
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": [key for key in keys if key in frame.columns],
        },
    )
    outcome = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
    return next(iter(outcome.run_results.values()))


def import_quietly() -> Any:
    """Import Great Expectations (seconds, so never at the top of a module) without analytics and chatter."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logger = logging.getLogger("great_expectations")
    logger.setLevel(logging.WARNING)  # 200 lines upon import
    import great_expectations as gx

    logger.setLevel(logging.WARNING)  # the import sets its own
    return gx


def _in_memory(folder: Path) -> Any:
    """Describe a context with one site; left to itself Great Expectations adds one in the temporary folder."""
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    site = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "show_how_to_buttons": False,
    }
    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    return DataContextConfig(store_backend_defaults=stores, data_docs_sites={"site": site}, analytics_enabled=False)


def _error(info: Mapping[str, Any] | None) -> str | None:
    """Return why an expectation could not be checked: the exception stands here, or one level down by metric."""
    for each in [info or {}, *(info or {}).values()]:
        if isinstance(each, dict) and each.get("exception_message"):
            return str(each["exception_message"])
    return None


def _plain_result(result: Any) -> dict[str, Any]:
    config, found = result.expectation_config, result.result
    arguments = {name: value for name, value in config.kwargs.items() if name != "batch_id"}
    rows = int(found.get("element_count", 0))
    judged = rows - int(found.get("missing_count") or 0)
    plain = {
        "expectation": config.type,
        "column": arguments.get("column") or arguments.get("column_list"),
        "severity": str(getattr(config.severity, "value", config.severity)),
        "success": bool(result.success),
        "expected": arguments,
        "observed": found.get("observed_value"),
        "rows": rows,
        "unexpected": int(found["unexpected_count"]) if "unexpected_count" in found else None,
        "allowed": math.floor(judged * (1 - arguments.get("mostly", 1)) + 1e-9),
        "failing_keys": (found.get("unexpected_index_list") or [])[:FAILING_KEYS_SHOWN],
        "notes": (config.meta or {}).get("notes"),
        "error": _error(result.exception_info),
    }
    safe = json_safe(plain)
    assert isinstance(safe, dict)  # noqa: S101 - json_safe keeps the shape
    return safe


def record_evidence(validations: Sequence[Validation]) -> None:
    """Record every expectation as a proof; then raise if one of severity critical fails.

    Raises:
        ExpectationsFailed: the gate is closed.
    """
    failures = []
    for validation in validations:
        for result in validation.results:
            try:
                _prove(validation, result)
            except ProofFailed:
                if result["severity"] == "critical":
                    failures.append(f"{_name(validation, result)}: {_explain(result)} (see {validation.docs_url})")
    if failures:
        raise ExpectationsFailed("\n".join([f"{len(failures)} expectation(s) failed:", *failures]))


def _prove(validation: Validation, result: Mapping[str, Any]) -> None:
    name, day = _name(validation, result), validation.partition
    unexpected = result["unexpected"]
    counted = unexpected is not None and (unexpected <= result["allowed"]) == result["success"]
    if counted:
        prove(
            name, observed=unexpected, expected=result["allowed"], how="at_most", unit="unexpected rows", partition=day
        )
        return
    value, bounds = result["observed"], [result["expected"].get("min_value"), result["expected"].get("max_value")]
    bounded = None not in bounds and isinstance(value, int | float)
    if bounded and (bounds[0] <= value <= bounds[1]) == result["success"]:
        prove(name, observed=value, expected=bounds, how="between", partition=day)
        return
    # No figure tells the two apart: what is proved is Great Expectations' own judgement; its page shows what it saw.
    prove(name, observed=result["success"], expected=True, unit="held", partition=day)


def _name(validation: Validation, result: Mapping[str, Any]) -> str:
    column = result["column"]
    where = f" of {column}" if isinstance(column, str) else ""
    return f"{validation.dataset}: {result['expectation'].removeprefix('expect_').replace('_', ' ')}{where}"


def _explain(result: Mapping[str, Any]) -> str:
    if result["error"]:
        return str(result["error"])
    if result["unexpected"]:
        return f"{result['unexpected']} unexpected rows, for instance {result['failing_keys'][:3]}"
    return f"observed {result['observed']}, expected {result['expected']}"


def read_day(lake: Lake, day: str, snapshots: Sequence[str] = flights.REFERENCE_DATASETS) -> dict[str, pd.DataFrame]:
    """Read what a day's load will take: refined flights, weather, and those named of the reference data's snapshots."""
    import pandas as pd

    frames = {"flights": pd.read_parquet(io.BytesIO(lake.get(flights.refined_key(day))))}
    weather = io.BytesIO(lake.get(flights.weather_key(day)))
    frames["weather"] = pd.read_csv(weather, keep_default_na=False, na_values=["", "NA"])
    for name in snapshots:
        lines = lake.get(flights.snapshot_key(name)).splitlines()
        frames[name] = pd.DataFrame([json.loads(line) for line in lines if line.strip()])
    return frames
