"""OpenLineage events: a receiver that collects them over HTTP, and the graphs that they form.

The receiver keeps what it is sent and knows nothing else; Marquez, DataHub and others offer the same end point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from living_answers.local_server import Reply, Request, serve

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

Event = Mapping[str, Any]
ENDPOINT = "/api/v1/lineage"


@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve OpenLineage's end point on a free port of this machine; yield its address and the events as they arrive."""
    events: list[dict[str, Any]] = []

    def receive(request: Request) -> Reply:
        if request.path != ENDPOINT:
            return Reply(404)
        events.append(request.json)
        return Reply(201)

    with serve(receive) as server:
        yield server.url, events


def run_event(
    state: str,
    *,
    run: str,
    namespace: str,
    target: str,
    sources: Iterable[str],
    columns: Mapping[str, Iterable[tuple[str, str]]],
    rows: int | None = None,
) -> RunEvent:
    """Return the event of a job, named like the data set that it makes, at ``state``: START or COMPLETE.

    ``columns`` names, for each column made, the ``(data set, column)`` pairs that it is computed from.
    """
    from airflow.sdk import timezone
    from openlineage.client import event_v2
    from openlineage.client.facet_v2 import column_lineage_dataset as facet
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    fields = {
        column: facet.Fields([facet.InputField(namespace, source, field) for source, field in pairs])
        for column, pairs in columns.items()
    }
    output = event_v2.OutputDataset(
        namespace,
        target,
        facets={"columnLineage": facet.ColumnLineageDatasetFacet(fields)},
        outputFacets={"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows)},
    )
    return event_v2.RunEvent(
        eventTime=timezone.utcnow().isoformat(),
        eventType=event_v2.RunState[state],
        run=event_v2.Run(run),
        job=event_v2.Job("living-answers", target),
        inputs=[event_v2.InputDataset(namespace, source) for source in sources],
        outputs=[output],
    )


def table_edges(events: Iterable[Event]) -> list[list[str]]:
    """Return which data set was made from which: ``[input, output]``, sorted, each once."""
    edges = {
        (source["name"], target["name"])
        for event in _completed(events)
        for source in event.get("inputs", [])
        for target in event.get("outputs", [])
    }
    return sorted(map(list, edges))


def column_edges(events: Iterable[Event]) -> list[list[str]]:
    """Return which column was computed from which: ``[table.column, table.column]``, sorted, each once."""
    edges = {
        (f"{field['name']}.{field['field']}", f"{target['name']}.{column}")
        for event in _completed(events)
        for target in event.get("outputs", [])
        for column, made in _column_lineage(target).items()
        for field in made["inputFields"]
    }
    return sorted(map(list, edges))


def rows_written(events: Iterable[Event]) -> dict[str, int]:
    """Return how many rows the events say were written, by data set."""
    written: dict[str, int] = {}
    for event in _completed(events):
        for target in event.get("outputs", []):
            rows = target.get("outputFacets", {}).get("outputStatistics", {}).get("rowCount") or 0
            written[target["name"]] = written.get(target["name"], 0) + rows
    return written


def downstream(edges: Iterable[Iterable[str]], start: str) -> list[str]:
    """Return everything that depends on ``start``, directly or not, sorted."""
    targets: dict[str, set[str]] = {}
    for source, target in edges:
        targets.setdefault(source, set()).add(target)
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = targets.get(waiting.pop(), set()) - reached
        reached |= new
        waiting.extend(new)
    return sorted(reached)


def mermaid(edges: Iterable[Iterable[str]]) -> str:
    """Draw a graph as Mermaid text, which GitHub and many editors show as a picture."""
    return "\n".join(["graph LR", *(f"    {source} --> {target}" for source, target in edges)])


def _completed(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.get("eventType") == "COMPLETE"]


def _column_lineage(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = dataset.get("facets", {}).get("columnLineage", {}).get("fields", {})
    return fields
