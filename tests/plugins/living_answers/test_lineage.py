"""Events become graphs; the receiver takes what the real client sends."""

from __future__ import annotations

from typing import Any

import httpx

from living_answers import lineage


def event(target: str, sources: list[str], kind: str = "COMPLETE", rows: int = 1) -> dict[str, Any]:
    fields = {"total": {"inputFields": [{"name": name, "field": "amount"} for name in sources]}}
    return {
        "eventType": kind,
        "inputs": [{"name": name} for name in sources],
        "outputs": [
            {
                "name": target,
                "facets": {"columnLineage": {"fields": fields}},
                "outputFacets": {"outputStatistics": {"rowCount": rows}},
            }
        ],
    }


EVENTS = [
    event("clean", ["raw"], "START"),
    event("clean", ["raw"], rows=5),
    event("mart", ["names", "clean"], rows=2),
    event("mart", ["names", "clean"], rows=2),
]


def test_the_edges_of_completed_steps_come_once_and_sorted() -> None:
    assert lineage.table_edges(EVENTS) == [["clean", "mart"], ["names", "mart"], ["raw", "clean"]]
    assert lineage.column_edges(EVENTS) == [
        ["clean.amount", "mart.total"],
        ["names.amount", "mart.total"],
        ["raw.amount", "clean.total"],
    ]


def test_a_step_that_only_started_counts_for_nothing() -> None:
    assert lineage.table_edges(EVENTS[:1]) == []
    assert lineage.rows_written(EVENTS[:1]) == {}


def test_rows_add_up_over_runs() -> None:
    assert lineage.rows_written(EVENTS) == {"clean": 5, "mart": 4}


def test_downstream_follows_the_edges_and_ends_in_a_cycle() -> None:
    edges = [["a", "b"], ["b", "c"], ["c", "b"], ["x", "y"]]
    assert lineage.downstream(edges, "a") == ["b", "c"]
    assert lineage.downstream(edges, "nobody") == []


def test_mermaid_draws_every_edge() -> None:
    assert lineage.mermaid([["a", "b"]]) == "graph LR\n    a --> b"


def test_an_event_without_facets_has_no_columns() -> None:
    bare = {"eventType": "COMPLETE", "outputs": [{"name": "t"}]}
    assert lineage.column_edges([bare]) == []
    assert lineage.rows_written([bare]) == {"t": 0}


def test_the_receiver_takes_events_at_its_end_point_only() -> None:
    with lineage.receiver() as (url, events):
        assert httpx.post(url + lineage.ENDPOINT, json={"eventType": "START"}).status_code == 201
        assert httpx.post(url + "/elsewhere", json={}).status_code == 404
    assert events == [{"eventType": "START"}]


def test_what_the_real_client_sends_comes_back_as_edges() -> None:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.http import HttpConfig, HttpTransport
    from openlineage.client.uuid import generate_new_uuid

    sent = lineage.run_event(
        "COMPLETE",
        run=str(generate_new_uuid()),
        namespace="postgres://here",
        target="mart",
        sources=["raw"],
        columns={"total": [("raw", "amount")], "rows": []},
        rows=3,
    )
    with lineage.receiver() as (url, events):
        OpenLineageClient(transport=HttpTransport(HttpConfig(url=url))).emit(sent)
    assert lineage.table_edges(events) == [["raw", "mart"]]
    assert lineage.column_edges(events) == [["raw.amount", "mart.total"]]
    assert lineage.rows_written(events) == {"mart": 3}
