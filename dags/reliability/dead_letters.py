"""# What do you do with a message that cannot be processed?

**Say it.** Count its attempts. After N failures move it, with its reason, into a dead-letter store, in the same transaction that
takes it off the queue, so that it blocks nobody. Alert on the store. After the fix, replay it through the same consumer, which
must be idempotent. The price: its key loses its order.

**How it works.** The queue is a table. `work` takes the oldest message with `FOR UPDATE SKIP LOCKED`, so that several workers
share it without waiting for each other. The message's effect happens inside a savepoint: if the handler raises, the savepoint
is rolled back, while the outer transaction counts the attempt, or buries the message at the last one. Effect and removal
commit together, so a worker that dies leaves the message where it was.

A broker can do the counting: SQS moves a message to another queue once it was received `maxReceiveCount` times without being
deleted. It knows *how often*, never *why*: the reason is in your log, unless the consumer sends the letter itself. RabbitMQ
adds an `x-death` header, and its quorum queues count, too (to 20 since 4.0). Kafka's broker counts for share groups only: after
five deliveries it archives the record, and since 4.4 it can copy it to a dead-letter topic (KIP-1191). For a consumer group,
the consumer (or Kafka Connect) writes to a topic of its own.

**This run proves**
- *good messages behind the poison pass*: each exactly once, though three messages cannot be parsed;
- *the poison lands with reason and attempts*, after three tries each;
- *the replay empties the store* and *each effect happens once*: although the worker dies in the middle of the replay;
- *the key's order is given up*: a later message of the same key took effect before the one that was replayed;
- *SQS gives up after N receives* and *SQS replays each message once*: the same with a redrive policy.

**Break it.** `no_limit`: a failed message goes back to its place for ever, and nothing behind it moves. `two_transactions`: the
effect is committed before the message is removed; the worker that dies between the two has the effect happen again.

**Where this stops.** A dead-letter store that nobody looks at is a slow way of losing data: `DeadLettersOpen` in our Prometheus
rules watches ours. If a key must keep its order, park the whole key behind its poison, or stop. If most messages fail, the
consumer is broken, not the messages: open a circuit instead. SQS is played by moto here, over its real API.

**Sources.** AWS: [SQS dead-letter queues](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html).
PostgreSQL: [SKIP LOCKED](https://www.postgresql.org/docs/18/sql-select.html#SQL-FOR-UPDATE-SHARE),
[savepoints](https://www.postgresql.org/docs/18/sql-savepoint.html).
RabbitMQ: [dead letter exchanges](https://www.rabbitmq.com/docs/dlx). Kafka: [KIP-298, error handling in
Connect](https://cwiki.apache.org/confluence/display/KAFKA/KIP-298%3A+Error+Handling+in+Connect),
[share groups' dead letters in 4.4](https://kafka.apache.org/44/getting-started/upgrade/).
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

from airflow.sdk import Connection, task

from living_answers.answers import answer, prove, scratch

MESSAGES, TRIES = 60, 3
POISON = (7, 20, 21)  # sent with a decimal comma
BODIES = {n: f"{n},50" if n in POISON else f"{n}.50" for n in range(1, MESSAGES + 1)}
KEYS = 5


class Killed(Exception):
    """The worker's connection ends in the middle of its work, as by kill -9."""


def book(body: str, *, fixed: bool) -> float:
    """The consumer's work; before the fix it does not know decimal commas."""
    return float(body.replace(",", ".") if fixed else body)


def work(connection: Any, break_it: str | None, *, fixed: bool = False, kill_at: int | None = None) -> None:
    """Work off the queue, at most a few turns for each message; ``kill_at``: die once that message took effect."""
    for _ in range(2 * MESSAGES):
        message = connection.execute("SELECT * FROM queue ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1").fetchone()
        if message is None:
            break
        number, key, body, _ = message
        try:
            with connection.transaction():  # a savepoint
                effect = [number, key, book(body, fixed=fixed)]
                connection.execute("INSERT INTO effects (message, key, amount) VALUES (%s, %s, %s)", effect)
        except ValueError as error:
            count_attempt(connection, message, f"{type(error).__name__}: {error}", break_it)
        else:
            if break_it == "two_transactions":
                connection.commit()
            if number == kill_at:
                connection.close()
                raise Killed
            connection.execute("DELETE FROM queue WHERE id = %s", [number])
        connection.commit()


def count_attempt(connection: Any, message: Any, reason: str, break_it: str | None) -> None:
    """One more failure; at the last one the message leaves the queue for the dead letters."""
    number, key, body, attempts = message
    if attempts + 1 < TRIES or break_it == "no_limit":
        connection.execute("UPDATE queue SET attempts = attempts + 1 WHERE id = %s", [number])
        return
    letter = [number, key, body, attempts + 1, reason]
    connection.execute("INSERT INTO dead_letters VALUES (%s, %s, %s, %s, %s)", letter)
    connection.execute("DELETE FROM queue WHERE id = %s", [number])


def effects(connection: Any) -> list[tuple[int, float]]:
    return connection.execute("SELECT message, amount::float FROM effects ORDER BY at").fetchall()


@answer(
    questions=["dead-letter-queue"],
    claims={
        "c-004-dlq": {
            "verdict": "holds",
            "proof": "the poison lands with reason and attempts",
            "truth": "They do; the price is the order of the key, and somebody must watch and replay them.",
        }
    },
    breaks={
        "no_limit": {
            "what": "a message that fails goes back to its place, however often",
            "fails": ["good messages behind the poison pass", "SQS gives up after N receives"],
        },
        "two_transactions": {
            "what": "the effect is committed first, the removal afterwards, and the worker dies in between",
            "fails": ["each effect happens once"],
        },
    },
    scratch=["schema"],
    stand_ins={"sqs": "moto's SQS API over HTTP, in memory"},
)
def dead_letters():
    @task
    def send_messages() -> None:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS queue, effects, dead_letters")
            connection.execute("CREATE TABLE queue (id int PRIMARY KEY, key int, body text, attempts int DEFAULT 0)")
            connection.execute("CREATE TABLE effects (at serial, message int, key int, amount numeric)")
            connection.execute("CREATE TABLE dead_letters (LIKE queue, reason text NOT NULL, PRIMARY KEY (id))")
            with connection.cursor() as cursor:
                rows = [(number, number % KEYS, body) for number, body in BODIES.items()]
                cursor.executemany("INSERT INTO queue VALUES (%s, %s, %s)", rows)

    @task
    def set_poison_aside(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            work(connection, params["break_it"])
            done = effects(connection)
            letters = connection.execute("SELECT id, attempts, reason FROM dead_letters").fetchall()
        good = [(number, float(body)) for number, body in BODIES.items() if number not in POISON]
        prove("good messages behind the poison pass", observed=done, expected=good, how="rows")
        expected = [(n, TRIES, f"ValueError: could not convert string to float: '{BODIES[n]}'") for n in POISON]
        prove("the poison lands with reason and attempts", observed=letters, expected=expected, how="rows")

    @task
    def replay_after_the_fix(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            connection.execute(
                "WITH letter AS (DELETE FROM dead_letters RETURNING id, key, body) INSERT INTO queue SELECT * FROM letter"
            )
        try:
            with scratch.connect() as victim:
                work(victim, params["break_it"], fixed=True, kill_at=POISON[1])
        except Killed:
            print("the worker died after the effect, before the message was removed")
        with scratch.connect() as connection:
            work(connection, params["break_it"], fixed=True)
            left = connection.execute("SELECT (SELECT count(*) FROM dead_letters) + count(*) FROM queue").fetchone()[0]
            done = effects(connection)
        order = [number for number, _ in done if number % KEYS == POISON[0] % KEYS]
        prove("the replay empties the store", observed=left, expected=0, unit="messages")
        late = [number for number in sorted(order) if number in POISON]
        prove("the key's order is given up", observed=order, expected=sorted({*order} - {*late}) + late)
        due = [(number, float(body.replace(",", "."))) for number, body in BODIES.items()]
        prove("each effect happens once", observed=done, expected=due, how="rows")

    @task
    def let_sqs_redrive(params: dict[str, Any] | None = None) -> None:
        import boto3

        moto, done, received = Connection.get("moto"), [], Counter[str]()
        keys = {"aws_access_key_id": moto.login, "aws_secret_access_key": moto.password}
        sqs = boto3.client("sqs", **keys, **moto.extra_dejson)
        dead, queue = (sqs.create_queue(QueueName=f"{scratch.name()}{end}")["QueueUrl"] for end in ("_dead", ""))

        def consume(*, fixed: bool) -> None:
            for _ in range(MESSAGES):
                for message in sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0).get("Messages", []):
                    received[message["Body"]] += 1
                    with suppress(ValueError):
                        done.append(book(message["Body"], fixed=fixed))
                        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

        try:
            if params["break_it"] != "no_limit":
                arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
                redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": TRIES})
                sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": redrive})
            bodies = [BODIES[number] for number in range(1, 11)]
            for body in bodies:
                sqs.send_message(QueueUrl=queue, MessageBody=body)
            consume(fixed=False)
            due = {body: TRIES if "," in body else 1 for body in bodies}
            prove("SQS gives up after N receives", observed=dict(received), expected=due, unit="receives")
            for letter in sqs.receive_message(QueueUrl=dead)["Messages"]:
                sqs.send_message(QueueUrl=queue, MessageBody=letter["Body"])
                sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])
            consume(fixed=True)
            expected = [book(body, fixed=True) for body in bodies]
            prove("SQS replays each message once", observed=done, expected=expected, how="rows")
        finally:
            for url in (queue, dead):
                sqs.delete_queue(QueueUrl=url)

    send_messages() >> set_poison_aside() >> replay_after_the_fix()
    let_sqs_redrive()
