"""# How do you find one failed run in the logs of everything?

**Say it.** Ship all logs to one search engine, parsed into fields: time, level, run id, message. A filter on the run id, a keyword,
gives exactly the lines of that run; a full-text search finds an error by its words. Lines that do not parse are kept and tagged, or the
one you need is missing.

**How it works.** Two processes, one per run, write to one log at the same time; one of them fails with a traceback. The shipper does
what Logstash would: join the lines of a traceback to the event they belong to (multiline), match the first line against a
pattern with named groups (grok), and tag what does not match. Each event goes to the index by bulk request under an id made of
file and line number, so that shipping the file twice makes no doubles. The mapping decides what can be found: `keyword` keeps a value
whole, for filters; `text` cuts it into words, for search. Order comes from the line number: events of one second have one time.

**This run proves**
- *a search by run id returns exactly its lines in order*: against what the job itself kept of its own messages;
- *an error is found by its words*: the run ids of all events that hold them;
- *a line that does not parse is tagged and kept*;
- *shipping twice leaves each event once*: documents in the index, against the events of both runs.

**Break it.** `analysed_id`: the run id is mapped as text, so a search for one run finds every run that shares a word with it. `no_multiline`:
each line of the traceback becomes an event without a run. `drop_failures`: what does not parse is dropped.

**Where this stops.** **osmem** stands in for Elasticsearch: it imitates OpenSearch, forked from Elasticsearch in 2021, in
memory, on one node; the requests made here are the same in both. Nothing is shown of shards, retention, or of Kibana, which
draws what these searches return. Logs tell what happened in one run; how often and how slow is for metrics. Neither ensures
anything: they find problems, people or automation end them.

**Sources.** Elasticsearch: [keyword](https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/keyword),
[bulk](https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk),
[term query](https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-term-query). Logstash:
[grok](https://www.elastic.co/docs/reference/logstash/plugins/plugins-filters-grok),
[multiline](https://www.elastic.co/docs/reference/logstash/plugins/plugins-codecs-multiline).
[osmem](https://github.com/shibukawa/osmem).
"""

from __future__ import annotations

import json
import re
from typing import Any

from airflow.sdk import task

from living_answers import engines
from living_answers.answers import answer, prove, scratch

FAILED, HEALTHY = "manual__2013-01-01T05:15:00", "manual__2013-01-01T05:16:00"
GROK = re.compile(
    r"(?P<time>\S+ \S+) (?P<level>[A-Z]+) run=(?P<run_id>\S+) task=(?P<task>\w+) (?P<message>.*)", re.DOTALL
)
KERNEL = "2013-01-01 05:15:09 kernel: out of memory, killed process 4711"
#: A job: it logs to the shared file and keeps a copy of its own. The failed run divides by the rows that it did not get.
JOB = """
import logging, sys
shared, own, run_id, rows = *sys.argv[1:4], int(sys.argv[4])
form = f"%(asctime)s %(levelname)s run={run_id} task=load %(message)s"
logging.basicConfig(format=form, datefmt="%Y-%m-%d %H:%M:%S", level="INFO", handlers=[logging.FileHandler(f) for f in (shared, own)])
for page in range(20):
    logging.info("page %s: %s rows", page, rows)
try:
    logging.info("minutes for each row: %s", 60 / rows)
except ZeroDivisionError:
    logging.exception("the load failed")
    sys.exit(1)
"""


def events(text: str, *, multiline: bool = True) -> list[str]:
    """The events of a log: a line that begins with a date, and the lines behind it that do not."""
    return re.split(r"\n(?=\d{4}-)" if multiline else r"\n", text.rstrip("\n"))


def call(method: str, path: str, body: str | dict[str, Any] | None = None) -> dict[str, Any]:
    import httpx

    content = body if isinstance(body, str) else json.dumps(body) if body else None
    kind = "application/x-ndjson" if isinstance(body, str) else "application/json"
    url = f"{engines.settings('search')['url']}/{path}"
    answered = httpx.request(method, url, content=content, headers={"Content-Type": kind}, timeout=30)
    return answered.raise_for_status().json()


def search(query: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"query": query, "sort": [{"line": "asc"}], "size": 1000}
    return [hit["_source"] for hit in call("POST", f"{scratch.name()}/_search", body)["hits"]["hits"]]


@answer(
    questions=["obs-log-search-elk"],
    breaks={
        "analysed_id": {
            "what": "the run id is mapped as text, which is cut into words",
            "fails": ["a search by run id returns exactly its lines in order"],
        },
        "no_multiline": {
            "what": "each line of a traceback is shipped as an event of its own",
            "fails": [
                "a search by run id returns exactly its lines in order",
                "an error is found by its words",
                "a line that does not parse is tagged and kept",
                "shipping twice leaves each event once",
            ],
        },
        "drop_failures": {
            "what": "the shipper drops what it cannot parse",
            "fails": ["a line that does not parse is tagged and kept", "shipping twice leaves each event once"],
        },
    },
    engines=["search"],
    stand_ins={
        "elasticsearch": "osmem: the same requests, in memory",
        "kibana": "the searches themselves, without a picture",
        "logstash": "a multiline and grok filter of a few lines",
    },
)
def log_search():
    @task
    def run_two_jobs() -> dict[str, Any]:
        """Run both at once into one log; return the log, and what each job kept for itself."""
        import subprocess
        import sys
        from pathlib import Path
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            shared, copies = Path(folder, "all.log"), {run: Path(folder, run) for run in (FAILED, HEALTHY)}
            arguments = [[str(shared), str(copies[run]), run, rows] for run, rows in ((FAILED, "0"), (HEALTHY, "500"))]
            jobs = [subprocess.Popen([sys.executable, "-c", JOB, *words]) for words in arguments]
            print("exit codes:", [job.wait(60) for job in jobs])
            log = shared.read_text() + KERNEL + "\n"
            return {"log": log, "own": {run: events(copy.read_text()) for run, copy in copies.items()}}

    @task
    def ship(ran: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        """What Logstash does: input, multiline, grok, output. Twice, as after a restart of the shipper."""
        way, index = params["break_it"], scratch.name()
        run_id = {"type": "text" if way == "analysed_id" else "keyword"}
        kinds = {
            "run_id": run_id,
            "line": {"type": "integer"},
            "message": {"type": "text"},
            "tags": {"type": "keyword"},
        }
        call("PUT", index, {"mappings": {"properties": kinds}})
        documents = []
        for number, event in enumerate(events(ran["log"], multiline=way != "no_multiline")):
            matched = GROK.fullmatch(event)
            fields = matched.groupdict() if matched else {"message": event, "tags": ["_grokparsefailure"]}
            if matched or way != "drop_failures":
                documents += [{"index": {"_id": f"all.log-{number}"}}, {**fields, "line": number, "raw": event}]
        for _time in range(2):
            bulk = "".join(json.dumps(document) + "\n" for document in documents)
            call("POST", f"{index}/_bulk?refresh=true", bulk)

    @task
    def search_by_run(ran: dict[str, Any]) -> None:
        found = [event["raw"] for event in search({"match": {"run_id": FAILED}})]
        prove("a search by run id returns exactly its lines in order", observed=found, expected=ran["own"][FAILED])

    @task
    def search_by_words() -> None:
        found = [event.get("run_id") for event in search({"match": {"message": "ZeroDivisionError"}})]
        prove("an error is found by its words", observed=found, expected=[FAILED])

    @task
    def search_by_tag() -> None:
        found = [event["raw"] for event in search({"term": {"tags": "_grokparsefailure"}})]
        prove("a line that does not parse is tagged and kept", observed=found, expected=[KERNEL])

    @task
    def count_events(ran: dict[str, Any]) -> None:
        due = sum(len(kept) for kept in ran["own"].values()) + 1
        prove("shipping twice leaves each event once", observed=len(search({"match_all": {}})), expected=due)

    @task
    def delete_index() -> None:
        call("DELETE", f"{scratch.name()}?ignore_unavailable=true")

    shipped = ship(ran := run_two_jobs())
    searches = [search_by_run(ran), search_by_words(), search_by_tag(), count_events(ran)]
    shipped >> searches >> delete_index().as_teardown()
