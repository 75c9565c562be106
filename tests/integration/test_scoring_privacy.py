"""What must not leave with a log line or a score, and what is left of an erased lead."""

from uuid import uuid4

import structlog

from shared.contracts.topics import LEAD_MESSAGES, LEAD_SCORED
from tests.harness.history import (
    count,
    created,
    event,
    only_lead,
    publish_a_model,
    published,
    replies,
    reply,
    take_in,
)
from tests.harness.platform import Installation

CANARY = "Zébulon"


def test_no_personal_data_in_logs_nor_in_announced_scores(installation: Installation) -> None:
    publish_a_model(installation)
    about = {
        "email": f"{CANARY}@example.fr",
        "name": CANARY,
        "company": CANARY,
        "phone": "+33 6 12 34 56 78",
        "attributes": {"size": CANARY, "note": CANARY},
    }
    with structlog.testing.capture_logs() as logged:
        events = [
            created(lead=about, subject=f"{CANARY}@example.fr"),
            event("m", "crm.message.received", hours=1, history=False, text=CANARY, lead=about),
        ]
        take_in(installation, events)
        take_in(installation, [created(lead=about | {"name": f"{CANARY} B"}, subject=f"{CANARY}@example.fr")])
        replies(installation, {**reply("drafted", 1, str(uuid4())), "lead_id": CANARY})
    assert {line["event"] for line in logged} >= {"events_folded", "record_rejected"}
    assert CANARY.lower() not in repr(logged).lower()
    announced = published(installation, LEAD_SCORED)
    assert announced
    assert not any(
        secret in repr(announced).lower()
        for secret in (CANARY.lower(), "example.fr", "12 34 56", "612345678")
    )


def test_erased_stays_erased_and_nothing_of_it_is_stored(installation: Installation) -> None:
    publish_a_model(installation)
    take_in(installation, [created(owner="lea")])
    gone = only_lead(installation)["lead_id"]
    replies(installation, reply("drafted", 1, str(gone)))
    take_in(installation, [event("gone", "crm.lead.erased", hours=5)])
    erased = only_lead(installation)
    assert (erased["status"], erased["state"]["registers"].keys()) == ("erased", {"outcome"})
    for name in ("name", "email", "company", "phone", "owner", "probability", "grade", "draft_id"):
        assert erased[name] is None, name
    events = count(installation, "event")
    later = [
        created("again", hours=6, owner="paul"),
        event("m", "crm.message.received", hours=7, history=False, text="Bonjour"),
        event("won", "crm.lead.converted", hours=8),
    ]
    take_in(installation, later)
    replies(installation, reply("drafted", 9, str(gone)))
    assert only_lead(installation) == erased
    assert (count(installation, "event"), count(installation, "seen")) == (events, 5)
    assert published(installation, LEAD_MESSAGES) == [None]  # the responder is to forget what they wrote
    assert published(installation, LEAD_SCORED)[-1] is None
    assert len(published(installation, LEAD_SCORED)) == 2


def test_a_lead_erased_in_the_batch_that_brought_it_leaves_nothing(installation: Installation) -> None:
    take_in(installation, [created(), event("gone", "crm.lead.erased", hours=30)])
    assert (count(installation, "event"), count(installation, "snapshot")) == (0, 0)
    assert "claire" not in repr(only_lead(installation)).lower()


def test_a_won_lead_that_is_erased_is_forgotten_by_the_topic(installation: Installation) -> None:
    publish_a_model(installation)
    take_in(installation, [created()])
    take_in(installation, [event("won", "crm.lead.converted", hours=3)])
    take_in(installation, [event("gone", "crm.lead.erased", hours=5)])
    assert published(installation, LEAD_SCORED)[-1] is None
