"""What a person kept of a proposal, and what may be told of it."""

from typing import Any

import pytest

from services.responder.value.measures import Kept, compare, told

PROPOSED = (
    "Bonjour Claire,\n\nMerci pour votre demande. Le délai est de deux jours.\n\nCordialement,\n[votre nom]"
)
ROW: dict[str, Any] = {
    "group": "fr",
    "messages": 10,
    "drafted": 8,
    "approved": 6,
    "rejected": 1,
    "overtaken": 1,
    "open": 2,
    "people": 6,
    "counted": 4,
    "first_reply_h": [1.5, 12.0],
    "unedited": 3,
    "proposed_words": 400,
    "approved_words": 380,
    "kept_words": 360,
    "rejected_words": 76,
}
PACE = (20.0, 200.0)


def test_filling_in_a_gap_is_no_edit() -> None:
    kept = compare(PROPOSED, PROPOSED.replace("[votre nom]", "Awa Ndiaye"))
    assert kept == Kept(13, 13, 13, unedited=True)


def test_another_line_break_is_no_edit() -> None:
    assert compare("Merci.\n\nÀ bientôt.", "Merci.\nÀ bientôt. ").unedited


@pytest.mark.parametrize(
    ("approved", "kept_words"),
    [
        (PROPOSED.replace("deux jours", "trois jours").replace("[votre nom]", "Awa"), 12),
        (PROPOSED.replace("[votre nom]", "Awa") + "\nPS : rappelez-moi.", 13),
        ("Bonjour, rappelez-moi.", 0),
        ("", 0),
    ],
)
def test_a_changed_or_added_or_dropped_word_is_an_edit(approved: str, kept_words: int) -> None:
    kept = compare(PROPOSED.rstrip() + "\nHydromeca", approved)
    assert not kept.unedited
    assert kept.kept_words == kept_words


def test_of_a_rejected_proposal_only_its_length_is_counted() -> None:
    assert compare(PROPOSED, None) == Kept(13)


def test_a_group_is_told_in_hours_shares_and_minutes() -> None:
    group = told(ROW, pace=PACE, open_to_all=False)
    assert group["group"] == "fr"
    assert not group["withheld"]
    assert (group["first_reply_median_h"], group["first_reply_p90_h"]) == (1.5, 12.0)
    assert group["unedited"] == 0.75
    assert group["words_changed"] == pytest.approx((400 + 380 - 2 * 360) / 780)
    # 360 words written for them at 20 a minute, 476 words read at 200.
    assert group["minutes_given_back"] == pytest.approx(360 / 20 - 476 / 200)


def test_figures_on_the_work_of_few_people_are_withheld_until_the_staff_was_consulted() -> None:
    few = ROW | {"people": 4}
    group = told(few, pace=PACE, open_to_all=False)
    assert group["withheld"]
    assert group["messages"] == 10
    assert [group[name] for name in ("first_reply_median_h", "unedited", "minutes_given_back")] == [None] * 3
    assert told(few, pace=PACE, open_to_all=True)["unedited"] == 0.75


def test_what_was_not_counted_is_unknown_and_not_zero() -> None:
    nothing = dict.fromkeys(ROW, 0) | {"group": None, "first_reply_h": None}
    group = told(nothing, pace=PACE, open_to_all=False)
    assert not group["withheld"]
    assert group["unedited"] is group["words_changed"] is group["minutes_given_back"] is None
