"""An upstream in another language: writes notifications for Carillon to Kafka.

    pip install confluent-kafka fastavro
    python docs/examples/producer.py 127.0.0.1:9092 < events.jsonl

Each line is an event as JSON; only `to`, and a template or content, are needed. Prints the id of each notification
once the broker has it. Ends with 1 when an event could not be written; when one does not fit the schema, none is.
"""

import argparse
import io
import json
import random
import sys
import urllib.request
import uuid
from pathlib import Path

import fastavro
from confluent_kafka import Producer

RELEASED = Path(__file__).resolve().parents[2] / "schemas" / "released"
# Carillon makes an eventId into an id so: the upstream knows it before anybody asks.
ID_NAMESPACE = uuid.UUID("5b0c7ad3-94a2-4e0b-8f4e-6d2f1c9a7e35")
# Events on their way to the broker.
WAITING_MOST = 10_000


def latest_schema(registry):
    """The schema and its id: a registry's, or those that Carillon has without one, in <id>-notification-inbound.avsc."""
    if registry:
        url = f"{registry}/subjects/carillon.NotificationInbound/versions/latest"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)
        return found["id"], fastavro.parse_schema(json.loads(found["schema"]))
    released = ((int(file.name.split("-")[0]), file) for file in RELEASED.glob("*-notification-inbound.avsc"))
    schema_id, file = max(released)
    return schema_id, fastavro.parse_schema(json.loads(file.read_text()))


def encode(event, schema_id, schema):
    """The Confluent wire format: a zero byte, the schema's id in four bytes, Avro."""
    # These hold JSON, as its text.
    texts = {name: json.dumps(event[name]) for name in ("content", "data", "metadata") if name in event}
    out = io.BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    fastavro.schemaless_writer(out, schema, {**event, **texts}, strict_allow_default=True)
    return out.getvalue()


def notification_id(event):
    """Where to ask for it: GET /v1/notifications/{id}. Without id and eventId only Carillon knows."""
    if "id" in event:
        return event["id"]
    return str(uuid.uuid5(ID_NAMESPACE, f"event/{event['eventId']}")) if "eventId" in event else "-"


def main():
    arguments = argparse.ArgumentParser(description="Writes notifications for Carillon to Kafka.")
    arguments.add_argument("brokers", help="host:port, by comma")
    arguments.add_argument("--topic", default="notifications.inbound")
    arguments.add_argument("--registry", help="the schema registry's URL, where Carillon has one")
    given = arguments.parse_args()

    schema_id, schema = latest_schema(given.registry)
    producer = Producer({"bootstrap.servers": given.brokers, "enable.idempotence": True, "client.id": "shop"})
    partitions = len(producer.list_topics(given.topic, timeout=10).topics[given.topic].partitions)
    failed = []

    def report(event):
        def delivered(error, _message):
            if error:
                failed.append(event)
                print(f"{notification_id(event)} was not written: {error}", file=sys.stderr)
            else:
                print(notification_id(event))

        return delivered

    events = [json.loads(line) for line in sys.stdin]
    for event, value in [(event, encode(event, schema_id, schema)) for event in events]:
        producer.produce(
            given.topic,
            value=value,
            # Any key and any partition: Carillon puts the notification where its recipient belongs.
            key=random.randbytes(8),
            partition=random.randrange(partitions),
            headers={"x-correlation-id": f"shop-{uuid.uuid4()}"},
            on_delivery=report(event),
        )
        producer.poll(0)
        if len(producer) > WAITING_MOST:
            producer.flush()
    return 1 if producer.flush(30) or failed else 0


if __name__ == "__main__":
    sys.exit(main())
