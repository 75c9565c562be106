"""Which draft a lead shows."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import orjson
import pytest

from services.scoring.drafts import ReplyEvent, ShownDraft, follow, read_reply
from shared.contracts.errors import InvalidEvent
from shared.records import Record

START = datetime(2026, 3, 1, tzinfo=UTC)
LEAD, OLD, NEW = UUID(int=1), UUID(int=2), UUID(int=3)


def reply(draft: UUID, event: str, hour: float) -> ReplyEvent:
    return ReplyEvent(LEAD, draft, event, START + timedelta(hours=hour))


def shown(*replies: ReplyEvent) -> tuple[UUID, str]:
    draft: ShownDraft | None = None
    for one in replies:
        draft = follow(draft, one)
    assert draft is not None
    return draft.draft_id, draft.status


@pytest.mark.parametrize("late", ["approved", "rejected", "sent", "failed", "drafted"])
def test_what_becomes_of_an_old_draft_hides_no_newer_one_that_waits(late: str) -> None:
    old = reply(OLD, late, 0 if late == "drafted" else 9)
    assert shown(reply(OLD, "drafted", 0), reply(NEW, "drafted", 2), old) == (NEW, "waiting")


def test_a_newer_draft_is_shown_even_if_the_old_one_was_told_of_later() -> None:
    before = (reply(OLD, "drafted", 0), reply(OLD, "approved", 1), reply(OLD, "sent", 5))
    assert shown(*before) == (OLD, "sent")
    assert shown(*before, reply(NEW, "drafted", 2)) == (NEW, "waiting")


def test_a_draft_moves_forward_only_however_often_and_in_which_order_it_is_told() -> None:
    replies = (reply(OLD, "approved", 1), reply(OLD, "failed", 2), reply(OLD, "sent", 3))
    for order in permutations(replies):
        assert shown(reply(OLD, "drafted", 0), *order, *replies) == (OLD, "sent")


def test_a_delivery_of_an_old_draft_does_not_hide_a_decided_newer_one() -> None:
    newer = (reply(OLD, "drafted", 0), reply(NEW, "drafted", 2), reply(NEW, "rejected", 3))
    assert shown(*newer, reply(OLD, "sent", 4)) == (NEW, "rejected")


def test_a_draft_that_the_lead_overtook_waits_no_more_and_a_newer_one_takes_its_place() -> None:
    overtaken = (reply(OLD, "drafted", 0), reply(OLD, "stale", 2))
    assert shown(*overtaken) == (OLD, "stale")
    assert shown(*overtaken, reply(NEW, "drafted", 2)) == (NEW, "waiting")
    assert shown(*overtaken, reply(NEW, "approved", 3)) == (NEW, "approved")
    assert shown(reply(OLD, "drafted", 0), reply(OLD, "approved", 1), reply(OLD, "stale", 2)) == (
        OLD,
        "approved",
    )


def test_a_draft_never_announced_is_shown_once_a_person_decided_on_it() -> None:
    assert shown(reply(OLD, "approved", 1)) == (OLD, "approved")
    assert shown(reply(OLD, "drafted", 0), reply(OLD, "sent", 1), reply(NEW, "approved", 2)) == (
        NEW,
        "approved",
    )


@pytest.mark.parametrize("change", [{"lead_id": "x"}, {"draft_id": "7"}, {"at": "yesterday"}, {"event": "x"}])
def test_a_reply_that_cannot_be_read_is_refused(change: dict[str, str]) -> None:
    value = {
        "event": "sent",
        "draft_id": str(OLD),
        "version": 1,
        "lead_id": str(LEAD),
        "at": "2026-03-01T00:00:00Z",
        "user": None,
        "message": {"source": "mail", "id": "1"},
        "content": None,
        "sha256": None,
        "demo": False,
    }
    assert read_reply(Record("reply.events.v1", 0, 0, "", orjson.dumps(value))) == reply(OLD, "sent", 0)
    with pytest.raises(InvalidEvent):
        read_reply(Record("reply.events.v1", 0, 0, "", orjson.dumps(value | change)))
