"""Bad input over HTTP that no other test tries: its answer, what it costs, what the log says of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook

from shared.contracts.topics import CRM_EVENTS, CRM_REJECTED
from tests.harness.platform import Installation
from tests.integration.test_ingest_http import ORGANISATION, SECRET, event, held, post, running

CANARY = "canary-7f3a@example.fr"
LEAD = {"email": CANARY}


def clock(minutes: int) -> dict[str, Any]:
    return {"time": (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()}


def data(**changes: Any) -> dict[str, Any]:
    return {"data": {"lead": LEAD, "form": "contact", **changes}}


# What is changed in a good event, and whether it is taken.
EVENTS: dict[str, tuple[dict[str, Any], bool]] = {
    "the sender's clock is 10 minutes late": (clock(-10), True),
    "the sender's clock is 10 minutes ahead": (clock(10), True),
    "an unknown field in the data": (data(colour="blue"), True),
    "another type of value": (data(lead=[CANARY]), False),
    "another type of a field": (data(form=7), False),
    "an unknown type of event": ({"type": "crm.form.sent"}, False),
    "an unknown version": ({"specversion": "2.0"}, False),
    "a header in the id": ({"id": "a\r\nX-Injected: 1"}, False),
    "a header in the source": ({"source": "forms\r\nX-Injected: 1"}, False),
}


@pytest.mark.parametrize(("changes", "taken"), EVENTS.values(), ids=EVENTS)
def test_a_changed_event_among_99_good_ones_costs_none_of_them(
    installation: Installation, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], taken: bool
) -> None:
    batch = [event(**data()) for _ in range(100)]
    batch[50] |= changes
    with running(installation) as client:
        answer = post(client, batch, installation.key("events:write"), "application/cloudevents-batch+json")
    refused = [] if taken else [50]
    assert (answer.status_code, answer.json["accepted"]) == (202, 100 - len(refused))
    assert [one["index"] for one in answer.json["rejected"]] == refused
    assert "X-Injected" not in answer.headers
    assert len(held(installation, CRM_EVENTS)) == 100 - len(refused)
    assert len(held(installation, CRM_REJECTED)) == len(refused)
    assert CANARY not in "".join(capsys.readouterr())


def standard(client: FlaskClient, age: timedelta, message_id: str = "msg_1") -> Any:
    at = datetime.now(UTC) - age
    body = json.dumps({"type": "crm.form.submitted", "timestamp": at.isoformat(), **data()})
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, at, body),
    }
    return client.post("/v1/webhooks/standard", data=body, headers=headers)


def salesforce(client: FlaskClient, prologue: str) -> Any:
    body = f"""<?xml version="1.0"?>{prologue}
        <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
        <notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{ORGANISATION}
        </OrganizationId><Notification><Id>{CANARY}&l1;</Id></Notification></notifications></s:Body>
        </s:Envelope>"""
    return client.post("/v1/webhooks/salesforce", data=body, content_type="text/xml")


# A webhook and the status it gets: a 4xx where nothing vouches for the sender.
WEBHOOKS: dict[str, tuple[Callable[[FlaskClient], Any], int]] = {
    "a signature within its window": (lambda client: standard(client, timedelta(minutes=4)), 202),
    "a signature after its window": (lambda client: standard(client, timedelta(minutes=10)), 401),
    "a signature before its window": (lambda client: standard(client, -timedelta(minutes=10)), 401),
    "a DTD": (lambda client: salesforce(client, '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'), 401),
    "an entity of a file": (
        lambda client: salesforce(client, '<!DOCTYPE x [<!ENTITY l1 SYSTEM "file:///etc/hostname">]>'),
        401,
    ),
    "a billion laughs": (
        lambda client: salesforce(
            client,
            "<!DOCTYPE x [<!ENTITY l9 'ha'>"
            + "".join(f"<!ENTITY l{n} '{f'&l{n + 1};' * 10}'>" for n in range(1, 9))
            + "]>",
        ),
        401,
    ),
}


@pytest.mark.parametrize(("send", "status"), WEBHOOKS.values(), ids=WEBHOOKS)
def test_a_webhook_out_of_its_window_or_with_a_dtd_is_refused(
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    send: Callable[[FlaskClient], Any],
    status: int,
) -> None:
    with running(installation) as client:
        answers = [send(client), send(client)]  # the same again is answered alike
    assert [answer.status_code for answer in answers] == [status, status]
    keys = {json.loads(record.value)["id"] for record in held(installation, CRM_EVENTS)}
    assert len(keys) == (status == 202)
    assert CANARY not in "".join(capsys.readouterr())
