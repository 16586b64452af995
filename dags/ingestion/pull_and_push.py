"""# Pull or push: who should start the transfer?

**Say it.** With pull the pipeline asks and sets the rate; what it has not read waits at the source, up to a poll interval
longer. With push the source sends at once and sets the rate, so the receiver must be able to say "not now", and the source must
keep what was refused. A broker in between gives both.

**How it works.** One producer makes the same events for all. It offers them at an address (`GET /events?after=7`), and it can
post each to the consumer. Pull reads from its own position, and only its next request says that the last batch is safe: a batch
lost in a crash is asked for again. Push ends in a bounded inbox; when that is full the answer is `429`, which is back-pressure
only if the producer keeps the event and comes again. A producer without a buffer (a sensor, a fire-and-forget webhook, UDP) drops
it. With a queue in between, the producer pushes and the consumer pulls, as with Kafka and SQS; RabbitMQ pushes to its consumers
as well, as many messages as their prefetch allows.

**This run proves**
- *with pull the pipeline opens the connection, with push the source does*: connections accepted on each side, counted by the servers;
- *push is several times as fresh as a poll*: median age of an event at its arrival, both ways, in the same run;
- *a slow pull leaves a backlog at the source*, and *a slow pull works it off without loss*: the consumer takes 5 at a time while 20 are made;
- *a batch lost in a crash is asked for again*: the consumer dies with events in its hand;
- *a push without a buffer loses just what the inbox refuses*: a burst at an inbox that nobody empties;
- *a push that waits when told to loses nothing*: the same burst, each event repeated until it is taken, while the consumer takes one for every three requests;
- *a queue in between loses nothing at any pace*: on SQS, more than one `receive` holds, each deleted only once it is stored.

**Break it.** `forget_refused`: the producer takes `429` for a yes. `forget_read`: the source forgets a batch as soon as it has handed it out,
and the consumer's crash loses it.

**Where this stops.** Long polling and streams (a held request, server-sent events, Kafka's `fetch.max.wait.ms`) let pull be as fresh as push.
Pull needs an address that can be reached and a source that keeps history; push needs one at the consumer, with authentication. Both
deliver at least once: the receiver still removes doubles. SQS here is moto's; the queue is in memory, its API the real one.

**Sources.** [RFC 6585, 429 and Retry-After](https://www.rfc-editor.org/rfc/rfc6585#section-4); [Reactive
Streams](https://www.reactive-streams.org/) (back-pressure); Kafka: [push vs. pull](https://kafka.apache.org/43/design/design/);
RabbitMQ: [consumers, push and pull](https://www.rabbitmq.com/docs/consumers); SQS: [visibility
timeout](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html).
"""

from __future__ import annotations

import json
import time
from collections import deque
from statistics import median
from threading import Thread
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch
from living_answers.local_server import Reply, Request, serve

EVENTS, INBOX, BATCH = 60, 25, 5
POLL_SECONDS = 0.3
ONE_EACH = [[1, 0], [0, 1]]  # connections that the source accepted, and that the pipeline accepted: by pull, by push


class Source:
    """The producer: it makes events, keeps them, and hands them out to whoever names a position."""

    def __init__(self, *, forgets: bool = False) -> None:
        self.events, self.forgets = [], forgets

    def make(self, count: int, *, every: float = 0) -> None:
        for _ in range(count):
            time.sleep(every)
            self.events.append({"id": len(self.events) + 1, "made": time.monotonic()})

    def reply(self, request: Request) -> Reply:
        """GET /events?after=7&limit=5: the consumer keeps its own position, and sets its own pace."""
        after, limit = int(request.query["after"]), int(request.query["limit"])
        batch = [event for event in self.events if event["id"] > after and "read" not in event][:limit]
        for event in batch if self.forgets else []:
            event["read"] = True
        return Reply.as_json(batch)


class Inbox:
    """The consumer's door: it takes what is pushed while there is room, and says 429 when there is none."""

    def __init__(self, *, takes_every: int = 0) -> None:
        self.waiting, self.taken = deque(), []
        self.requests, self.takes_every = 0, takes_every

    def reply(self, request: Request) -> Reply:
        self.requests += 1
        if self.takes_every and self.requests % self.takes_every == 0:
            self.taken.append(self.waiting.popleft())
        if len(self.waiting) >= INBOX:
            return Reply(status=429, headers={"Retry-After": "0"})
        self.waiting.append(request.json | {"arrived": time.monotonic()})
        return Reply(status=202)


def pull(client: Any, url: str, after: int, limit: int = EVENTS) -> list[dict[str, Any]]:
    return client.get(f"{url}/events", params={"after": after, "limit": limit}).json()


def push(client: Any, url: str, event: dict[str, Any], *, keep_refused: bool) -> None:
    """Send an event; a producer that keeps what is refused sends it again, when the consumer said it may."""
    while (answer := client.post(url, json=event)).status_code == 429 and keep_refused:
        time.sleep(float(answer.headers["Retry-After"]))


def ids(events: Any) -> list[int]:
    return [event["id"] for event in events]


@answer(
    questions=["ingest-pull-vs-push"],
    claims={
        "c-002-pull-push": {
            "verdict": "holds",
            "proof": "with pull the pipeline opens the connection, with push the source does",
            "truth": "Pull: the pipeline opens the connection and sets the rate. Push: the source does both. A broker joins them.",
        }
    },
    breaks={
        "forget_refused": {
            "what": "the producer does not look at the answer, and so takes 429 for a yes",
            "fails": ["a push that waits when told to loses nothing"],
        },
        "forget_read": {
            "what": "the source forgets a batch when it hands it out, and the consumer dies with it",
            "fails": ["a batch lost in a crash is asked for again"],
        },
    },
    stand_ins={"kafka": "SQS, served by moto: a queue, not a log", "rabbitmq": "SQS, served by moto"},
)
def pull_and_push():
    @task
    def compare_both_ways() -> None:
        import httpx

        source, inbox, ages, position = Source(), Inbox(), [], 0
        with serve(source.reply) as theirs, serve(inbox.reply) as ours, httpx.Client() as client:
            producer = Thread(target=source.make, args=[10], kwargs={"every": 0.08})
            producer.start()
            while position < 10:
                for event in pull(client, theirs.url, position):
                    ages.append(time.monotonic() - event["made"])
                    position = event["id"]
                time.sleep(POLL_SECONDS)
            by_pull = [theirs.connections, ours.connections]
            for _ in range(10):
                source.make(1)
                push(client, ours.url, source.events[-1], keep_refused=True)
            both = [by_pull, [theirs.connections - by_pull[0], ours.connections - by_pull[1]]]
        prove(
            "with pull the pipeline opens the connection, with push the source does", observed=both, expected=ONE_EACH
        )
        pushed = [event["arrived"] - event["made"] for event in inbox.waiting]
        ages = [median(ages), median(pushed)]
        prove("push is several times as fresh as a poll", observed=ages, expected=3, how="times_at_least")

    @task
    def pull_slowly(params: dict[str, Any] | None = None) -> None:
        import httpx

        source, taken = Source(forgets=params["break_it"] == "forget_read"), []
        with serve(source.reply) as server, httpx.Client() as client:
            for _ in range(3):
                source.make(EVENTS // 3)
                taken += pull(client, server.url, len(taken), BATCH)
            backlog = sum(event["id"] > taken[-1]["id"] for event in source.events)
            prove("a slow pull leaves a backlog at the source", observed=backlog, expected=EVENTS - 3 * BATCH)
            lost = pull(client, server.url, len(taken), BATCH)  # and here the consumer dies
            again = pull(client, server.url, len(taken), BATCH)
            prove("a batch lost in a crash is asked for again", observed=ids(again), expected=ids(lost))
            while batch := pull(client, server.url, len(taken), BATCH):
                taken += batch
        prove("a slow pull works it off without loss", observed=ids(taken), expected=ids(source.events))

    @task
    def push_a_burst(params: dict[str, Any] | None = None) -> None:
        import httpx

        source, deaf, slow = Source(), Inbox(), Inbox(takes_every=3)
        source.make(EVENTS)
        with serve(deaf.reply) as full, serve(slow.reply) as door, httpx.Client() as client:
            for event in source.events:
                push(client, full.url, event, keep_refused=False)
                push(client, door.url, event, keep_refused=params["break_it"] != "forget_refused")
        lost = EVENTS - len(deaf.waiting)
        prove("a push without a buffer loses just what the inbox refuses", observed=lost, expected=EVENTS - INBOX)
        arrived = ids([*slow.taken, *slow.waiting])
        prove("a push that waits when told to loses nothing", observed=arrived, expected=ids(source.events))

    @task
    def put_a_queue_between() -> None:
        from airflow.providers.amazon.aws.hooks.sqs import SqsHook

        source, stored = Source(), []
        source.make(EVENTS)
        sqs = SqsHook(aws_conn_id="moto").get_conn()
        where = {"QueueUrl": sqs.create_queue(QueueName=scratch.name())["QueueUrl"]}
        try:
            for event in source.events:
                sqs.send_message(**where, MessageBody=json.dumps(event))
            while messages := sqs.receive_message(**where, MaxNumberOfMessages=10).get("Messages"):
                stored += [json.loads(message["Body"]) for message in messages]
                for message in messages:
                    sqs.delete_message(**where, ReceiptHandle=message["ReceiptHandle"])
        finally:
            sqs.delete_queue(**where)
        prove("a queue in between loses nothing at any pace", observed=sorted(ids(stored)), expected=ids(source.events))

    [compare_both_ways(), pull_slowly(), push_a_burst(), put_a_queue_between()]
