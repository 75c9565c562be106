"""What ingest answers: 202 only for what Kafka holds, and words that help for everything else."""

import base64
import gzip
import hmac
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from flask.testing import FlaskClient
from kafka import KafkaConsumer, TopicPartition
from standardwebhooks import Webhook

from services.ingest.app import create_app
from services.ingest.handlers import on_rejected
from services.ingest.settings import IngestSettings
from shared.contracts.rejection import rejected
from shared.contracts.topics import CRM_EVENTS, CRM_REJECTED
from shared.http import close
from shared.records import Record
from tests.harness.platform import Installation
from tests.harness.processes import server, wait_until

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
SECRET = "whsec_" + base64.b64encode(b"7" * 32).decode()
ORGANISATION = "00D5g00000ABCDEEA1"
WEBHOOK_SECRETS = {
    "salesforce": [ORGANISATION],
    "odoo": ["in the address"],
    "mail": ["relay:password"],
    "segment": ["new", "previous"],
}


def settings(installation: Installation, **others: Any) -> IngestSettings:
    values = {
        "database_url": installation.database_url,
        "kafka_bootstrap_servers": installation.platform.bootstrap,
        "topic_prefix": installation.topic_prefix,
        "token_secret": installation.token_secret,
        "ingest_webhook_secrets": {"standard": [SECRET], **WEBHOOK_SECRETS},
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
    key, first = installation.key("events:write"), event()
    # A new producer on a busy machine may not have its broker's word in time: 503, and again.
    wait_until(lambda: post(client, first, key).status_code == 202, what="the key known")
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


def test_a_configured_secret_that_cannot_be_one_is_503_and_names_the_setting(
    installation: Installation,
) -> None:
    for unusable in ("whsec_é", "", "whsec_a"):
        with running(installation, ingest_webhook_secrets={"standard": [unusable]}) as client:
            answer = client.post("/v1/webhooks/standard", data=b"{}", headers=signed(b"{}"))
            assert answer.status_code == 503
            assert "INGEST_WEBHOOK_SECRETS" in answer.json["detail"]
            assert unusable == "" or unusable not in answer.json["detail"]
            assert int(answer.headers["Retry-After"]) > 0
    # A good one beside it still opens the door: they may be in the midst of a rotation.
    with running(installation, ingest_webhook_secrets={"standard": ["whsec_é", SECRET]}) as client:
        assert client.post("/v1/webhooks/standard", data=b"{}", headers=signed(b"{}")).status_code == 202


def segment_call(*calls: dict[str, Any], key: str = "new") -> dict[str, Any]:
    body = json.dumps(calls).encode()
    return {"data": body, "headers": {"X-Signature": hmac.new(key.encode(), body, "sha1").hexdigest()}}


def segment_page(message_id: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"type": "page", "messageId": message_id, "anonymousId": "a", "timestamp": now}


def test_one_bad_notification_of_a_webhook_costs_no_other(
    installation: Installation, client: FlaskClient
) -> None:
    bad = {"type": "alias", "messageId": "m2", "timestamp": "2026-03-02T09:02:31Z"}
    posted = segment_call(segment_page("m1"), bad, segment_page("m3"), key="previous")
    answer = client.post("/v1/webhooks/segment", **posted)
    assert (answer.status_code, answer.json["accepted"]) == (202, 2)
    assert [refused["index"] for refused in answer.json["rejected"]] == [1]
    assert {json.loads(record.value)["id"] for record in held(installation, CRM_EVENTS)} == {"m1", "m3"}
    (kept,) = (json.loads(record.value) for record in held(installation, CRM_REJECTED))
    assert json.loads(base64.b64decode(kept["raw_base64"])) == bad


def test_no_hostile_body_of_an_authentic_webhook_is_an_error_or_lost(
    installation: Installation, client: FlaskClient
) -> None:
    bodies = [
        b"",
        b"\xff\xfe",
        b"null",
        b"{}",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"messageId": "\\u0000", "type": "page"}',
        b'{"messageId": "\\ud800", "type": "page"}',
        b'{"type": "page", "type": "track"}',
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b"x" * 700_000,
    ]
    for body in bodies:
        signature = hmac.new(b"new", body, "sha1").hexdigest()
        answer = client.post(
            "/v1/webhooks/segment", data=body, headers={"X-Signature": signature}, content_type="text/plain"
        )
        assert (answer.status_code, answer.json["accepted"]) == (202, 0), body[:20]
    kept = [json.loads(record.value) for record in held(installation, CRM_REJECTED)]
    assert sorted(base64.b64decode(one["raw_base64"]) for one in kept) == sorted(bodies)
    too_large = b"x" * 700_001
    signature = hmac.new(b"new", too_large, "sha1").hexdigest()
    answer = client.post("/v1/webhooks/segment", data=too_large, headers={"X-Signature": signature})
    assert answer.status_code == 413
    assert client.post("/v1/webhooks/segment", data=b"{}", headers={"X-Signature": "é"}).status_code == 401


def test_salesforce_gets_the_acknowledgement_that_it_waits_for(
    installation: Installation, client: FlaskClient
) -> None:
    body = f"""<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>
        <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
        <OrganizationId>{ORGANISATION}</OrganizationId><Notification><Id>04l1</Id>
        <sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>00Q1</sf:Id>
        <sf:Email>claire@example.fr</sf:Email></sObject></Notification></notifications></s:Body></s:Envelope>"""
    answer = client.post("/v1/webhooks/salesforce", data=body.encode(), content_type="text/xml")
    assert (answer.status_code, answer.content_type) == (200, "text/xml; charset=utf-8")
    assert b"<Ack>true</Ack>" in answer.data
    assert len(held(installation, CRM_EVENTS)) == 1
    forged = body.replace(ORGANISATION, "00D000000000000EAA").encode()
    assert client.post("/v1/webhooks/salesforce", data=forged, content_type="text/xml").status_code == 401


def test_odoos_secret_is_in_the_address(installation: Installation, client: FlaskClient) -> None:
    lead = {"_model": "crm.lead", "_id": 1, "_action": "x(#1)", "email_from": "claire@example.fr"}
    assert client.post("/v1/webhooks/odoo?secret=in%20the+address", json=lead).status_code == 202
    for address in ("/v1/webhooks/odoo", "/v1/webhooks/odoo?secret=", "/v1/webhooks/odoo?secret=x"):
        assert client.post(address, json=lead).status_code == 401
    assert len(held(installation, CRM_EVENTS)) == 1


def test_a_mail_with_a_large_attachment_is_taken_without_it(
    installation: Installation, client: FlaskClient
) -> None:
    made = EmailMessage()
    made["From"], made["Subject"] = "Claire <claire@example.fr>", "Devis"
    made.set_content("Bonjour, un devis ?")
    made.add_attachment(b"x" * 2_000_000, maintype="application", subtype="pdf", filename="plan.pdf")
    sent: dict[str, Any] = {"data": made.as_bytes(), "content_type": "message/rfc822"}
    assert client.post("/v1/webhooks/mail", auth=("relay", "password"), **sent).status_code == 202
    assert client.post("/v1/webhooks/mail", auth=("relay", "wrong"), **sent).status_code == 401
    (record,) = held(installation, CRM_EVENTS)
    assert json.loads(record.value)["data"]["text"] == "Bonjour, un devis ?"
    without_sender = {**sent, "data": b"Subject: x\r\n\r\n" + b"y" * 2_000_000}
    answer = client.post("/v1/webhooks/mail", auth=("relay", "password"), **without_sender)
    assert (answer.status_code, answer.json["accepted"]) == (202, 0)
    (kept,) = (json.loads(record.value) for record in held(installation, CRM_REJECTED))
    assert (kept["content_type"], kept["source"]) == ("message/rfc822", "mail")


def test_a_webhook_address_says_that_it_is_one(client: FlaskClient) -> None:
    assert client.head("/v1/webhooks/intercom").status_code == 200
    assert client.get("/v1/webhooks/unknown").status_code == 404


def test_a_sources_key_sees_only_what_was_refused_of_its_source(
    installation: Installation, client: FlaskClient
) -> None:
    sources = ("forms", "forms|email:a@example.fr", "formsandmore", "crm")
    records = [
        Record(
            CRM_REJECTED,
            0,
            offset,
            source,
            rejected(b"x", source=source, connector="events", reason="r", detail=str(offset)).value,
        )
        for offset, source in enumerate(sources)
    ]
    with installation.connect("ingest") as connection:
        on_rejected(connection, records)

    def seen(token: str) -> list[str]:
        answer = client.get("/v1/rejected", headers={"Authorization": f"Bearer {token}"})
        return sorted(row["detail"] for row in answer.json["rejected"])

    assert seen(installation.key("rejected:read")) == ["0", "1", "2", "3"]
    assert seen(installation.key("rejected:read", source="forms")) == ["0", "1"]
    assert seen(installation.key("rejected:read", source="elsewhere")) == []


def test_the_topics_are_described_to_anyone(client: FlaskClient) -> None:
    answer = client.get("/asyncapi.json")
    assert (answer.status_code, answer.json["asyncapi"]) == (200, "3.0.0")
    assert CRM_EVENTS in answer.json["channels"]


def test_a_body_without_length_over_the_limit_is_refused_whole(
    installation: Installation, tmp_path: Path
) -> None:
    """Cut at the limit it would be taken in part, and the rest lost behind a 202."""
    lines = [json.dumps(event()).encode() + b"\n" for _ in range(300)]
    env = {**installation.environment, "INGEST_MAX_BODY_BYTES": "20000"}
    headers = {
        "Authorization": f"Bearer {installation.key('events:write')}",
        "Content-Type": "application/x-ndjson",
    }
    with server("ingest", env, tmp_path / "ingest.log") as url:
        answer = httpx.post(f"{url}/v1/events", content=iter(lines), headers=headers)
        assert answer.status_code == 413
        few = httpx.post(f"{url}/v1/events", content=iter(lines[:20]), headers=headers)
        assert (few.status_code, few.json()["accepted"]) == (202, 20)
        bomb = {
            "content": gzip.compress(b"\n" * 1_000_000),
            "headers": {**headers, "Content-Encoding": "gzip"},
        }
        assert httpx.post(f"{url}/v1/events", **bomb).status_code == 413
        # Nothing of it is read: it is refused by its length, and the next call finds the server as it was.
        huge = httpx.post(f"{url}/v1/events", content=b"x" * 100_000_000, headers=headers, timeout=60)
        assert huge.status_code == 413
    assert len(held(installation, CRM_EVENTS)) == 20


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_compressed_bodies_are_taken(
    installation: Installation, client: FlaskClient, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    lines = b"\n".join(json.dumps(event()).encode() for _ in range(3))
    headers = {
        "Authorization": f"Bearer {installation.key('events:write')}",
        "Content-Type": "application/x-ndjson",
        "Content-Encoding": encoding,
    }
    assert client.post("/v1/events", data=pack(lines), headers=headers).json["accepted"] == 3
    cut = client.post("/v1/events", data=pack(lines)[:-4], headers=headers)
    assert (cut.status_code, cut.content_type) == (400, "application/problem+json")
    unknown = client.post("/v1/events", data=lines, headers={**headers, "Content-Encoding": "br"})
    assert (unknown.status_code, unknown.headers["Accept-Encoding"]) == (415, "gzip, zstd")
    assert len(held(installation, CRM_EVENTS)) == 3


def test_an_id_used_twice_with_different_content_is_reported_and_kept(
    installation: Installation, client: FlaskClient
) -> None:
    first = event()
    batch = [first, {**first, "data": {**first["data"], "form": "other"}}, first]
    answer = post(client, batch, installation.key("events:write"), "application/cloudevents-batch+json").json
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert [(one["index"], one["id"]) for one in answer["rejected"]] == [(1, first["id"])]
    (kept,) = (json.loads(record.value) for record in held(installation, CRM_REJECTED))
    assert kept["reason"] == "id_reused"
    assert json.loads(base64.b64decode(kept["raw_base64"]))["data"]["form"] == "other"
    assert len(held(installation, CRM_EVENTS)) == 1


def test_while_kafka_is_away_events_and_rejections_wait_on_the_disk(
    installation: Installation, tmp_path: Path
) -> None:
    key = installation.key("events:write")
    state = {"ingest_state_dir": tmp_path / "state"}
    with running(installation, kafka_bootstrap_servers="127.0.0.1:1", **state) as away:
        for n in range(3):
            assert post(away, [event(id=str(n)), {"id": "bad"}], key, "application/json").status_code == 202
        ready = away.get("/readyz")
        assert (ready.status_code, ready.json["kafka"]) == (200, False)
        assert (ready.json["spool"]["records"], ready.json["spool"]["writable"]) == (6, True)
        assert b"ingest_spool_records 6.0" in away.get("/metrics").data
    with running(installation, **state) as back:
        wait_until(lambda: back.get("/readyz").json["spool"]["records"] == 0, what="an empty spool")
    assert [json.loads(record.value)["id"] for record in held(installation, CRM_EVENTS)] == ["0", "1", "2"]
    assert len(held(installation, CRM_REJECTED)) == 3


def test_when_neither_kafka_nor_the_disk_takes_it_the_answer_is_503(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for state in ({"ingest_state_dir": tmp_path / "file"}, {"ingest_spool_max_bytes": 0}):
        with running(installation, kafka_bootstrap_servers="127.0.0.1:1", **state) as away:
            answer = post(away, event(), installation.key("events:write"))
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert away.get("/readyz").status_code == 503


def test_a_sender_over_its_rate_is_told_when_to_come_back(installation: Installation) -> None:
    rates = {"ingest_key_events_per_s": 0.01, "ingest_webhook_events_per_s": 0.01}
    with running(installation, **rates) as limited:
        key = installation.key("events:write")
        assert post(limited, event(), key).status_code == 202
        refused = post(limited, event(), key)
        assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
        assert 80 <= int(refused.headers["Retry-After"]) <= 90
        assert post(limited, event(), installation.key("events:write")).status_code == 202
        # A 4xx is final to most vendors: they are told 503.
        assert limited.post("/v1/webhooks/odoo?secret=x", data=b"{}").status_code == 401
        for status in (202, 503):
            sent = limited.post("/v1/webhooks/segment", data=b"{}", headers=segment_signature(b"{}"))
            assert sent.status_code == status
        for status in (202, 429):
            sent = limited.post("/v1/webhooks/standard", data=b"{}", headers=signed(b"{}"))
            assert sent.status_code == status
    assert len(held(installation, CRM_EVENTS)) == 2


def segment_signature(body: bytes) -> dict[str, str]:
    return {"x-signature": hmac.new(b"new", body, "sha1").hexdigest()}


@pytest.mark.parametrize(
    ("content_type", "join"),
    [
        ("application/x-ndjson", b"\n".join),
        ("application/cloudevents-batch+json", lambda events: b"[" + b",".join(events) + b"]"),
    ],
)
def test_many_events_may_come_under_one_signature(
    installation: Installation, client: FlaskClient, content_type: str, join: Callable[[list[bytes]], bytes]
) -> None:
    events = [event(source="standard"), event(source="standard"), event(source="elsewhere")]
    body = join([json.dumps(one).encode() for one in events])
    headers = {**signed(body), "Content-Type": content_type}
    answer = client.post("/v1/webhooks/standard", data=body, headers=headers)
    assert (answer.status_code, answer.json["accepted"]) == (202, 2)
    assert [one["index"] for one in answer.json["rejected"]] == [2]  # it signs for its own source only
    assert client.post("/v1/webhooks/standard", data=body + b" ", headers=headers).status_code == 401
    assert len(held(installation, CRM_EVENTS)) == 2


HOSTILE = {
    "bad UTF-8": b'{"id": "\xff"}',
    "NUL": b'{"id": "\\u0000"}',
    "a lone surrogate": b'{"id": "\\ud800"}',
    "NaN": b'{"id": NaN}',
    "1e999": b'{"id": 1e999}',
    "deep": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "not JSON": b"\x00\x01",
    "a number": b"12345678901234567890123456789012345678901234567890",
}


BODIES: dict[str, Callable[[list[bytes]], bytes]] = {
    "application/x-ndjson": b"\n".join,
    "application/cloudevents-batch+json": lambda events: b" [" + b" ,\n".join(events) + b"]\n",
}


@pytest.mark.parametrize(("content_type", "join"), BODIES.items(), ids=["NDJSON", "batch"])
@pytest.mark.parametrize("bad", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_event_costs_no_neighbour(
    installation: Installation, client: FlaskClient, bad: bytes, content_type: str, join: Callable[..., bytes]
) -> None:
    good = [json.dumps(event(subject='a "quoted], [ name')).encode() for _ in range(99)]
    body = join([*good[:50], bad, *good[50:]])
    answer = post(client, body, installation.key("events:write"), content_type)
    assert (answer.status_code, answer.json["accepted"]) == (202, 99)
    assert [one["index"] for one in answer.json["rejected"]] == [50]
    assert len(held(installation, CRM_EVENTS)) == 99
    assert len(held(installation, CRM_REJECTED)) == 1


def test_odd_headers_are_no_servers_error(installation: Installation, client: FlaskClient) -> None:
    key = installation.key("events:write")
    sent = [
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "é" * 1000},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip,zstd"},
        {"Content-Type": "application/json", "traceparent": "00-x\t" + "a" * 5000},
        {"Content-Type": "application/json", "Content-Length": "x"},
    ]
    for headers in sent:
        answer = client.post(
            "/v1/events", data=json.dumps(event()), headers={"Authorization": f"Bearer {key}", **headers}
        )
        assert answer.status_code < 500
    twice = json.dumps(event()).replace('"source": "forms"', '"source": "a|b", "source": "forms"')
    assert post(client, twice.encode(), key).status_code == 202
    for record in held(installation, CRM_EVENTS):
        assert record.value.count(b'"source"') == 1  # no reader is left to choose between two
