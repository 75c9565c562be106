"""What ingest answers: 202 only for what Kafka holds, and words that help for everything else."""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from kafka import KafkaConsumer, TopicPartition
from standardwebhooks import Webhook

from services.ingest.app import create_app
from services.ingest.settings import IngestSettings
from shared.contracts.topics import CRM_EVENTS, CRM_REJECTED
from shared.http import close
from tests.harness.platform import Installation

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
SECRET = "whsec_" + base64.b64encode(b"7" * 32).decode()


def settings(installation: Installation, **others: Any) -> IngestSettings:
    values = {
        "database_url": installation.database_url,
        "kafka_bootstrap_servers": installation.platform.bootstrap,
        "topic_prefix": installation.topic_prefix,
        "token_secret": installation.token_secret,
        "ingest_webhook_secrets": {"standard": [SECRET]},
    }
    return IngestSettings(**{**values, **others})


@contextmanager
def running(installation: Installation, **others: Any) -> Iterator[FlaskClient]:
    app = create_app(settings(installation, **others))
    yield app.test_client()
    close(app)


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    with running(installation) as client:
        yield client


def event(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "forms",
        "type": "crm.form.submitted",
        "time": datetime.now(UTC).isoformat(),
        "data": {"lead": {"email": "a@example.fr"}, "form": "contact"},
        **changes,
    }


def post(
    client: FlaskClient, body: Any, token: str, content_type: str = "application/cloudevents+json"
) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(
        "/v1/events", data=data, headers={"Authorization": f"Bearer {token}", "Content-Type": content_type}
    )


def held(installation: Installation, topic: str) -> list[Any]:
    """Every record of a topic, read from its beginning."""
    consumer = KafkaConsumer(
        bootstrap_servers=installation.platform.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    name = installation.topic_prefix + topic
    partitions = [TopicPartition(name, n) for n in consumer.partitions_for_topic(name) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    records: list[Any] = []
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for polled in consumer.poll(timeout_ms=500).values():
            records += polled
    consumer.close()
    return records


def test_each_form_of_body_is_taken_and_held_by_kafka(
    installation: Installation, client: FlaskClient
) -> None:
    key = installation.key("events:write")
    assert post(client, event(), key).status_code == 202
    assert post(client, [event(), event()], key, "application/cloudevents-batch+json").json["accepted"] == 2
    lines = b"\n".join(json.dumps(event()).encode() for _ in range(3))
    assert post(client, lines, key, "application/x-ndjson").json["accepted"] == 3
    records = held(installation, CRM_EVENTS)
    assert len(records) == 6
    assert {record.key for record in records} == {b"forms|email:a@example.fr"}
    assert all("receivedat" in json.loads(record.value) for record in records)


def test_one_bad_event_never_costs_the_others(installation: Installation, client: FlaskClient) -> None:
    good, repeated = event(), event()
    batch = [good, {"id": "x"}, repeated, repeated, event(type="crm.nothing"), event(id="nul\u0000")]
    answer = post(client, batch, installation.key("events:write"), "application/cloudevents-batch+json").json
    assert (answer["accepted"], answer["duplicates"]) == (2, 1)
    assert [rejected["index"] for rejected in answer["rejected"]] == [1, 4, 5]
    assert len(held(installation, CRM_EVENTS)) == 2
    assert len(held(installation, CRM_REJECTED)) == 3  # kept raw, for a person to mend


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"not json", "application/cloudevents+json", 400),
        (b"\xff\xfe", "application/cloudevents+json", 400),
        (b'{"a": NaN}', "application/cloudevents+json", 400),
        (b"[" * 100, "application/cloudevents+json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/cloudevents-batch+json", 400),
        (b"x" * 11_000_000, "application/cloudevents+json", 413),
    ],
)
def test_a_body_that_cannot_be_read_gets_a_problem_that_says_so(
    installation: Installation, client: FlaskClient, body: bytes, content_type: str, status: int
) -> None:
    answer = post(client, body, installation.key("events:write"), content_type)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["title"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "crm.lead.creatd"}, "crm.lead.created"),
        ({"data": {"lead": {}}}, "at least one of email"),
        ({"time": "yesterday"}, "time"),
        ({"time": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, "ahead"),
        ({"declaredhistory": True}, "events:history"),
    ],
)
def test_a_malformed_event_is_refused_with_what_to_do(
    installation: Installation, client: FlaskClient, changes: dict[str, Any], says: str
) -> None:
    answer = post(client, event(**changes), installation.key("events:write"))
    assert answer.status_code == 422
    assert says in answer.json["detail"]
    assert not held(installation, CRM_EVENTS)


def test_keys_deny_by_default(installation: Installation, client: FlaskClient) -> None:
    assert client.post("/v1/events").status_code == 401
    assert post(client, event(), "ecl_000000000000_nonsense").status_code == 401
    assert post(client, event(), installation.key("leads:read")).status_code == 403
    bound = installation.key("events:write", source="crm")
    assert post(client, event(), bound).status_code == 422
    assert post(client, event(source="crm"), bound).status_code == 202


def test_a_known_key_is_accepted_while_postgres_is_down(
    installation: Installation, client: FlaskClient
) -> None:
    key = installation.key("events:write")
    assert post(client, event(), key).status_code == 202
    installation.platform.execute(f"ALTER DATABASE {installation.database} ALLOW_CONNECTIONS false")
    installation.platform.execute(TERMINATE.format(installation.database))
    assert post(client, event(), key).status_code == 202
    # A process that never saw the key cannot vouch for it: nothing is taken, and it says when to come back.
    with running(installation) as another:
        answer = post(another, event(), key)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_without_kafka_the_answer_is_503_with_retry_after(installation: Installation) -> None:
    with running(installation, kafka_bootstrap_servers="127.0.0.1:1") as away:
        answer = post(away, event(), installation.key("events:write"))
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert away.get("/readyz").status_code == 503


def signed(body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body.decode()),
    }


def test_a_signed_webhook_is_taken_and_a_forged_one_is_not(
    installation: Installation, client: FlaskClient
) -> None:
    data = {"lead": {"email": "a@example.fr"}, "form": "contact"}
    body = json.dumps(
        {"type": "crm.form.submitted", "timestamp": datetime.now(UTC).isoformat(), "data": data}
    ).encode()
    headers = signed(body)
    assert client.post("/v1/webhooks/standard", data=body, headers=headers).status_code == 202
    assert client.post("/v1/webhooks/standard", data=body + b" ", headers=headers).status_code == 401
    assert client.post("/v1/webhooks/standard", data=body).status_code == 401
    assert len(held(installation, CRM_EVENTS)) == 1


def test_an_authentic_webhook_that_says_nothing_known_is_kept_raw(
    installation: Installation, client: FlaskClient
) -> None:
    for body in (b'{"hello": 1}', b"not json", b'{"type": "x", "timestamp": 1, "data": 2}'):
        answer = client.post("/v1/webhooks/standard", data=body, headers=signed(body))
        assert (answer.status_code, answer.json["accepted"]) == (202, 0)
    kept = [base64.b64decode(json.loads(r.value)["raw_base64"]) for r in held(installation, CRM_REJECTED)]
    assert b"not json" in kept
    assert b'{"hello": 1}' in kept


def test_a_source_without_secret_is_asked_to_come_again(client: FlaskClient) -> None:
    answer = client.post("/v1/webhooks/hubspot", data=b"[]")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert client.post("/v1/webhooks/unknown", data=b"[]").status_code == 404
