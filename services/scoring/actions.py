"""What to do next with a lead, as a code; a person decides."""

from typing import Literal

Action = Literal["reply_waiting", "call_now", "call_today", "nurture", "no_action", "not_scored_yet"]

_BY_GRADE: dict[str, Action] = {"A": "call_now", "B": "call_today", "C": "nurture", "D": "no_action"}


def next_action(
    grade: str | None, *, message_waiting: bool, draft_status: str | None = None, status: str = "open"
) -> Action:
    """A person who wrote comes first, whatever the grade. `draft_status` is the responder's word, `status`
    the lead's.

    Raise KeyError for a grade that is none of A, B, C, D.
    """
    if status != "open":
        return "no_action"
    if message_waiting or draft_status in ("waiting", "no_source"):
        return "reply_waiting"
    return "not_scored_yet" if grade is None else _BY_GRADE[grade]
