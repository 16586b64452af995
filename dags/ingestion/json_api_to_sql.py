"""# How does nested JSON from an API become rows in a SQL database?

**Say it.** One table for each level: parents, and children with the parent's key and their place in the array. Validate each
document against a model; one that breaks it goes to quarantine with the reason. Write an interval's documents in one
transaction, by key, children replaced with their parent. A repeated page or a rerun then changes nothing.

**How it works.** `pull` follows `next` until it ends. Each document is an aircraft with an array of the flights it made that day (real ones),
each with an object inside. pydantic checks types and ranges of the whole tree and names the place of a fault, as in
`legs.1.delay.dep`. The inner object becomes columns, the array becomes child rows whose key is parent plus position. Upserting the
parent and replacing its children makes "the document as it is now" the unit: an array that has become shorter leaves no orphan. The
raw document is kept in quarantine, so that it can be replayed when the model, or the source, is mended.

**This run proves**
- *a page that comes twice adds no rows*: parents equal the documents and children the array elements, counted in the JSON, though
  the server has sent page 2 again, as a retry or a shifted offset does;
- *every value arrives, nulls included*: sums of distances and delays, in SQL against the JSON;
- *a broken document is quarantined with the place of its fault*: three kinds, one at the second level of nesting;
- *a rerun of the same interval leaves the same rows*: a checksum over all three tables;
- *a shorter array leaves no orphan*: a document comes again with its last leg withdrawn.

**Break it.** `append`: rows are inserted without a key, as `to_sql(if_exists="append")` does. `drop_invalid`: a document that breaks the model is
skipped, and nobody will know. `upsert_only`: children are upserted but never removed, and the withdrawn leg stays.

**Where this stops.** Where the shape is not known yet, land the document as `jsonb` first and flatten in SQL (`jsonb_to_recordset`): then a new
field loses nothing. Flattening all into one wide table repeats the parent for each child, and its sums with it. A model that is too strict
fills the quarantine: alert on its share. A page cursor, not an offset, is what keeps pages from shifting (see `source_kinds`).

**Sources.** [RFC 8259, JSON](https://www.rfc-editor.org/rfc/rfc8259); pydantic: [models](https://pydantic.dev/docs/validation/latest/concepts/models/),
[errors](https://pydantic.dev/docs/validation/latest/errors/errors/); PostgreSQL: [JSON
functions](https://www.postgresql.org/docs/18/functions-json.html), [INSERT ... ON
CONFLICT](https://www.postgresql.org/docs/18/sql-insert.html#SQL-ON-CONFLICT); [RFC 8288, next
links](https://www.rfc-editor.org/rfc/rfc8288).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch
from living_answers.local_server import Reply, Request, serve

DAY, DOCUMENTS, PAGE = "2013-02-01", 300, 60
SERVED = [1, 2, 2, 3, 4, 5]  # the pages in the order in which the server sends them
COUNTS = "SELECT (SELECT COUNT(*) FROM aircraft), (SELECT COUNT(*) FROM legs)"
FIGURES = "SELECT SUM(distance), SUM(dep_delay), COUNT(*) FILTER (WHERE arr_delay IS NULL) FROM legs"
BROKEN = {3: "legs.0.distance", 7: "legs", PAGE + 1: "legs.0.delay.dep"}


def statement(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"json_api_to_sql_{name}.sql").read_text()


def nest(flights: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The flights of a day as an API of aircraft would tell them."""
    documents: dict[str, dict[str, Any]] = {}
    for flight in flights:
        blank = {"tailnum": flight["tailnum"], "carrier": flight["carrier"], "legs": []}
        delay = {"dep": flight["dep_delay"], "arr": flight["arr_delay"]}
        leg = {"dest": flight["dest"], "distance": flight["distance"], "delay": delay}
        documents.setdefault(flight["tailnum"] or "unknown", blank)["legs"].append(leg)
    return list(documents.values())


def spoil(documents: list[dict[str, Any]]) -> None:
    documents[3]["legs"][0]["distance"] = "far"
    documents[7]["legs"] = []
    documents[PAGE + 1]["legs"][0]["delay"]["dep"] = 2.5


def pull(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Ask a server of aircraft for page after page, until it names no next one."""
    import httpx

    def reply(request: Request) -> Reply:
        step = int(request.query["step"])
        start = (SERVED[step] - 1) * PAGE
        following = f"/aircraft?step={step + 1}" if step + 1 < len(SERVED) else None
        return Reply.as_json({"data": documents[start : start + PAGE], "next": following})

    with serve(reply) as server, httpx.Client(base_url=server.url) as client:
        address = "/aircraft?step=0"
        while address:
            page = client.get(address).json()
            yield from page["data"]
            address = page["next"]


def model() -> Any:
    """What a document must be; pydantic names the place where one is not."""
    from pydantic import BaseModel, Field

    class Delay(BaseModel):
        dep: int | None
        arr: int | None

    class Leg(BaseModel):
        dest: str
        distance: int = Field(gt=0)
        delay: Delay

    class Aircraft(BaseModel):
        tailnum: str
        carrier: str
        legs: list[Leg] = Field(min_length=1)

    return Aircraft


def load(connection: Any, documents: Iterable[dict[str, Any]], break_it: str | None) -> None:
    """Write an interval's documents, good and bad, in one transaction."""
    from pydantic import ValidationError

    aircraft = model()
    with connection.transaction():
        connection.execute("DELETE FROM quarantine WHERE day = %s", [DAY])
        for document in documents:
            try:
                store(connection, aircraft.model_validate(document, strict=True), break_it)
            except ValidationError as error:
                fault = ".".join(str(part) for part in error.errors()[0]["loc"])
                if break_it != "drop_invalid":
                    values = [DAY, fault, json.dumps(document)]
                    connection.execute("INSERT INTO quarantine VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", values)


def store(connection: Any, document: Any, break_it: str | None) -> None:
    """Put the parent in its place, and its children in place of those it had."""
    key = [DAY, document.tailnum]
    parent, child = "INSERT INTO aircraft VALUES (%s, %s, %s)", "INSERT INTO legs VALUES (%s, %s, %s, %s, %s, %s, %s)"
    if break_it != "append":
        parent += " ON CONFLICT (day, tailnum) DO UPDATE SET carrier = excluded.carrier"
    if break_it == "upsert_only":
        child += " ON CONFLICT (day, tailnum, place) DO UPDATE SET distance = excluded.distance"
    elif break_it != "append":
        connection.execute("DELETE FROM legs WHERE day = %s AND tailnum = %s", key)
    connection.execute(parent, [*key, document.carrier])
    rows = [[*key, n, leg.dest, leg.distance, leg.delay.dep, leg.delay.arr] for n, leg in enumerate(document.legs)]
    connection.cursor().executemany(child, rows)


@answer(
    questions=["api-json-to-sql-pipeline"],
    breaks={
        "append": {"what": "rows are inserted without a key", "fails": ["a page that comes twice adds no rows"]},
        "drop_invalid": {
            "what": "a document that breaks the model is skipped",
            "fails": ["a broken document is quarantined with the place of its fault"],
        },
        "upsert_only": {
            "what": "children are upserted by their place, and never removed",
            "fails": ["a shorter array leaves no orphan"],
        },
    },
    scratch=["schema"],
)
def json_api_to_sql():
    @task
    def nest_flights() -> list[dict[str, Any]]:
        from airflow.sdk import Connection

        from living_answers.sources.flights import FlightsSource

        api = Connection.get("flights_api")
        with FlightsSource(f"http://{api.host}:{api.port}", api.password, limit=1000) as source:
            documents = nest(row for page in source.pages(DAY) for row in page.rows)[:DOCUMENTS]
        spoil(documents)
        return documents

    @task
    def pull_and_load(documents: list[dict[str, Any]], params: dict[str, Any] | None = None) -> None:
        good = [document for n, document in enumerate(documents) if n not in BROKEN]
        legs = [leg for document in good for leg in document["legs"]]
        with scratch.connect() as connection:
            connection.execute(statement("tables"))
            if params["break_it"] != "append":
                connection.execute("ALTER TABLE aircraft ADD PRIMARY KEY (day, tailnum)")
                connection.execute("ALTER TABLE legs ADD PRIMARY KEY (day, tailnum, place)")
            load(connection, pull(documents), params["break_it"])
            counts = list(connection.execute(COUNTS).fetchone())
            figures = list(connection.execute(FIGURES).fetchone())
            faults = connection.execute("SELECT fault FROM quarantine").fetchall()
        prove("a page that comes twice adds no rows", observed=counts, expected=[len(good), len(legs)])
        delays = [leg["delay"] for leg in legs]
        sums = [sum(leg["distance"] for leg in legs), sum(delay["dep"] or 0 for delay in delays)]
        late = sum(delay["arr"] is None for delay in delays)
        prove("every value arrives, nulls included", observed=figures, expected=[*sums, late])
        places = [[place] for place in BROKEN.values()]
        prove(
            "a broken document is quarantined with the place of its fault", observed=faults, expected=places, how="rows"
        )

    @task
    def load_again(documents: list[dict[str, Any]], params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            before = connection.execute(statement("checksum")).fetchone()
            load(connection, pull(documents), params["break_it"])
            after = connection.execute(statement("checksum")).fetchone()
        prove("a rerun of the same interval leaves the same rows", observed=after, expected=before)

    @task
    def withdraw_a_leg(documents: list[dict[str, Any]], params: dict[str, Any] | None = None) -> None:
        chosen = next(document for document in documents if len(document["legs"]) > 1)
        chosen["legs"].pop()
        with scratch.connect() as connection:
            load(connection, [chosen], params["break_it"])
            left = connection.execute("SELECT * FROM legs WHERE tailnum = %s", [chosen["tailnum"]]).rowcount
        prove("a shorter array leaves no orphan", observed=left, expected=len(chosen["legs"]), unit="legs")

    documents = nest_flights()
    pull_and_load(documents) >> load_again(documents) >> withdraw_a_leg(documents)
