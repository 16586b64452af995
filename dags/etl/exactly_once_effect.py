"""# How do you get exactly-once out of a queue that delivers at least once?

**Say it.** You do not get exactly-once delivery; you get exactly-once effect. The consumer writes the effect and the event's
id in one transaction, where the id is a primary key, and only then deletes the message. A message that comes again finds its
id and changes nothing. The id is the sender's, not the queue's.

**How it works.** A queue cannot know whether a consumer that fell silent has done its work, so it must choose: forget the message
when it is handed out (at most once: a crash loses it) or hand it out again until somebody says *done* (at least once: a crash after
the work, before the *done*, repeats it). SQS repeats. The consumer here receives, then in one PostgreSQL transaction inserts the
event's id into `inbox` and adds the amount to the balance, commits, and deletes the message. If the insert meets an id that is
there, the effect is skipped and the message deleted all the same. Two consumers with one message meet at the primary key: the
second waits for the first one's end.

The id must be made where the event is made. SQS gives a new MessageId to every send, so a producer that sends again after a lost
answer has made two messages of one event, and an inbox keyed by MessageId counts both.

**This run proves**
- *every message that the dead consumer held came again*: deliveries, counted by the queue, exceed the messages that were sent;
- *each event has one effect*: balances equal the sum over the events that were made, though the consumer died after its
  commit and before its delete, and the producer sent one event twice;
- *two consumers of one message apply it once*: both receive it, and both try at the same moment;
- *the queue ends empty*: no message is left, waiting or in flight.

**Break it.** `no_inbox`: the effect without the id, and every redelivery counts again. `two_transactions`: the id is written after
the effect is committed, and the consumer dies in between. `queue_message_id`: the inbox keeps SQS's MessageId, and the producer's
second send counts.

**Where this stops.** The effect must live in the database of the inbox: a mail or a call to a payment service is outside the
transaction, and needs an idempotency key of its own. The inbox grows: keep ids for as long as a message can come again (SQS keeps
messages for 14 days at the most). A FIFO queue drops a second send with the same deduplication id for five minutes; after
that, and for a consumer that outlives its visibility timeout, the inbox is still what counts. SQS here is moto's server, which
keeps the protocol and a visibility timeout but has no replicas, so the rare duplicates of a real standard queue do not arise by
themselves: the run makes them.

**Sources.** AWS: [at-least-once delivery](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html),
[visibility timeout](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html),
[exactly-once processing of FIFO queues](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html).
[Idempotent consumer](https://microservices.io/patterns/communication-style/idempotent-consumer.html), C. Richardson.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

#: One event an account: the balance then shows how often each was applied.
EVENTS = [{"event_id": f"payment-{n}", "account": n, "amount": 100 + n} for n in range(8)]
SENT_TWICE = EVENTS[0]


class Died(Exception):
    """The consumer is gone: it says nothing to the queue, and its connection ends."""


# A client, and the address of a queue of the run's own, which is made if it is not there.
def open_queue(suffix: str = "") -> tuple[Any, str]:
    from airflow.providers.amazon.aws.hooks.sqs import SqsHook

    client = SqsHook(aws_conn_id="moto").get_conn()
    made = client.create_queue(QueueName=scratch.name() + suffix, Attributes={"VisibilityTimeout": "600"})
    return client, made["QueueUrl"]


def receive(client: Any, queue: str) -> list[dict[str, Any]]:
    count = ["ApproximateReceiveCount"]
    got = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=count)
    return got.get("Messages", [])


def handle(connection: Any, message: dict[str, Any], break_it: str | None, *, die: bool = False) -> None:
    """Apply a message. With ``die``, the consumer dies at the worst moment: once the effect is committed."""
    event = json.loads(message["Body"])
    event_id = message["MessageId"] if break_it == "queue_message_id" else event["event_id"]
    if break_it == "no_inbox":
        apply(connection, event)
    elif break_it == "two_transactions":
        if connection.execute("SELECT 1 FROM inbox WHERE event_id = %s", [event_id]).fetchone():
            return
        apply(connection, event)
        connection.commit()
        if not die:
            connection.execute("INSERT INTO inbox VALUES (%s) ON CONFLICT DO NOTHING", [event_id])
    else:
        first = connection.execute("INSERT INTO inbox VALUES (%s) ON CONFLICT DO NOTHING", [event_id]).rowcount
        if first:
            apply(connection, event)
    connection.commit()
    if die:
        raise Died


def apply(connection: Any, event: dict[str, Any]) -> None:
    connection.execute(
        "UPDATE account SET balance = balance + %s WHERE account = %s", [event["amount"], event["account"]]
    )


def balances() -> dict[str, int]:
    with scratch.connect() as connection:
        return {str(account): int(balance) for account, balance in connection.execute("SELECT * FROM account")}


@answer(
    questions=["etl-idempotent-pipelines"],
    breaks={
        "no_inbox": {
            "what": "the consumer applies what it receives and keeps no record of it",
            "fails": ["each event has one effect", "two consumers of one message apply it once"],
        },
        "two_transactions": {
            "what": "the id is recorded in a second transaction, and the consumer dies between the two",
            "fails": ["each event has one effect", "two consumers of one message apply it once"],
        },
        "queue_message_id": {
            "what": "the inbox is keyed by the queue's MessageId, which a second send changes",
            "fails": ["each event has one effect"],
        },
    },
    stand_ins={"sqs": "moto's server: the SQS API and its visibility timeout, in memory, without replicas"},
    scratch=["schema"],
)
def exactly_once_effect():
    @task
    def send() -> None:
        """Send each event; for one the answer is lost, so the producer sends it again."""
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS account, inbox")
            connection.execute("CREATE TABLE account (account int PRIMARY KEY, balance bigint NOT NULL)")
            connection.execute("CREATE TABLE inbox (event_id text PRIMARY KEY)")
            connection.cursor().executemany("INSERT INTO account VALUES (%(account)s, 0)", [*EVENTS, {"account": 99}])
        client, queue = open_queue()
        client.purge_queue(QueueUrl=queue)
        for event in [*EVENTS, SENT_TWICE]:
            client.send_message(QueueUrl=queue, MessageBody=json.dumps(event))

    @task
    def consume_and_die(params: dict[str, Any] | None = None) -> int:
        """Take all messages, apply half of them, die after a commit: none was deleted, so all come again."""
        client, queue = open_queue()
        held = receive(client, queue)
        try:
            with scratch.connect() as connection:
                for number, message in enumerate(held):
                    handle(connection, message, params["break_it"], die=number == len(EVENTS) // 2)
        except Died:
            pass
        for message in held:  # What the visibility timeout would do ten minutes later.
            client.change_message_visibility(
                QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return len(held)

    @task
    def consume_again(held: int, params: dict[str, Any] | None = None) -> None:
        (client, queue), deliveries = open_queue(), 0
        with scratch.connect() as connection:
            while messages := receive(client, queue):
                for message in messages:
                    deliveries += int(message["Attributes"]["ApproximateReceiveCount"])
                    handle(connection, message, params["break_it"])
                    client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        due = len(EVENTS) + 1 + held
        prove("every message that the dead consumer held came again", observed=deliveries, expected=due)
        left = client.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        prove("the queue ends empty", observed=sum(int(left[name]) for name in names), expected=0, unit="messages")
        due = {str(event["account"]): event["amount"] for event in EVENTS}
        found = {account: balance for account, balance in balances().items() if account in due}
        prove("each event has one effect", observed=found, expected=due)

    @task
    def race(params: dict[str, Any] | None = None) -> None:
        """Deliver one new event to two consumers: the first is slow, and its visibility timeout ends."""
        (client, queue), event = open_queue("_race"), {"event_id": "late", "account": 99, "amount": 1}
        client.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
        (slow,) = receive(client, queue)
        client.change_message_visibility(QueueUrl=queue, ReceiptHandle=slow["ReceiptHandle"], VisibilityTimeout=0)
        (fast,) = receive(client, queue)

        def consumer(message: dict[str, Any]) -> None:
            with scratch.connect() as connection:
                handle(connection, message, params["break_it"])

        with ThreadPoolExecutor(2) as pool, scratch.connect() as gate:
            gate.execute("SELECT 1 FROM account WHERE account = 99 FOR UPDATE")  # Until both are in the middle of it.
            consumers = [pool.submit(consumer, message) for message in (slow, fast)]
            scratch.wait_until_blocked(len(consumers))
            gate.commit()
        for done in consumers:
            done.result()
        client.delete_message(QueueUrl=queue, ReceiptHandle=fast["ReceiptHandle"])
        client.delete_queue(QueueUrl=queue)
        prove("two consumers of one message apply it once", observed=balances()["99"], expected=event["amount"])

    @task
    def delete_queue() -> None:
        client, queue = open_queue()
        client.delete_queue(QueueUrl=queue)

    sent, held = send().as_setup(), consume_and_die()
    sent >> held
    sent >> race()
    consume_again(held) >> delete_queue().as_teardown(setups=sent)
