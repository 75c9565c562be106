"""A lead as the API shows it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.scoring.state import Event, LeadState, fold, to_json
from services.scoring.views import lead_page, lead_row, trend

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def row(**changed: object) -> dict[str, object]:
    return {
        **dict.fromkeys(
            ("name", "company", "email", "phone", "probability", "previous", "grade", "draft_id")
        ),
        **{"lead_id": UUID(int=1), "status": "open", "source": "crm", "owner": "lea", "reasons": []},
        **{"rules": [], "excluded": False, "grade_since": None, "contacted_at": None, "worth": None},
        **{"draft_status": None, "message_waiting": False, "last_activity_at": NOW, "created_at": NOW},
        **changed,
    }


def test_without_a_score_it_says_whether_there_is_a_model() -> None:
    assert lead_row(row(), "en", model_published=False)["unscored_reason"] == "no_model"
    assert lead_row(row(), "en", model_published=True)["unscored_reason"] == "not_yet"
    scored = row(probability=0.4, grade="B")
    assert lead_row(scored, "en", model_published=True)["unscored_reason"] is None


@pytest.mark.parametrize(
    ("previous", "now", "told"),
    [(None, 0.5, None), (0.5, None, None), (0.5, 0.51, "flat"), (0.5, 0.6, "up"), (0.5, 0.4, "down")],
)
def test_a_trend_needs_two_scores_that_differ(previous: float, now: float, told: str) -> None:
    assert trend(row(previous=previous, probability=now)) == told


def test_what_is_too_small_to_say_is_not_among_the_reasons_shown() -> None:
    reasons = [{"code": "phone_known", "params": {}, "contribution": 0.3}]
    reasons.append({"code": "other", "params": {}, "contribution": 0.01})
    shown = lead_row(row(reasons=reasons, probability=0.5, grade="A"), "fr", model_published=True)["reasons"]
    assert [reason["code"] for reason in shown] == ["phone_known"]
    assert shown[0]["text"]


def test_a_page_shows_attributes_and_external_ids() -> None:
    state = LeadState()
    data = {"lead": {"attributes": {"size": "large"}}}
    fold(state, Event("crm", "1", "crm.lead.created", "77", NOW, NOW, data))
    page = lead_page(row(state=to_json(state)), "en", model_published=False)
    assert page["attributes"] == {"size": "large"}
    assert page["external_ids"] == [{"source": "crm", "subject": "77"}]
    assert page["score"] is None
