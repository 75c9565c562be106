"""The draft that a lead shows, on the real Postgres."""

from uuid import uuid4

from shared.contracts.topics import CRM_REJECTED
from tests.harness.history import created, only_lead, published, replies, reply, take_in
from tests.harness.platform import Installation


def test_a_late_delivery_of_an_old_draft_does_not_hide_one_that_waits(installation: Installation) -> None:
    take_in(installation, [created()])
    of, old, new = str(only_lead(installation)["lead_id"]), str(uuid4()), str(uuid4())
    replies(installation, reply("drafted", 1, of, old), reply("approved", 2, of, old))
    replies(installation, reply("drafted", 3, of, new))
    replies(installation, reply("sent", 4, of, old))
    shown = only_lead(installation)
    assert (str(shown["draft_id"]), shown["draft_status"]) == (new, "waiting")
    replies(installation, reply("rejected", 5, of, new), reply("drafted", 3, of, new))
    assert only_lead(installation)["draft_status"] == "rejected"


def test_a_reply_that_names_no_lead_stops_nothing(installation: Installation) -> None:
    take_in(installation, [created()])
    of = str(only_lead(installation)["lead_id"])
    replies(
        installation,
        reply("drafted", 1, "not a uuid"),
        reply("drafted", 1, str(uuid4())),
        reply("drafted", 1, of),
    )
    assert only_lead(installation)["draft_status"] == "waiting"
    assert [rejected["reason"] for rejected in published(installation, CRM_REJECTED)] == ["invalid_event"]
