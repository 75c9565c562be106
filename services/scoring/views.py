"""How rows of the scoring schema are shown to API clients. Pure."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from services.scoring.actions import next_action
from services.scoring.reasons import OTHER, Reason
from services.scoring.wording import action_in_words, in_words

Row = Mapping[str, Any]
TREND_STEP = 0.02
"""A change of probability below this is called flat."""


class InvalidCursor(ValueError):
    """The cursor was not made by this API."""


def cursor_of(*values: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def read_cursor(cursor: str, size: int) -> list[Any]:
    """Raises InvalidCursor."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor(str(error)) from error
    if not isinstance(values, list) or len(values) != size:
        raise InvalidCursor("size")
    return values


def _reason(reason: Mapping[str, Any], language: str) -> dict[str, Any]:
    read = Reason(reason["code"], reason["params"], reason["contribution"])
    return {**reason, "text": in_words(read, language)}


def trend(row: Row) -> str | None:
    if row["probability"] is None or row["previous"] is None:
        return None
    change = row["probability"] - row["previous"]
    return "flat" if abs(change) < TREND_STEP else ("up" if change > 0 else "down")


def lead_row(row: Row, language: str, *, most_reasons: int = 2) -> dict[str, Any]:
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
        "unscored_reason": "no_model" if row["probability"] is None else None,
        "trend": trend(row),
        "reasons": [_reason(reason, language) for reason in said[:most_reasons]],
        "next_action": {"code": action, "text": action_in_words(action, language)},
        "draft": {"draft_id": row["draft_id"], "status": row["draft_status"]} if row["draft_id"] else None,
        "message_waiting": row["message_waiting"],
        "last_activity_at": row["last_activity_at"],
    }


def lead_page(row: Row, language: str) -> dict[str, Any]:
    """One lead with all that is known of it, but its events."""
    registers = row["state"]["registers"]
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
        **lead_row(row, language, most_reasons=6),
        "phone": row["phone"],
        "created_at": row["created_at"],
        "attributes": {
            name.removeprefix("attribute."): value
            for name, (value, _) in sorted(registers.items())
            if name.startswith("attribute.")
        },
        "external_ids": [
            {"source": name.removeprefix("subject."), "subject": value}
            for name, (value, _) in sorted(registers.items())
            if name.startswith("subject.")
        ],
        "score": score,
    }
