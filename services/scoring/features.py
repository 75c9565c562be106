"""From what is known of a lead to what a model reads. Pure; the same code trains and serves."""

from collections.abc import Mapping
from datetime import UTC, datetime

from services.scoring.account import FREE_MAIL
from services.scoring.priority import Scalar
from services.scoring.state import LeadState, microseconds

Features = Mapping[str, Scalar]
"""What a model reads of a lead: flat, by name. An absent feature is not known."""

DAY_US = 86_400_000_000
WINDOWS_DAYS = (1, 7, 30, 90)


def _days_between(earlier_us: int, later_us: int) -> float:
    return round(max(0, later_us - earlier_us) / DAY_US, 4)


def _text(value: Scalar) -> str:
    return value if isinstance(value, str) else ""


def features(state: LeadState, as_of: datetime) -> Features:
    """Those of `state` as seen at `as_of`.

    Names: ``attribute.<name>``, ``stage``, ``source_channel``, ``language``, ``amount``, ``has_*``,
    ``free_mail``, ``days_since_first|last``, ``message_waiting_days`` and, for each activity,
    ``activity.<name>.count``, ``.count_<n>d`` (the last n UTC days, today included) and ``.days_since_last``.
    The outcome is never one of them.
    """
    now_us = microseconds(as_of)
    today = as_of.astimezone(UTC).toordinal()
    email = _text(state.value("email"))
    found: dict[str, Scalar] = {
        "has_email": bool(email),
        "has_phone": bool(state.value("phone")),
        "has_company": bool(state.value("company")),
        "days_since_first": _days_between(state.first, now_us),
        "days_since_last": _days_between(state.last, now_us),
    }
    if email:
        found["free_mail"] = email.rpartition("@")[2].lower() in FREE_MAIL
    for name in ("stage", "source_channel", "language", "amount"):
        if (value := state.value(name)) is not None:
            found[name] = value
    for name, value in state.attributes().items():
        if value is not None:
            found[f"attribute.{name}"] = value
    for name, activity in state.activities.items():
        found[f"activity.{name}.count"] = sum(activity.days.values())
        for window in WINDOWS_DAYS:
            found[f"activity.{name}.count_{window}d"] = sum(
                n for day, n in activity.days.items() if day > today - window
            )
        found[f"activity.{name}.days_since_last"] = _days_between(activity.last, now_us)
    if state.message_waiting:
        found["message_waiting_days"] = _days_between(state.activities["message_received"].last, now_us)
    return found
