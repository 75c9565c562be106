"""How rows of the scoring schema are shown to API clients. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.scoring.actions import next_action
from services.scoring.reasons import OTHER, Reason
from services.scoring.state import from_json
from services.scoring.wording import action_in_words, in_words

Row = Mapping[str, Any]
TREND_STEP = 0.02
"""A change of probability below this is called flat."""


def trend(row: Row) -> str | None:
    if row["probability"] is None or row["previous"] is None:
        return None
    change = row["probability"] - row["previous"]
    return "flat" if abs(change) < TREND_STEP else ("up" if change > 0 else "down")


def unscored_reason(row: Row, *, model_published: bool) -> str | None:
    if row["probability"] is not None:
        return None
    return "not_yet" if model_published else "no_model"


def lead_row(row: Row, language: str, *, model_published: bool, most_reasons: int = 2) -> dict[str, Any]:
    """One lead of the queue, its reasons and next action in words."""
    action = next_action(
        row["grade"],
        message_waiting=row["message_waiting"],
        draft_status=row["draft_status"],
        status=row["status"],
    )
    # Stored strongest first; what is too small to say is added up as one, which says nothing to a rep.
    said = [reason for reason in row["reasons"] if reason["code"] != OTHER]
    shown = ("lead_id", "name", "company", "email", "status", "source", "owner", "probability", "grade")
    return {
        **{name: row[name] for name in shown},
        "unscored_reason": unscored_reason(row, model_published=model_published),
        "trend": trend(row),
        "reasons": [_reason(reason, language) for reason in said[:most_reasons]],
        "next_action": {"code": action, "text": action_in_words(action, language)},
        "draft": {"draft_id": row["draft_id"], "status": row["draft_status"]} if row["draft_id"] else None,
        "message_waiting": row["message_waiting"],
        "last_activity_at": row["last_activity_at"],
    }


def lead_page(row: Row, language: str, *, model_published: bool) -> dict[str, Any]:
    """One lead with all that is known of it, but its events."""
    state = from_json(row["state"])
    score = None
    if row["probability"] is not None:
        score = {
            "version": row["score_version"],
            "as_of": row["as_of"],
            "model_version": row["model_version"],
            "log_odds": row["log_odds"],
            "base_log_odds": row["base_log_odds"],
            "all_reasons": [_reason(reason, language) for reason in row["reasons"]],
        }
    return {
        **lead_row(row, language, model_published=model_published, most_reasons=6),
        "phone": row["phone"],
        "created_at": row["created_at"],
        "attributes": state.attributes(),
        "external_ids": [
            {"source": source, "subject": subject} for source, subject in state.subjects().items()
        ],
        "score": score,
    }


def reasons_in_words(reasons: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """Stored reasons, each with its text."""
    return [_reason(reason, language) for reason in reasons]


def _reason(reason: Mapping[str, Any], language: str) -> dict[str, Any]:
    read = Reason(reason["code"], reason["params"], reason["contribution"])
    return {**reason, "text": in_words(read, language)}
