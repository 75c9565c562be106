"""Deliveries on a real Postgres to a real HTTP receiver; Kafka is in test_writeback_loop."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from services.writeback import store
from services.writeback.cli import app
from services.writeback.handlers import plan_deliveries
from services.writeback.retry import Pace
from services.writeback.sender import PARALLEL, Sender
from services.writeback.webhook import WebhookDestination
from shared.background import Repeated
from shared.contracts.topics import CRM_REJECTED, LEAD_SCORED, REPLY_EVENTS
from shared.postgres import Pool, connect_pool
from shared.records import Record
from tests.harness.processes import wait_until
from tests.harness.receiver import SECRET, Receiver, Reply, Request, running_receiver
from tests.unit.writeback.records import a_reply, a_score

QUICK = Pace(first_delay_s=0.01, longest_delay_s=0.05, give_up_s=3600, lease_s=60)
IMPATIENT = Pace(first_delay_s=0.01, give_up_s=0)


class House:
    """Write-back without Kafka: records are handed to its handler."""

    def __init__(self, pool: Pool, receiver: Receiver) -> None:
        self.pool, self.receiver = pool, receiver
        self.url = receiver.url
        self.register()

    def register(self) -> None:
        with self.pool.connection() as connection:
            store.register_destination(connection, WebhookDestination.name, self.url)

    def plan(self, *values: dict[str, Any] | bytes) -> None:
        records = [
            Record(
                *self._topic_and_key(value), value=value if isinstance(value, bytes) else orjson.dumps(value)
            )
            for value in values
        ]
        self.plan_records(records)

    def plan_records(self, records: Sequence[Record]) -> None:
        with self.pool.connection() as connection:
            plan_deliveries(
                connection, records, destination=WebhookDestination.name, kinds=frozenset({"score", "reply"})
            )

    @staticmethod
    def _topic_and_key(value: dict[str, Any] | bytes) -> tuple[str, int, int, str]:
        if isinstance(value, bytes):
            return REPLY_EVENTS, 0, 0, "lead-1"
        return LEAD_SCORED if "score_version" in value else REPLY_EVENTS, 0, 0, value["lead_id"]

    @contextmanager
    def sending(self, pace: Pace = QUICK, *, timeout_s: float = 5.0) -> Iterator[None]:
        destination = WebhookDestination(self.url, SECRET, allow_private=True, timeout_s=timeout_s)
        sender = Sender(self.pool, destination, pace=pace)
        thread = Repeated("sender", sender.send_due, idle_s=0.02)
        thread.start()
        try:
            yield
        finally:
            thread.stop()
            sender.close()
            destination.close()

    def rows(self) -> list[dict[str, Any]]:
        with self.pool.connection() as connection:
            return connection.execute("SELECT * FROM delivery ORDER BY seq").fetchall()

    def statuses(self) -> list[str]:
        return [row["status"] for row in self.rows()]

    def published(self, topic: str) -> list[dict[str, Any]]:
        """What waits in the outbox."""
        with self.pool.connection() as connection:
            rows = connection.execute("SELECT value FROM outbox WHERE topic = %s ORDER BY id", [topic])
            return [orjson.loads(row["value"]) for row in rows]

    def wait_for_statuses(self, *statuses: str) -> None:
        wait_until(lambda: self.statuses() == list(statuses), what=f"statuses {statuses}")

    def wait_until_held(self) -> None:
        def held() -> bool:
            with self.pool.connection() as connection:
                row = connection.execute("SELECT held_until > now() AS held FROM destination").fetchone()
            return bool(row and row["held"])

        wait_until(held, what="the destination held")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def house(database_url: str, receiver: Receiver) -> Iterator[House]:
    with connect_pool(database_url, schema=store.SCHEMA, max_size=PARALLEL * 2 + 4) as pool:
        yield House(pool, receiver)


def first_then(first: Reply) -> Callable[[Request, int], Reply]:
    return lambda _request, number: first if number == 1 else Reply()


def versions(receiver: Receiver) -> list[int]:
    return [request.payload["data"]["score_version"] for request in receiver.requests]


def test_a_delivered_reply_is_told_to_be_sent(house: House, receiver: Receiver) -> None:
    house.plan(a_score("lead-1", 1), a_reply("lead-1", "draft-1"))
    with house.sending():
        house.wait_for_statuses("delivered", "delivered")
    assert [request.payload["type"] for request in receiver.requests] == ["lead.scored", "reply.approved"]
    (sent,) = house.published(REPLY_EVENTS)
    assert (sent["event"], sent["draft_id"]) == ("sent", "draft-1")
    assert receiver.forged == 0


def test_redelivered_records_are_sent_once(house: House, receiver: Receiver) -> None:
    records = a_score("lead-1", 1), a_reply("lead-1", "draft-1"), a_reply("lead-1", "draft-1")
    house.plan(*records)
    with house.sending():
        house.wait_for_statuses("delivered", "delivered")
        house.plan(*records)
    assert house.statuses() == ["delivered", "delivered"]
    assert len(receiver.requests) == 2


def test_what_was_processed_before_the_connection_dropped_has_one_effect(
    house: House, receiver: Receiver
) -> None:
    receiver.script = first_then(Reply(drop=True))
    house.plan(a_reply("lead-1", "draft-1"))
    with house.sending():
        house.wait_for_statuses("delivered")
    first, second = receiver.requests
    assert first.webhook_id == second.webhook_id
    assert first.body == second.body
    assert len(receiver.effects) == 1
    assert [event["event"] for event in house.published(REPLY_EVENTS)] == ["sent"]


def test_a_silent_receiver_is_tried_again_with_the_same_id(house: House, receiver: Receiver) -> None:
    silent = threading.Event()
    receiver.script = first_then(Reply(until=silent))
    house.plan(a_reply("lead-1", "draft-1"))
    with house.sending(timeout_s=0.2):
        house.wait_for_statuses("delivered")
    silent.set()
    assert len({request.webhook_id for request in receiver.requests}) == 1
    assert len(receiver.requests) == 2


def test_retry_after_is_honoured_for_the_whole_destination(house: House, receiver: Receiver) -> None:
    receiver.script = first_then(Reply(503, {"retry-after": "1"}))
    house.plan(a_score("lead-1", 1))
    with house.sending():
        house.wait_until_held()
        house.plan(a_score("lead-2", 1))
        house.wait_for_statuses("delivered", "delivered")
    refused, *later = receiver.requests
    assert len(later) == 2
    assert min(request.at for request in later) - refused.at >= 0.9  # what held it is Postgres's clock


def test_throttling_without_retry_after_holds_the_destination_too(house: House, receiver: Receiver) -> None:
    receiver.script = first_then(Reply(429))
    house.plan(a_score("lead-1", 1))
    with house.sending(Pace(first_delay_s=600)):
        house.wait_until_held()
        house.plan(a_score("lead-2", 1))
    assert len(receiver.requests) == 1


def test_gone_disables_the_destination_until_it_is_resumed(house: House, receiver: Receiver) -> None:
    receiver.script = first_then(Reply(410))
    house.plan(a_reply("lead-1", "draft-1"), a_score("lead-1", 1))
    with house.sending():
        house.wait_for_statuses("disabled", "disabled")
        house.plan(a_score("lead-2", 1))
        assert house.statuses() == ["disabled"] * 3
        assert len(receiver.requests) == 1
        assert house.published(REPLY_EVENTS) == []
        with house.pool.connection() as connection:
            assert store.resume(connection, WebhookDestination.name) == 3
        house.wait_for_statuses("delivered", "delivered", "delivered")
    assert [event["event"] for event in house.published(REPLY_EVENTS)] == ["sent"]


def test_another_url_is_another_chance(house: House, receiver: Receiver) -> None:
    receiver.script = first_then(Reply(410))
    house.plan(a_score("lead-1", 1))
    with house.sending():
        house.wait_for_statuses("disabled")
    house.register()
    house.plan(a_score("lead-2", 1))
    assert house.statuses() == ["disabled", "disabled"]
    house.url = receiver.url + "&new=1"
    house.register()
    house.plan(a_score("lead-3", 1))
    assert house.statuses() == ["disabled", "disabled", "pending"]


@pytest.mark.parametrize("status", [302, 400, 500])
def test_a_reply_given_up_is_told_to_have_failed(house: House, receiver: Receiver, status: int) -> None:
    receiver.script = lambda _request, _number: Reply(status, {"location": receiver.url})
    house.plan(a_reply("lead-1", "draft-1"))
    with house.sending(IMPATIENT):
        house.wait_for_statuses("failed")
    (row,) = house.rows()
    assert (row["last_status"], row["last_error"], row["attempts"]) == (status, "http_status", 1)
    assert [event["event"] for event in house.published(REPLY_EVENTS)] == ["failed"]
    assert len(receiver.requests) == 1


def test_what_was_given_up_does_not_hold_back_the_lead(house: House, receiver: Receiver) -> None:
    receiver.script = first_then(Reply(500))
    house.plan(a_reply("lead-1", "draft-1"), a_reply("lead-1", "draft-2"))
    with house.sending(IMPATIENT):
        house.wait_for_statuses("failed", "delivered")


def test_an_older_score_is_ignored_and_a_waiting_one_superseded(house: House, receiver: Receiver) -> None:
    house.plan(a_score("lead-1", 2), a_score("lead-1", 1))
    house.plan(a_score("lead-1", 1))
    house.plan(a_score("lead-1", 5), a_score("lead-2", 1))
    house.plan(a_score("lead-1", 4))
    assert house.statuses() == ["superseded", "pending", "pending"]
    with house.sending():
        house.wait_for_statuses("superseded", "delivered", "delivered")
    assert sorted(versions(receiver)) == [1, 5]


def test_a_newer_score_waits_for_the_one_in_flight(house: House, receiver: Receiver) -> None:
    answered = threading.Event()
    receiver.script = first_then(Reply(until=answered))
    house.plan(a_score("lead-1", 1))
    with house.sending():
        receiver.wait_for(lambda: len(receiver.requests) == 1)
        house.plan(a_score("lead-1", 2))
        assert house.statuses() == ["pending", "pending"]
        answered.set()
        house.wait_for_statuses("delivered", "delivered")
    assert versions(receiver) == [1, 2]


def test_a_failed_score_with_a_newer_one_behind_it_is_not_retried(house: House, receiver: Receiver) -> None:
    answered = threading.Event()
    receiver.script = first_then(Reply(500, until=answered))
    house.plan(a_score("lead-1", 1))
    with house.sending():
        receiver.wait_for(lambda: len(receiver.requests) == 1)
        house.plan(a_score("lead-1", 2))
        answered.set()
        house.wait_for_statuses("superseded", "delivered")
    assert versions(receiver) == [1, 2]


def test_several_are_sent_at_once_but_one_at_a_time_per_lead_and_in_order(
    house: House, receiver: Receiver
) -> None:
    leads = [f"lead-{n}" for n in range(12)]
    together = threading.Event()
    receiver.script = lambda _request, number: Reply(
        500 if number % 5 == 0 else 204, until=together if number <= PARALLEL else None
    )
    house.plan(*(a_reply(lead, f"{lead}-{n}") for n in range(4) for lead in leads))
    with house.sending(), house.sending():
        receiver.wait_for(lambda: receiver.most_in_flight >= PARALLEL)
        together.set()
        house.wait_for_statuses(*["delivered"] * 48)
    assert receiver.most_in_flight_of_a_lead == 1
    assert len(receiver.effects) == 48
    for lead in leads:
        order = [
            payload["data"]["draft_id"]
            for payload in receiver.effects.values()
            if payload["data"]["lead_id"] == lead
        ]
        assert order == [f"{lead}-{n}" for n in range(4)]


def test_two_senders_send_each_delivery_once(house: House, receiver: Receiver) -> None:
    house.plan(*(a_score(f"lead-{n}", 1) for n in range(200)))
    with house.sending(), house.sending():
        house.wait_for_statuses(*["delivered"] * 200)
    assert len(receiver.requests) == len(receiver.effects) == 200


def test_a_reply_does_not_wait_behind_the_scores_of_other_leads(house: House, receiver: Receiver) -> None:
    house.plan(*(a_score(f"lead-{n}", 1) for n in range(100)))
    house.plan(a_reply("lead-99", "draft-1"))
    with house.sending():
        house.wait_for_statuses(*["delivered"] * 101)
    place = [request.payload["type"] for request in receiver.requests].index("reply.approved")
    assert place <= 3 * PARALLEL


def test_an_erased_lead_is_forgotten(house: House) -> None:
    house.plan(a_score("lead-1", 1), a_reply("lead-1", "draft-1"), a_score("lead-2", 1))
    house.plan_records([Record(LEAD_SCORED, 0, 1, "lead-1", None)])
    assert [row["lead_id"] for row in house.rows()] == ["lead-2"]


def test_a_reply_approved_beside_an_erasure_is_not_sent(house: House) -> None:
    approved = Record(REPLY_EVENTS, 0, 1, "lead-1", orjson.dumps(a_reply("lead-1", "draft-1")))
    house.plan_records([approved, Record(LEAD_SCORED, 0, 1, "lead-1", None)])
    assert house.rows() == []


def test_what_is_malformed_or_was_not_approved_is_kept_aside_and_never_sent(
    house: House, receiver: Receiver
) -> None:
    tampered = a_reply("lead-1", "draft-1")
    tampered["content"]["body"] = "something else"
    house.plan(b"{", tampered, b'"\\u0000"', a_score("lead-2", 1))
    with house.sending():
        house.wait_for_statuses("delivered")
    rejected = house.published(CRM_REJECTED)
    assert [value["reason"] for value in rejected] == ["invalid_event", "approval_mismatch", "invalid_event"]
    assert [request.payload["type"] for request in receiver.requests] == ["lead.scored"]


def test_the_command_lists_deliveries_without_what_they_say(
    house: House, settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.plan(a_score("lead-1", 1), a_reply("lead-1", "draft-1"))
    for name, value in settings_env.items():
        monkeypatch.setenv(name, value)
    listed = CliRunner().invoke(app, ["deliveries", "list", "--json"])
    assert listed.exit_code == 0
    assert [row["kind"] for row in orjson.loads(listed.stdout)["deliveries"]] == ["reply", "score"]
    assert "Bonjour" not in listed.stdout
    assert CliRunner().invoke(app, ["deliveries", "list", "--status", "failed"]).exit_code == 0
    assert "0 deliveries" in CliRunner().invoke(app, ["deliveries", "resume"]).stdout
