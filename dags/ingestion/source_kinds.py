"""# What changes in ingestion with the kind of source?

**Say it.** Four things: who moves, where you left off, what comes twice, and what comes late. A database is queried by a change
column and a key. An API is paged by cursor and paces you. A log is tailed by inode and offset. Devices push, late and twice, so
each reading carries its own number and time.

**How it works.**

| source | extraction | position | order | doubles | late | pace |
| --- | --- | --- | --- | --- | --- | --- |
| database | query by change column | (changed, key) of the last row | none without ORDER BY | rows read again: upsert | commits after the query's time | your query is its load |
| API | pages | cursor | the API's | pages shift under offsets | corrections | 429, Retry-After |
| log | tail | inode and byte offset | as written | none, if the position is kept | none | the disk |
| device | it pushes | its own sequence number | none | every unacknowledged retry | after each spell offline | yours to bear |

A change column alone leaves ties: two rows changed in the same instant may stand on both sides of the position, so the query compares the
pair. An offset counts rows, and when one before it is deleted the next page starts a row too late; a cursor names the last row
seen. A log's *name* is given to a new file at rotation; the inode stays with the old one, whose rest is read first, and a line without its
newline is not a line yet. A reading belongs to the minute in which it was *measured*: a late one corrects that minute and leaves the
latest value alone.

**This run proves**
- *a changed row lands as its last version*: three passes over a real table, with rows that share their time of change;
- *every record of a paged API lands once*: a record that was read already is deleted between two pages;
- *being told to wait costs requests, not records*: the server refuses every third request with 429;
- *every line of a rotated log lands once, in order*: with half a line at the first reading, and a rename before the second;
- *a reading sent twice counts once*: UDP datagrams, each unacknowledged one repeated;
- *a late reading corrects its own minute* and *a late reading does not become the latest*: it arrives after newer ones.

**Break it.** `offset_pages`: the API is paged by offset, and a record is skipped. `path_only`: the tail remembers the log's name and not
its inode. `by_arrival`: readings are ordered by when they came.

**Where this stops.** A change column sees no deletes (`change_data_capture` does) and not the row whose transaction commits after the query
with an earlier time: overlap the windows (`multi_source_ingestion`). With `copytruncate` the inode stays and the size falls, and lines
written in between are lost. UDP loses silently; devices in earnest use MQTT with QoS 1, which is why they send twice.

**Sources.** [RFC 6585, 429](https://www.rfc-editor.org/rfc/rfc6585#section-4); PostgreSQL: [row
comparison](https://www.postgresql.org/docs/18/functions-comparisons.html#ROW-WISE-COMPARISON);
[logrotate(8)](https://man7.org/linux/man-pages/man8/logrotate.8.html); [MQTT 5, delivery
protocols](https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901234);
[The Dataflow Model](https://research.google/pubs/the-dataflow-model-a-practical-approach-to-balancing-correctness-latency-and-cost-in-massive-scale-unbounded-out-of-order-data-processing/) (event time and processing time).
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch
from living_answers.local_server import Reply, Request, serve

ROWS, PAGE, MINUTES = 100, 10, 5
NEWS = """
    INSERT INTO landed SELECT * FROM (SELECT * FROM bookings WHERE (changed, id) > (%s, %s) ORDER BY changed, id LIMIT %s) AS news
    ON CONFLICT (id) DO UPDATE SET seat = excluded.seat, changed = excluded.changed RETURNING changed, id
"""
READINGS = """
    CREATE TABLE IF NOT EXISTS readings (device int, number int, moment int, value int, PRIMARY KEY (device, number))
"""
LAND = "INSERT INTO readings VALUES (%(device)s, %(number)s, %(moment)s, %(value)s) ON CONFLICT DO NOTHING"
MEANS = "SELECT moment / 60 AS minute, AVG(value)::float FROM readings GROUP BY minute"
LATEST = "SELECT DISTINCT ON (device) device, value FROM readings ORDER BY device, moment DESC"


def read_database(connection: Any, position: tuple[Any, Any]) -> tuple[Any, Any]:
    """Upsert what has changed since the position, a batch at a time; return the new position."""
    while batch := connection.execute(NEWS, [*position, PAGE]).fetchall():
        position = max(batch)
    return position


def read_api(client: Any, break_it: str | None) -> list[int]:
    """All ids, page after page; refusals are waited out."""
    found: list[int] = []
    while True:
        place = {"offset": len(found)} if break_it == "offset_pages" else {"after": found[-1] if found else 0}
        while (answer := client.get("/records", params=place)).status_code == 429:
            pass  # in earnest: sleep as long as Retry-After says; it says 0 here
        if not (page := answer.json()):
            return found
        found += page


def read_log(path: Path, position: dict[str, Any], break_it: str | None) -> list[str]:
    """The whole lines written since the position, which moves on: first the rest of the file that was rotated away."""
    by_name = break_it == "path_only"
    rotated = [file for file in path.parent.iterdir() if file.stat().st_ino == position["inode"] and file != path]
    lines: list[str] = []
    for file in [path] if by_name else [*rotated, path]:
        inode = file.stat().st_ino
        start = position["offset"] if by_name or position["inode"] in (None, inode) else 0
        whole, newline, _ = file.read_bytes()[start:].rpartition(b"\n")  # half a line waits for its end
        lines += whole.decode().splitlines()
        position |= {"inode": inode, "offset": start + len(whole + newline)}
    return lines


def send_readings(address: tuple[str, int]) -> list[dict[str, Any]]:
    """Two devices measure every ten seconds; every third datagram is repeated, one reading comes late, at the end."""
    sent = [{"device": d, "number": n, "measured": 10 * n, "value": 100 * d + n} for n in range(30) for d in (1, 2)]
    sent.append(sent.pop(7))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        for n, reading in enumerate(sent):
            for _ in range(2 if n % 3 == 0 else 1):
                device.sendto(json.dumps(reading).encode(), address)
        device.sendto(b"null", address)  # the end, for this run only: a real device has none
    return sent


@answer(
    questions=["ingest-source-types"],
    breaks={
        "offset_pages": {
            "what": "the API is paged by offset while a record is deleted",
            "fails": ["every record of a paged API lands once"],
        },
        "path_only": {
            "what": "the tail remembers the log's name, not its inode",
            "fails": ["every line of a rotated log lands once, in order"],
        },
        "by_arrival": {
            "what": "readings are ordered by when they came, not by when they were measured",
            "fails": ["a late reading corrects its own minute"],
        },
    },
    scratch=["schema"],
    stand_ins={"iot-devices": "two senders of UDP datagrams on loopback"},
)
def source_kinds():
    @task
    def query_database() -> None:
        with scratch.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS bookings (id int PRIMARY KEY, seat text, changed int)")
            connection.execute("CREATE TABLE IF NOT EXISTS landed (LIKE bookings INCLUDING INDEXES)")
            # Seven rows share each time of change, so that a batch of ten ends in the middle of a time.
            connection.execute(
                "INSERT INTO bookings SELECT n, 'A' || n, n / 7 FROM generate_series(1, %s) AS n", [ROWS]
            )
            position = read_database(connection, (-1, -1))
            connection.execute("UPDATE bookings SET seat = 'B' || id, changed = 1000 WHERE id %% 3 = %s", [0])
            position = read_database(connection, position)
            connection.execute("UPDATE bookings SET seat = 'C' || id, changed = 1000 WHERE id = %s", [ROWS])
            read_database(connection, position)
            rows = connection.execute("SELECT * FROM bookings").fetchall()
            landed = connection.execute("SELECT * FROM landed").fetchall()
        prove("a changed row lands as its last version", observed=landed, expected=rows, how="rows")

    @task
    def page_api(params: dict[str, Any] | None = None) -> None:
        import httpx

        records, refused = list(range(1, ROWS + 1)), []

        def reply(request: Request) -> Reply:
            if len(server.requests) % 3 == 0:
                refused.append(request)
                return Reply(status=429, headers={"Retry-After": "0"})
            after, offset = int(request.query.get("after", 0)), int(request.query.get("offset", 0))
            page = [number for number in records if number > after][offset : offset + PAGE]
            records[:] = [number for number in records if number != 2 or page[:1] != [1]]  # read, and then deleted
            return Reply.as_json(page)

        with serve(reply) as server, httpx.Client(base_url=server.url) as client:
            found = read_api(client, params["break_it"])
        prove("every record of a paged API lands once", observed=found, expected=[*range(1, ROWS + 1)], how="rows")
        pages = ROWS // PAGE + 1  # and an empty one
        asked = len(server.requests)
        prove("being told to wait costs requests, not records", observed=asked, expected=pages + len(refused))

    @task
    def tail_log(params: dict[str, Any] | None = None) -> None:
        with TemporaryDirectory() as folder:
            log, position = Path(folder) / "app.log", {"inode": None, "offset": 0}
            lines = [f"{n} something happened" for n in range(30)]
            log.write_text("\n".join(lines[:10]) + "\n" + lines[10][:5])
            found = read_log(log, position, params["break_it"])
            with log.open("a") as file:
                file.write(lines[10][5:] + "\n" + "\n".join(lines[11:20]) + "\n")
            log.rename(log.with_suffix(".log.1"))
            log.write_text("\n".join(lines[20:]) + "\n")
            found += read_log(log, position, params["break_it"])
        prove("every line of a rotated log lands once, in order", observed=found, expected=lines)

    @task
    def receive_readings(params: dict[str, Any] | None = None) -> None:
        clock = 0  # the receiver's: as late as the newest reading that has come
        with scratch.connect() as connection, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.bind(("127.0.0.1", 0))
            ours.settimeout(10)
            sent = send_readings(ours.getsockname())
            connection.execute(READINGS)
            while reading := json.loads(ours.recv(1000)):
                clock = max(clock, reading["measured"])
                moment = clock if params["break_it"] == "by_arrival" else reading["measured"]
                connection.execute(LAND, reading | {"moment": moment})
            rows = connection.execute("SELECT device, number FROM readings").fetchall()
            means = connection.execute(MEANS).fetchall()
            latest = connection.execute(LATEST).fetchall()
        once = [[reading["device"], reading["number"]] for reading in sent]
        prove("a reading sent twice counts once", observed=rows, expected=once, how="rows")
        minutes = {minute: [r["value"] for r in sent if r["measured"] // 60 == minute] for minute in range(MINUTES)}
        due = [[minute, sum(values) / len(values)] for minute, values in minutes.items()]
        prove("a late reading corrects its own minute", observed=means, expected=due, how="rows")
        newest = {r["device"]: r["value"] for r in sorted(sent, key=lambda r: r["measured"])}
        prove("a late reading does not become the latest", observed=latest, expected=[*newest.items()], how="rows")

    [query_database(), page_api(), tail_log(), receive_readings()]
