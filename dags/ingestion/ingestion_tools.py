"""# Kafka, Kinesis, RabbitMQ, Logstash: what is each of them?

**Say it.** Kafka is a replicated log that you run, Kinesis is such a log that AWS runs: reading removes nothing, so anybody may read
again. RabbitMQ is a message broker: it routes each message to queues and forgets it once it is acknowledged. Logstash is a
shipper: it collects lines, parses them into fields and sends them on.

**How it works.** In a *log* the consumer owns a position, and the log keeps events for a time, whoever has read them. In a *queue* the
broker owns the message until a consumer acknowledges it; then it is gone, which is what you want of a job and not of an event
that three systems need. A *shipper* stores nothing: input, filter, output. Its best-known filter is grok: named patterns such as
`%{IP:client}` that expand to a regular expression with named groups; a line that does not match is passed on with the tag
`_grokparsefailure`, so that it can be found. Here one set of access-log lines goes through each.

**This run proves**
- *a second consumer reads every event again from Kafka*: a new consumer group, after the first has read and committed all;
- *a second consumer reads every event again from Kinesis*: a new iterator at the trim horizon;
- *the queue has nothing left for a second consumer*: messages received once all are acknowledged;
- *each line becomes its fields*: the filter's output against the values that the lines were written from;
- *a line that does not parse is tagged and kept*.

**Break it.** `same_group`: the second Kafka consumer joins the first one's group and starts at its committed offset. `no_ack`: the queue's
consumer never acknowledges, and each message comes back. `drop_failures`: the filter drops what it cannot parse.

**Where this stops.** Kafka is a real broker; Kinesis is moto's; **the classic queue is SQS on moto, in RabbitMQ's place** (no exchanges, no
routing keys: read, acknowledge, gone is all that it shows); the filter is grok's idea in twenty lines, not Logstash. RabbitMQ also
has streams, a log with replay, and Kafka 4 has share groups, which read like a queue: the tools have grown towards each other.

**Sources.** Kafka: [introduction](https://kafka.apache.org/43/getting-started/introduction/), [design](https://kafka.apache.org/43/design/design/). Kinesis:
[concepts](https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html). RabbitMQ:
[acknowledgements](https://www.rabbitmq.com/docs/confirms), [streams](https://www.rabbitmq.com/docs/streams). Logstash:
[grok](https://www.elastic.co/docs/reference/logstash/plugins/plugins-filters-grok).
"""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk import task

from living_answers import engines
from living_answers.answers import answer, prove, scratch

PATTERNS = {"IP": r"\d{1,3}(?:\.\d{1,3}){3}", "HTTPDATE": r"[^\]]+", "WORD": r"\w+", "PATH": r"\S+", "INT": r"\d+"}
FILTER = r'%{IP:client} - - \[%{HTTPDATE:time}\] "%{WORD:verb} %{PATH:path} HTTP/1.1" %{INT:status} %{INT:bytes}'
BROKEN = "2013-01-01 05:15 worker 3 says: out of memory"


def requests() -> list[dict[str, str]]:
    """What happened: sixty requests to a web server."""
    return [
        {
            "client": f"10.0.0.{n % 9 + 1}",
            "time": f"01/Jan/2013:05:{n:02}:00 +0000",
            "verb": "POST" if n % 4 == 0 else "GET",
            "path": f"/flights/{n * 37}",
            "status": "503" if n % 11 == 0 else "200",
            "bytes": str(n * 101),
        }
        for n in range(60)
    ]


def lines() -> list[str]:
    template = '{client} - - [{time}] "{verb} {path} HTTP/1.1" {status} {bytes}'
    return [template.format(**request) for request in requests()]


def grok(line: str) -> dict[str, Any]:
    """Logstash's grok filter in short: each %{PATTERN:field} becomes a named group."""
    expanded = re.sub(r"%\{(\w+):(\w+)\}", lambda found: f"(?P<{found[2]}>{PATTERNS[found[1]]})", FILTER)
    matched = re.fullmatch(expanded, line)
    return matched.groupdict() if matched else {"message": line, "tags": ["_grokparsefailure"]}


def aws(service: str) -> Any:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    return AwsBaseHook(aws_conn_id="moto", client_type=service).get_conn()


@answer(
    questions=["ingest-tool-roles"],
    claims={
        "c-002-ingestion-tools": {
            "verdict": "imprecise",
            "proof": "the queue has nothing left for a second consumer",
            "truth": "A replicated log, a managed stream, a message broker and a log shipper. Logstash collects and parses; "
            "the others carry events, and a queue cannot replay what a log can.",
        }
    },
    breaks={
        "same_group": {
            "what": "the second consumer of Kafka uses the first one's group id",
            "fails": ["a second consumer reads every event again from Kafka"],
        },
        "no_ack": {
            "what": "the queue's consumer does not acknowledge what it has read",
            "fails": ["the queue has nothing left for a second consumer"],
        },
        "drop_failures": {
            "what": "the filter drops lines that it cannot parse",
            "fails": ["a line that does not parse is tagged and kept"],
        },
    },
    engines=["kafka"],
    stand_ins={
        "kinesis": "moto",
        "rabbitmq": "a classic queue by SQS on moto: read, acknowledge, gone",
        "logstash": "a grok filter of twenty lines",
    },
)
def ingestion_tools():
    @task
    def parse_like_logstash(params: dict[str, Any] | None = None) -> None:
        events = [grok(line) for line in [*lines(), BROKEN]]
        if params["break_it"] == "drop_failures":
            events = [event for event in events if "tags" not in event]
        parsed = [event for event in events if "tags" not in event]
        prove("each line becomes its fields", observed=parsed, expected=requests())
        tagged = [event["message"] for event in events if "_grokparsefailure" in event.get("tags", [])]
        prove("a line that does not parse is tagged and kept", observed=tagged, expected=[BROKEN])

    @task
    def replay_from_kafka(params: dict[str, Any] | None = None) -> None:
        from confluent_kafka import Consumer, Producer
        from confluent_kafka.admin import AdminClient, NewTopic

        topic, broker = scratch.name(), engines.settings("kafka")
        admin = AdminClient(broker)
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])[topic].result(30)
        try:
            producer = Producer({**broker, "enable.idempotence": True})
            for line in lines():
                producer.produce(topic, line)
            producer.flush(30)

            def read_to_end(group: str) -> list[str]:
                start = {"group.id": group, "auto.offset.reset": "earliest", "enable.partition.eof": True}
                consumer, read = Consumer({**broker, **start}), []
                consumer.subscribe([topic])
                while (message := consumer.poll(30)) and not message.error():
                    read.append(message.value().decode())
                if read:
                    consumer.commit(asynchronous=False)
                consumer.close()
                return read

            read_to_end(f"{topic}-billing")
            second = "billing" if params["break_it"] == "same_group" else "fraud"
            again = read_to_end(f"{topic}-{second}")
        finally:
            admin.delete_topics([topic])[topic].result(30)
            admin.delete_consumer_groups([f"{topic}-billing", f"{topic}-fraud"])
        prove("a second consumer reads every event again from Kafka", observed=again, expected=lines())

    @task
    def replay_from_kinesis() -> None:
        kinesis, stream = aws("kinesis"), scratch.name()
        kinesis.create_stream(StreamName=stream, ShardCount=1)
        try:
            kinesis.put_records(
                StreamName=stream, Records=[{"Data": line.encode(), "PartitionKey": "all"} for line in lines()]
            )
            shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
            for _consumer in ("billing", "fraud"):
                oldest = {"StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
                place = kinesis.get_shard_iterator(**oldest)["ShardIterator"]
                read = [record["Data"].decode() for record in kinesis.get_records(ShardIterator=place)["Records"]]
        finally:
            kinesis.delete_stream(StreamName=stream)
        prove("a second consumer reads every event again from Kinesis", observed=read, expected=lines())

    @task
    def consume_from_a_queue(params: dict[str, Any] | None = None) -> None:
        sqs = aws("sqs")
        queue = sqs.create_queue(QueueName=scratch.name(), Attributes={"VisibilityTimeout": "0"})["QueueUrl"]

        def consume() -> int:
            """Read as many messages as were sent, or until there is none; acknowledge each, which is to delete it."""
            read = 0
            while read < len(lines()):
                messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
                if not messages:
                    break
                read += len(messages)
                done = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
                if params["break_it"] != "no_ack":
                    sqs.delete_message_batch(QueueUrl=queue, Entries=done)
            return read

        try:
            for line in lines():
                sqs.send_message(QueueUrl=queue, MessageBody=line)
            first, again = consume(), consume()
        finally:
            sqs.delete_queue(QueueUrl=queue)
        prove("the first consumer reads every message", observed=first, expected=len(lines()))
        prove("the queue has nothing left for a second consumer", observed=again, expected=0, unit="messages")

    parse_like_logstash()
    replay_from_kafka()
    replay_from_kinesis()
    consume_from_a_queue()
