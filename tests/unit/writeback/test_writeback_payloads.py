from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from services.writeback.payloads import ApprovalMismatch, outcome_event, read_reply, read_score
from shared.contracts.errors import InvalidEvent
from shared.contracts.validation import check
from tests.unit.writeback.records import a_reply, a_score


def test_a_score_is_sent_with_its_reasons_as_codes() -> None:
    score = a_score(
        "lead-1", 7, reasons=[{"code": "pages_viewed", "params": {"count": 3}, "contribution": 0.4}]
    )
    delivery = read_score(orjson.dumps(score))
    assert orjson.loads(delivery.body) == {"type": "lead.scored", "timestamp": score["as_of"], "data": score}
    assert (delivery.lead_id, delivery.score_version) == ("lead-1", 7)


def test_what_the_topic_gains_later_does_not_leave_by_itself() -> None:
    delivery = read_score(orjson.dumps(a_score("lead-1", 1) | {"email": "camille@example.org"}))
    assert b"camille" not in delivery.body


def test_an_unscored_lead_is_sent_as_null_not_zero() -> None:
    delivery = read_score(orjson.dumps(a_score("lead-1", 1, probability=None, grade=None, log_odds=None)))
    data = orjson.loads(delivery.body)["data"]
    assert (data["probability"], data["grade"]) == (None, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"lead_id": "\\u0000"}',
        orjson.dumps(a_score("lead-1", 2**63)),
        orjson.dumps(a_score("lead-1", 1)).replace(b'"score_version":1', b'"score_version":1e25'),
    ],
)
def test_a_malformed_score_is_invalid(raw: bytes) -> None:
    with pytest.raises(InvalidEvent):
        read_score(raw)


def test_an_approved_reply_is_sent_with_exactly_what_was_approved() -> None:
    reply = a_reply("lead-1", "draft-1")
    delivery = read_reply(orjson.dumps(reply))
    assert delivery
    sent = orjson.loads(delivery.body)
    assert (sent["type"], sent["timestamp"]) == ("reply.approved", reply["at"])
    assert sent["data"]["content"] == reply["content"]
    assert sent["data"]["user"] == reply["user"]
    assert delivery.dedupe_key == "draft-1"


@pytest.mark.parametrize("event", ["drafted", "rejected", "sent", "failed"])
def test_only_an_approval_is_sent(event: str) -> None:
    assert read_reply(orjson.dumps(a_reply("lead-1", "draft-1") | {"event": event})) is None


def altered(**changes: Any) -> dict[str, Any]:
    reply = a_reply("lead-1", "draft-1")
    return reply | {"content": reply["content"] | changes}


@pytest.mark.parametrize(
    "reply",
    [
        altered(body="another text"),
        altered(recipients=["someone.else@example.org"]),
        altered(attachments=["contract.pdf"]),
        a_reply("lead-1", "draft-1") | {"draft_id": "draft-2"},
        a_reply("lead-1", "draft-1") | {"version": 2},
    ],
)
def test_what_was_not_approved_is_refused(reply: dict[str, Any]) -> None:
    with pytest.raises(ApprovalMismatch):
        read_reply(orjson.dumps(reply))


@pytest.mark.parametrize("missing", ["content", "sha256", "user"])
def test_an_approval_must_say_who_and_what(missing: str) -> None:
    with pytest.raises(InvalidEvent):
        read_reply(orjson.dumps(a_reply("lead-1", "draft-1") | {missing: None}))


def test_the_webhook_id_is_the_same_for_the_same_reply() -> None:
    first, again = (read_reply(orjson.dumps(a_reply("lead-1", "draft-1"))) for _ in range(2))
    other = read_reply(orjson.dumps(a_reply("lead-1", "draft-2")))
    assert first
    assert again
    assert other
    assert first.id_at("webhook") == again.id_at("webhook") != other.id_at("webhook")


@pytest.mark.parametrize("event", ["sent", "failed"])
def test_the_outcome_event_is_as_the_contract_says_and_repeats_no_text(event: Any) -> None:
    delivery = read_reply(orjson.dumps(a_reply("lead-1", "draft-1")))
    assert delivery
    assert delivery.outcome
    record = outcome_event(delivery.outcome, event, datetime(2026, 3, 14, tzinfo=UTC))
    value = orjson.loads(record.value or b"")
    check(value, "reply.events")
    assert (record.key, value["event"], value["content"]) == ("lead-1", event, None)
