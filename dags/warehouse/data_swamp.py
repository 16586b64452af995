"""# How does a data lake become a swamp, and what stops it?

**Say it.** Nobody decides to make a swamp: files are dropped without owner, schema, meaning or date, and soon nobody dares to use or delete
them. Let data in by a gate only: register it in a catalogue, refuse what lacks an owner, check expectations, and report what is stale. Measure
discoverability, so that rot shows.

**How it works.** The same three datasets enter a lake twice. Dumped, they are Parquet files under invented names; whoever opens one, as a crawler does, learns its
columns, but not who owns it, what it means or how fresh it ought to be. Through the gate, `register` refuses an entry without owner, description or
an update interval, checks the rows against the dataset's expectations, and only then writes an Iceberg table whose properties hold the answers. The
score is the share of these questions that are answered over all datasets in the store: by the catalogue, or else by the file itself.

**This run proves**
- *a dump cannot be discovered*: its files tell their columns, and no more; *registered data can be discovered*: the score of the same data;
- *a search by column finds the datasets*: against the columns of the rows themselves;
- *the gate refuses a dataset without owner*;
- *the gate refuses rows that break expectations*: a doubled key and a missing one;
- *the refused left nothing in the catalogue*;
- *a stale dataset is reported*: last load and promised interval, at the run's own date.

**Break it.** `dumped`: the datasets are uploaded beside the gate. `no_expectations`: the gate asks for an owner and looks at no row.

**Where this stops.** An owner in a catalogue can have left the company: review entries, and delete what nobody claims. Descriptions can be wrong.
A gate only holds where nobody else may write: take away the right to put objects into the zones. The catalogue is PyIceberg's SQL
catalogue, and an entry stands in the table's properties, which Iceberg means for settings: keep owners and meanings in a catalogue that has
fields, search and lineage for them, such as Unity, DataHub or OpenMetadata.

**Sources.** [PyIceberg](https://py.iceberg.apache.org/), [what Iceberg's table properties are for](https://iceberg.apache.org/spec/#table-metadata-fields).
[The FAIR principles](https://doi.org/10.1038/sdata.2016.18). AWS:
[Glue Data Catalog](https://docs.aws.amazon.com/glue/latest/dg/catalog-and-crawler.html).
[OpenMetadata](https://docs.open-metadata.org/).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import task

from living_answers import lake_tables
from living_answers.answers import answer, prove, prove_raises, scratch

TODAY = date(2013, 1, 31)  # the run's date: freshness is measured by it, never by the clock
ASKED = ("owner", "description", "loaded_on", "update_days")  # what a reader asks, beside the columns
DATASETS: dict[str, dict[str, Any]] = {
    "customers": {
        "rows": [{"customer_id": n, "segment": "ABC"[n % 3]} for n in range(50)],
        "entry": {"owner": "sales", "description": "a customer a row", "loaded_on": "2013-01-31", "update_days": "1"},
    },
    "orders": {
        "rows": [{"order_id": n, "customer_id": n % 50, "amount": n % 90} for n in range(200)],
        "entry": {"owner": "shop", "description": "an order a row", "loaded_on": "2013-01-20", "update_days": "1"},
    },
    "clicks": {
        "rows": [{"click_id": n, "page": f"/{n % 7}"} for n in range(100)],
        "entry": {"owner": "web", "description": "a click a row", "loaded_on": "2013-01-28", "update_days": "7"},
    },
}


class Refused(Exception):
    """The gate does not let a dataset in; the message says what it lacks."""


def register(name: str, rows: list[dict[str, Any]], entry: dict[str, str], *, check_rows: bool = True) -> None:
    """The gate: entry first, then expectations, then the table."""
    import pyarrow as pa

    if lacking := [asked for asked in ASKED if not entry.get(asked)]:
        raise Refused(f"{name} lacks {', '.join(lacking)}")
    keys = [next(iter(row.values())) for row in rows]  # by convention the first column is the key
    if check_rows and (None in keys or len(set(keys)) < len(keys)):
        raise Refused(f"{name}: its key is missing or doubled in some rows")
    catalog, table = lake_tables.iceberg_catalog(), pa.Table.from_pylist(rows)
    catalog.create_namespace_if_not_exists("lake")
    catalog.create_table_if_not_exists(f"lake.{name}", schema=table.schema, properties=entry).overwrite(table)


def dump(name: str, rows: list[dict[str, Any]]) -> None:
    """What happens where there is no gate: a file under a name that says something to its author."""
    lake_tables.put_parquet(scratch.lake(), f"{scratch.prefix()}dump/{name}_final_NEW2.parquet", rows)


def catalogued() -> dict[str, Any]:
    catalog = lake_tables.iceberg_catalog()
    names = catalog.list_tables("lake") if ("lake",) in catalog.list_namespaces() else []
    return {name[-1]: catalog.load_table(name) for name in names}


def crawled() -> dict[str, Any]:
    """What the dumped files say of themselves to one who opens them: columns, and whatever else was written into them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lake, found = scratch.lake(), {}
    for key in lake.keys(f"{scratch.prefix()}dump/"):
        schema = pq.read_schema(pa.BufferReader(lake.get(key)))
        told = {name.decode(): value.decode() for name, value in (schema.metadata or {}).items()}
        found[key.rsplit("/", 1)[-1].split("_")[0]] = (schema.names, told)
    return found


def score() -> float:
    """The share of what readers ask that is answered, over all datasets: by the catalogue, or else by the files."""
    known = crawled() | {name: (table.schema().fields, table.properties) for name, table in catalogued().items()}
    answered = [bool(columns) + sum(bool(told.get(asked)) for asked in ASKED) for columns, told in known.values()]
    return sum(answered) / (len(DATASETS) * (1 + len(ASKED)))


@answer(
    questions=["data-swamp-prevention"],
    claims={
        "c-004-lake-cons-swamp": {
            "verdict": "holds",
            "proof": "a dump cannot be discovered",
            "truth": "A lake's store enforces neither metadata nor quality; without a gate and a catalogue nobody can find or trust what is in it.",
        }
    },
    breaks={
        "dumped": {
            "what": "the datasets are uploaded beside the gate",
            "fails": ["registered data can be discovered", "the gate refuses rows that break expectations"],
        },
        "no_expectations": {
            "what": "the gate does not look at the rows",
            "fails": ["the gate refuses rows that break expectations"],
        },
    },
    scratch=["schema", "prefix"],
    stand_ins={"s3": "SeaweedFS"},
)
def data_swamp():
    @task
    def dump_then_register(params: dict[str, Any] | None = None) -> None:
        for name, dataset in DATASETS.items():
            dump(name, dataset["rows"])
        columns_only = 1 / (1 + len(ASKED))
        prove("a dump cannot be discovered", observed=score(), expected=columns_only, unit="of the questions")
        for name, dataset in DATASETS.items():
            if params["break_it"] != "dumped":
                register(name, dataset["rows"], dataset["entry"])
        prove(
            "registered data can be discovered", observed=score(), expected=0.9, how="at_least", unit="of the questions"
        )
        tables = catalogued()
        found = sorted(name for name, table in tables.items() if "customer_id" in table.schema().column_names)
        due = sorted(name for name, dataset in DATASETS.items() if "customer_id" in dataset["rows"][0])
        prove("a search by column finds the datasets", observed=found, expected=due)
        late = {
            name: (TODAY - date.fromisoformat(table.properties["loaded_on"])).days
            for name, table in tables.items()
            if (TODAY - date.fromisoformat(table.properties["loaded_on"])).days > int(table.properties["update_days"])
        }
        prove("a stale dataset is reported", observed=late, expected={"orders": 31 - 20}, unit="days old")

    @task
    def try_the_gate(params: dict[str, Any] | None = None) -> None:
        entry, rows = DATASETS["orders"]["entry"], DATASETS["orders"]["rows"]
        before = sorted(catalogued())
        with prove_raises("the gate refuses a dataset without owner", Refused):
            register("returns", rows, entry | {"owner": ""})
        doubled_and_missing = [*rows, rows[0], {"order_id": None, "customer_id": 1, "amount": 1}]
        with prove_raises("the gate refuses rows that break expectations", Refused):
            if params["break_it"] == "dumped":
                dump("returns", doubled_and_missing)
            else:
                register("returns", doubled_and_missing, entry, check_rows=params["break_it"] != "no_expectations")
        prove("the refused left nothing in the catalogue", observed=sorted(catalogued()), expected=before)

    dump_then_register() >> try_the_gate.override(trigger_rule="all_done")()
