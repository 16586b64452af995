"""# How do you keep bad data out of what people read, all along a large pipeline?

**Say it.** Write where nobody reads, audit there, publish by one atomic switch. Audit at every stage what that stage can know
first: the file against its manifest, the rows by themselves, then the join. Each run leaves a scorecard by quality dimension; a
batch that fails is kept aside, and readers keep the last good one.

**How it works.** Nine batches arrive in the lake, each with its manifest; eight carry a fault. They are typed into
`staged` and joined into `joined`, and audited after each step, so that a fault is named where it came in and not two steps
later; only what is clean goes on. To publish is to rename the table and to point the view `published` at it, both in one
transaction: PostgreSQL's DDL is transactional, so a reader gets the old version or the new one. The scorecard's
dimensions are five of the six that DAMA UK names: completeness (is all of it there), uniqueness, validity (has it the
form), consistency (does it agree with other data) and timeliness. The sixth, accuracy, whether the data is *true*, no
rule can see from inside. The same pattern elsewhere: a branch that is merged (Iceberg, lakeFS), a swap of blue and green,
an exchange of partitions. The other parts of such a framework: [rules with severities](validation_checks),
[tests of the transformations](transform_tests), [alerts](anomaly_alerts), [the audit trail](audit_trail).

**This run proves**
- *every fault is caught at the earliest stage*: eight faults, each in a batch of its own; how far each batch came;
- *the scorecard names the damaged dimension*: of every batch, the dimensions below 100 %; and *the good batch has 100 % in
  every dimension*;
- *a reader sees only the old or the new*: a second connection looks all the while, and the writer after each batch; no
  faulty batch, no half of one, nothing empty.

**Break it.** `in_place`: the joined rows replace the published ones first and are audited then; readers see bad batches,
and an empty table if they look in between. `audit_late`: what the audits found is looked at once, before the switch. That
still keeps bad data from the readers, but the file whose columns changed places has been staged and joined by then, and its
scorecard blames the join as well: whoever is called has to search.

**Where this stops.** Atomic is one view in one database: several tables that must change together need one transaction, a branch, or
readers that pick a version. The switch waits for readers that hold the view, and later readers wait for it; keep it short. An audit
knows only the faults that somebody thought of. And stale is a fault too: someone must be told when nothing was published.

**Sources.** PostgreSQL: [CREATE VIEW](https://www.postgresql.org/docs/18/sql-createview.html),
[transactional DDL](https://wiki.postgresql.org/wiki/Transactional_DDL_in_PostgreSQL:_A_Competitive_Analysis). Apache Iceberg:
[branching and tagging](https://iceberg.apache.org/docs/latest/branching/) (audit branch), [ISO/IEC 25012](https://www.iso.org/standard/35736.html):
data quality model (it says currentness for timeliness). DAMA UK: the six primary dimensions for data quality
assessment (2013).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace as Batch
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS, DAY, COLUMNS = 400, "2013-07-04", ("id", "shop", "customer", "cents")
SHOPS = [("north", "EU"), ("south", "EU"), ("west", "US")]
DIMENSIONS = ["completeness", "consistency", "timeliness", "uniqueness", "validity"]

#: fault -> what it does to a batch, the stage that can see it first, the dimension that it damages
FAULTS = {
    "the file is cut short": (lambda batch: batch.rows.pop(), "1 landed", "completeness"),
    "columns changed places": (lambda batch: batch.columns.insert(1, batch.columns.pop(2)), "1 landed", "validity"),
    "the file is of the day before": (lambda batch: batch.manifest.update(day="2013-07-03"), "1 landed", "timeliness"),
    "a customer is missing": (lambda batch: batch.rows[5].update(customer=""), "2 staged", "completeness"),
    "an order comes twice": (lambda batch: batch.rows[7].update(batch.rows[8]), "2 staged", "uniqueness"),
    "an amount is negative": (lambda batch: batch.rows[9].update(cents=-370), "2 staged", "validity"),
    "a shop is unknown": (lambda batch: batch.rows[11].update(shop="nowhere"), "3 joined", "consistency"),
    "a shop is listed twice": (lambda batch: batch.shops.append(("west", "USA")), "3 joined", "consistency"),
}
BATCHES = [*FAULTS, "good"]

JOIN = "INSERT INTO joined SELECT batch, id, cents, region FROM staged LEFT JOIN shops USING (shop) WHERE batch = %s"
PUBLISH = "ALTER TABLE joined RENAME TO version_1; CREATE OR REPLACE VIEW published AS SELECT * FROM version_1"
LOOK = "SELECT coalesce(max(batch), 'nothing'), count(*), coalesce(sum(cents), 0), count(region) FROM published"
SCORES = "SELECT batch, dimension, 100 - 100.0 * sum(failed) / sum(looked_at) FROM scores GROUP BY 1, 2 ORDER BY 1, 2"


def make_rows() -> list[dict[str, Any]]:
    rows = [(n, SHOPS[n % 3][0], f"customer {n % 50}", n * 37 % 1000) for n in range(1, ROWS + 1)]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def send(lake: Any, name: str) -> None:
    """Put a batch into the lake, as its sender does: the file, what it should hold, and the shops."""
    batch = Batch(rows=make_rows(), columns=list(COLUMNS), manifest={"rows": ROWS, "day": DAY}, shops=list(SHOPS))
    if name in FAULTS:
        FAULTS[name][0](batch)
    lines = [batch.columns, *([str(row[column]) for column in batch.columns] for row in batch.rows)]
    lake.put(key(name, "orders.csv"), "\n".join(map(",".join, lines)).encode())
    lake.put_json(key(name, "manifest.json"), batch.manifest)
    lake.put_json(key(name, "shops.json"), batch.shops)


def key(name: str, file: str) -> str:
    return f"{scratch.prefix()}{name.replace(' ', '_')}/{file}"


def sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"write_audit_publish_{name}.sql").read_text()


def record(connection: Any, batch: str, stage: str, audit: list[tuple[str, int, int]]) -> bool:
    """Write down what an audit found; return whether none has found anything in this batch."""
    rows = [(batch, stage, *line) for line in audit]
    connection.cursor().executemany("INSERT INTO scores VALUES (%s, %s, %s, %s, %s)", rows)
    return connection.execute("SELECT sum(failed) = 0 FROM scores WHERE batch = %s", [batch]).fetchone()[0]


def overwrite(connection: Any) -> None:
    # Replace what people read, in place: empty it, commit, fill it.
    for statement in ("TRUNCATE version_0", "INSERT INTO version_0 SELECT * FROM joined"):
        connection.execute(statement)
        connection.commit()


def keep_looking(stop: Event) -> list[tuple[Any, ...]]:
    seen = []
    with scratch.connect() as connection:
        connection.autocommit = True
        while not stop.wait(0.002):
            seen.append(connection.execute(LOOK).fetchone())
    return seen


@answer(
    questions=["dq-quality-integrity-framework"],
    breaks={
        "in_place": {
            "what": "what people read is overwritten first and audited then",
            "fails": ["a reader sees only the old or the new"],
        },
        "audit_late": {
            "what": "what the audits found is looked at once, at the end of all steps",
            "fails": ["every fault is caught at the earliest stage", "the scorecard names the damaged dimension"],
        },
    },
    scratch=["schema", "prefix"],
)
def write_audit_publish():
    @task
    def land_and_audit(params: dict[str, Any] | None = None) -> list[str]:
        lake, passed = scratch.lake(), []
        with scratch.connect() as connection:
            connection.execute(sql("tables"))
            for name in BATCHES:
                send(lake, name)
                header, *lines = lake.get(key(name, "orders.csv")).decode().split("\n")
                manifest = lake.get_json(key(name, "manifest.json"))
                audit = [
                    ("validity", 1, int(header != ",".join(COLUMNS))),
                    ("completeness", manifest["rows"], abs(manifest["rows"] - len(lines))),
                    ("timeliness", 1, int(manifest["day"] != DAY)),
                ]
                if record(connection, name, "1 landed", audit) or params["break_it"] == "audit_late":
                    passed.append(name)
        return passed

    @task
    def stage_and_audit(landed: list[str], params: dict[str, Any] | None = None) -> list[str]:
        lake, passed = scratch.lake(), []
        with scratch.connect() as connection:
            for name in landed:
                connection.execute("TRUNCATE typed")
                with connection.cursor().copy("COPY typed FROM STDIN (FORMAT csv, HEADER)") as copy:
                    copy.write(lake.get(key(name, "orders.csv")))
                connection.execute("INSERT INTO staged SELECT %s, * FROM typed", [name])
                audit = connection.execute(sql("typed")).fetchall()
                if record(connection, name, "2 staged", audit) or params["break_it"] == "audit_late":
                    passed.append(name)
        return passed

    @task
    def join_audit_and_publish(staged: list[str], params: dict[str, Any] | None = None) -> list[list[Any]]:
        lake, stop = scratch.lake(), Event()
        with ThreadPoolExecutor(1) as pool, scratch.connect() as connection:
            connection.execute(sql("published"))
            connection.commit()
            reader = pool.submit(keep_looking, stop)
            try:
                seen = [connection.execute(LOOK).fetchone()]
                for name in staged:
                    connection.execute("TRUNCATE shops, joined")
                    shops = lake.get_json(key(name, "shops.json"))
                    connection.cursor().executemany("INSERT INTO shops VALUES (%s, %s)", shops)
                    connection.execute(JOIN, [name])
                    if params["break_it"] == "in_place":
                        overwrite(connection)
                    audit = connection.execute(sql("joined")).fetchall()
                    if record(connection, name, "3 joined", audit) and params["break_it"] != "in_place":
                        connection.execute(PUBLISH)
                    connection.commit()
                    seen.append(connection.execute(LOOK).fetchone())
            finally:
                stop.set()
        return [list(one) for one in sorted({*seen, *reader.result()})]

    @task
    def read_whole_versions_only(seen: list[list[Any]]) -> None:
        old, new = ["old", 50, 50 * 100, 50], ["good", ROWS, sum(row["cents"] for row in make_rows()), ROWS]
        prove("a reader sees only the old or the new", observed=seen, expected=[new, old])

    @task
    def find_faults_early() -> None:
        with scratch.connect() as connection:
            reached = connection.execute("SELECT batch, max(stage) FROM scores GROUP BY batch").fetchall()
        due = {fault: stage for fault, (_, stage, _) in FAULTS.items()} | {"good": "3 joined"}
        prove("every fault is caught at the earliest stage", observed=dict(reached), expected=due)

    @task
    def fill_the_scorecard() -> None:
        with scratch.connect() as connection:
            scores = connection.execute(SCORES).fetchall()
        print(*scores, sep="\n")
        scored = {dimension: score for batch, dimension, score in scores if batch == "good"}
        prove("the good batch has 100 % in every dimension", observed=scored, expected=dict.fromkeys(DIMENSIONS, 100))
        damaged = [[batch, dimension] for batch, dimension, score in scores if score < 100]
        due = [[fault, dimension] for fault, (*_, dimension) in FAULTS.items()]
        prove("the scorecard names the damaged dimension", observed=damaged, expected=due, how="rows")

    seen = join_audit_and_publish(stage_and_audit(land_and_audit()))
    seen >> [read_whole_versions_only(seen), find_faults_early(), fill_the_scorecard()]
