"""# Data warehouse or data lake: what is the difference, and where is a lakehouse?

**Say it.** A warehouse checks on the way in: typed tables, SQL users. A lake keeps any files as they came and checks when they
are read, cheaply, for any engine. Keep raw history in the lake, so that new rules can run over it; serve from the warehouse. A
lakehouse adds tables with a log and a catalogue.

**How it works.** One batch of payments, a line of JSON each, holds a record whose amount is no number. The warehouse's load is one COPY
into typed columns: it refuses the batch and names the line. The lake takes the object as it is; the reader meets the bad line, and has to decide:
here it sets it aside and counts it. The load keeps the columns that somebody asked for then. When a rule comes that needs another field (the
fee), the warehouse does not have it; the lake still has every line. And a bucket is not yet a lake: without a catalogue that says which table
lies where, with which schema and whose it is, it is a place with files. The Iceberg table is such an entry, and so a small lakehouse.

**This run proves**
- *the warehouse refuses the bad record on load*, by line and column, and *nothing of that batch is in the warehouse*;
- *the lake takes it, and the reader meets it*: lines that do not parse, found on reading;
- *both answer alike once the bad line is set aside*: totals by currency, against plain Python;
- *a new rule is run over history from the lake*: net of fees over all batches, and *the warehouse no longer has the field*;
- *the question reads fewer bytes from columns than from raw text*: Parquet's two columns against the objects of JSON;
- *a loose bucket is no lake yet*: what the same data lacks as loose files; *a catalogued table lacks nothing*.

**Break it.** `all_text`: the warehouse declares every column as text, so that "loads do not fail". `no_raw`: the lake's raw objects are deleted once they
have been loaded. `uncatalogued`: the table's files are written, but it is registered nowhere.

**Where this stops.** PostgreSQL is the warehouse and SeaweedFS the lake's store here. Cost is not measured: objects are cheap to
keep, and a careless scan is dear in either. Warehouses read the lake too (Redshift Spectrum, external tables), and a load can be told to set bad
lines aside (Redshift's `MAXERROR`, `ON_ERROR` since PostgreSQL 17), so the border is thin: what counts is where the contract is checked.
Permissions by row or column need the lakehouse's catalogue.

**Sources.** [Armbrust et al., Lakehouse, CIDR 2021](https://www.cidrdb.org/cidr2021/papers/cidr2021_paper17.pdf). PostgreSQL:
[COPY](https://www.postgresql.org/docs/18/sql-copy.html). Redshift:
[MAXERROR](https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html). [Iceberg's specification](https://iceberg.apache.org/spec/),
[PyIceberg](https://py.iceberg.apache.org/). AWS: [what is a data lake](https://aws.amazon.com/what-is/data-lake/).
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from airflow.sdk import task

from living_answers import lake_tables
from living_answers.answers import answer, prove, prove_raises, scratch

BAD_LINE, BAD_AMOUNT = 501, "twelve"
TYPED = "payment_id int PRIMARY KEY, currency char(3) NOT NULL, amount numeric(12, 2) NOT NULL"
ALL_TEXT = "payment_id text, currency text, amount text"
LOADED = ("payment_id", "currency", "amount")  # what the first report asked for


def payments(batch: int) -> list[dict[str, Any]]:
    """A batch as the source sends it; the second has a record whose amount is no number."""
    rows: list[dict[str, Any]] = []
    for n in range(1000):
        row = {"payment_id": batch * 1000 + n, "currency": ("EUR", "USD", "CHF")[n % 3], "amount": 10 + n % 50}
        rows.append({**row, "fee": n % 4, "note": f"order {n}"})
    if batch == 1:
        rows[BAD_LINE - 1]["amount"] = BAD_AMOUNT
    return rows


def raw_key(batch: int) -> str:
    return f"{scratch.prefix()}raw/payments/batch={batch}/part-0.jsonl"


def read_raw() -> tuple[list[dict[str, Any]], int]:
    """Schema on read: all lines of the lake that parse as payments, and how many do not."""
    lake, good, bad = scratch.lake(), [], 0
    for key in lake.keys(f"{scratch.prefix()}raw/"):
        for line in lake.get(key).splitlines():
            record = json.loads(line)
            if isinstance(record["amount"], int):
                good.append(record)
            else:
                bad += 1
    return good, bad


def load(connection: Any, rows: list[dict[str, Any]]) -> None:
    """The warehouse's load: one COPY of the chosen fields, all or nothing."""
    with connection.cursor().copy("COPY payment FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] for name in LOADED])
    connection.commit()


def totals(rows: list[dict[str, Any]], net: bool = False) -> list[Any]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["currency"]] += row["amount"] - (row["fee"] if net else 0)
    return list(sums.items())


def lacking(table: str) -> list[str]:
    """What a lake needs beside the files, and this table does not have."""
    catalog = lake_tables.iceberg_catalog()
    found = catalog.load_table(table) if catalog.table_exists(table) else None
    known = {
        "catalogue": found is not None,
        "schema": found is not None and found.schema().fields,
        "owner": found is not None and found.properties.get("owner"),
    }
    return [name for name, has in known.items() if not has]


@answer(
    questions=["dw-vs-data-lake"],
    claims={
        "c-002-lakes-are-s3-adls": {
            "verdict": "imprecise",
            "proof": "a loose bucket is no lake yet",
            "truth": "S3 and Azure's storage are object stores on which a lake is built; it also needs formats, a catalogue and governance.",
        }
    },
    breaks={
        "all_text": {
            "what": "every column of the warehouse is text",
            "fails": ["the warehouse refuses the bad record on load"],
        },
        "no_raw": {
            "what": "raw objects are deleted once loaded",
            "fails": ["a new rule is run over history from the lake"],
        },
        "uncatalogued": {"what": "the table is registered nowhere", "fails": ["a catalogued table lacks nothing"]},
    },
    scratch=["schema", "prefix"],
    stand_ins={"s3": "SeaweedFS", "redshift": "PostgreSQL is the warehouse"},
)
def warehouse_and_lake():
    @task
    def land_and_load(params: dict[str, Any] | None = None) -> None:
        from psycopg.errors import InvalidTextRepresentation

        lake, batches = scratch.lake(), [payments(0), payments(1)]
        for batch, rows in enumerate(batches):
            lake.put(raw_key(batch), "\n".join(json.dumps(row) for row in rows).encode())
        good, bad = read_raw()
        prove("the lake takes it, and the reader meets it", observed=bad, expected=1, unit="lines")
        with scratch.connect() as connection:
            columns = ALL_TEXT if params["break_it"] == "all_text" else TYPED
            connection.execute(f"DROP TABLE IF EXISTS payment; CREATE TABLE payment ({columns})")
            load(connection, batches[0])
            try:
                load(connection, batches[1])
                outcome = "loaded"
            except InvalidTextRepresentation as error:
                outcome = error.diag.context
            due = f'COPY payment, line {BAD_LINE}, column amount: "{BAD_AMOUNT}"'
            prove("the warehouse refuses the bad record on load", observed=outcome, expected=due)
            connection.rollback()
            rows = connection.execute("SELECT COUNT(*) FROM payment").fetchone()[0]
            prove("nothing of that batch is in the warehouse", observed=rows, expected=len(batches[0]), unit="rows")
            load(connection, [row for row in good if row["payment_id"] >= 1000])
            sums = connection.execute("SELECT currency, SUM(amount) FROM payment GROUP BY currency").fetchall()
        due = totals([row for rows in batches for row in rows if row["amount"] != BAD_AMOUNT])
        sums += totals(good)
        prove("both answer alike once the bad line is set aside", observed=sums, expected=due * 2, how="rows")
        if params["break_it"] == "no_raw":
            lake.delete([raw_key(batch) for batch in range(2)])

    @task
    def reprocess_history() -> None:
        from psycopg.errors import UndefinedColumn

        good, _ = read_raw()
        due = totals([row for batch in range(2) for row in payments(batch) if row["amount"] != BAD_AMOUNT], net=True)
        prove("a new rule is run over history from the lake", observed=totals(good, net=True), expected=due, how="rows")
        with scratch.connect() as connection, prove_raises("the warehouse no longer has the field", UndefinedColumn):
            connection.execute("SELECT SUM(amount - fee) FROM payment")

    @task
    def make_it_a_lakehouse(params: dict[str, Any] | None = None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [row for row in payments(0) + payments(1) if row["amount"] != BAD_AMOUNT]
        table, sink = pa.Table.from_pylist(rows), pa.BufferOutputStream()
        pq.write_table(table, sink)
        group = pq.ParquetFile(pa.BufferReader(sink.getvalue())).metadata.row_group(0)
        sizes = {
            group.column(at).path_in_schema: group.column(at).total_compressed_size for at in range(group.num_columns)
        }
        raw = sum(len(json.dumps(row)) for row in rows)
        read = [raw, sizes["currency"] + sizes["amount"]]
        prove(
            "the question reads fewer bytes from columns than from raw text",
            observed=read,
            expected=5,
            how="times_at_least",
        )
        missing = lacking("raw.payments")
        prove("a loose bucket is no lake yet", observed=missing, expected=["catalogue", "schema", "owner"])
        if params["break_it"] == "uncatalogued":
            scratch.lake().put(f"{scratch.prefix()}clean/payments.parquet", sink.getvalue().to_pybytes())
        else:
            catalog = lake_tables.iceberg_catalog()
            catalog.create_namespace_if_not_exists("clean")
            made = catalog.create_table_if_not_exists(
                "clean.payments", schema=table.schema, properties={"owner": "finance"}
            )
            made.overwrite(table)
        prove("a catalogued table lacks nothing", observed=lacking("clean.payments"), expected=[], allow_empty=True)

    (land_and_load() >> reprocess_history() >> make_it_a_lakehouse())
