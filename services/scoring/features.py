"""From what is known of a lead to what a model reads. Pure; the same code trains and serves."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from services.scoring.account import FREE_MAIL
from services.scoring.priority import Scalar
from services.scoring.state import ATTRIBUTE, LeadState, microseconds

Features = Mapping[str, Scalar]
"""What a model reads of a lead: flat, by name. An absent feature is not known."""

DAY_US = 86_400_000_000
WINDOWS_DAYS = (1, 7, 30, 90)


def _days_between(earlier_us: int, later_us: int) -> float:
    return round(max(0, later_us - earlier_us) / DAY_US, 4)


def _text(value: Scalar) -> str:
    return value if isinstance(value, str) else ""


@lru_cache(1_000)
def _of_activity(name: str) -> tuple[str, ...]:
    """The names of its features: the count, one a window, the time since the last."""
    measures = ("count", *(f"count_{window}d" for window in WINDOWS_DAYS), "days_since_last")
    return tuple(f"activity.{name}.{measure}" for measure in measures)


def features(state: LeadState, as_of: datetime) -> Features:
    """Those of `state` as seen at `as_of`.

    Names: ``attribute.<name>``, ``stage``, ``source_channel``, ``language``, ``amount``, ``has_*``,
    ``free_mail``, ``days_since_first|last``, ``message_waiting_days`` and, for each activity,
    ``activity.<name>.count``, ``.count_<n>d`` (the last n UTC days, today included) and ``.days_since_last``.
    The outcome is never one of them.
    """
    now_us = microseconds(as_of)
    today = as_of.astimezone(UTC).toordinal()
    starts = [today - window for window in WINDOWS_DAYS]
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
    for register in state.registers:
        if register.startswith(ATTRIBUTE) and (value := state.value(register)) is not None:
            found[register] = value
    for name, activity in state.activities.items():
        total, *windows, last = _of_activity(name)
        days = activity.days
        found[total] = sum(days.values())
        for feature, since in zip(windows, starts, strict=True):
            found[feature] = sum([n for day, n in days.items() if day > since])
        found[last] = _days_between(activity.last, now_us)
    if state.message_waiting:
        found["message_waiting_days"] = _days_between(state.activities["message_received"].last, now_us)
    return found
