"""A policy as the fields of a form, and back. Pure.

What cannot be read as a number, a time or a condition stays as it was typed: the service refuses it and says
where. What the form does not know, a part or a key of a later release, is kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.console.catalogue import gettext
from services.console.policy.conditions import YES_OR_NO
from services.console.policy.typed import number, number_field, shown, spans, spans_shown, strict_json
from services.console.policy.words import DAYS, GRADES

Fields = Mapping[str, str]
Document = dict[str, Any]
CUT_GRADES: Final = GRADES[:-1]
MODEL: Final = "model"
"""Grades by probability without cuts of the house's own: those that the model proposes."""
WAYS: Final = (MODEL, "probability", "percentile", "capacity")
_WITHOUT_VALUE: Final = ("known", "missing")
_LISTS: Final = ("in", "not_in")
_NUMBERS: Final = ("at_least", "at_most", "above", "below")
MOST_ITEMS: Final = 250


def shown_by(grades: Mapping[str, Any]) -> str:
    """How grades are decided, as the form offers it."""
    return MODEL if grades["by"] == "probability" and grades["all"] is None else str(grades["by"])


def read(form: Fields, base: Mapping[str, Any]) -> Document:
    """The whole document; `base` is the version that was opened, which has what the form does not know."""
    deadlines = base["deadlines"]
    return {
        **base,
        "grades": _grades(form, base["grades"]),
        "rules": [_rule(form, place) for place in _places(form, "rules", "do")],
        "priority": _priority(form, base["priority"]),
        "next_actions": [_next_action(form, place) for place in _places(form, "next_actions", "action")],
        "deadlines": {
            **deadlines,
            "first_contact": {
                grade: within
                for grade in GRADES
                if (within := _within(form, f"deadlines.first_contact.{grade}")) is not None
            },
            "working_hours": _working_hours(form, deadlines["working_hours"]),
        },
        "workload": {
            **base["workload"],
            "minutes": {grade: number(form.get(f"workload.minutes.{grade}", "")) for grade in GRADES},
            "hours_per_rep_per_day": number(form.get("workload.hours_per_rep_per_day", "")),
            "reps": number(form.get("workload.reps", "")),
        },
    }


def _places(form: Fields, part: str, always: str) -> Iterator[str]:
    """The items of a part that the form holds, by the field that each has."""
    for at in range(MOST_ITEMS):
        if f"{part}.{at}.{always}" in form:
            yield f"{part}.{at}"


def _grades(form: Fields, before: Mapping[str, Any]) -> Document:
    by = form.get("grades.by")
    by = by if by in WAYS else shown_by(before)
    percent, same = by in (MODEL, "probability"), by == shown_by(before)
    segments = {}
    for place in _places(form, "segments", "name"):
        name = form[f"{place}.name"].strip()
        was = before["segments"].get(name) if same else None
        segments[name] = _split(form, place, was, percent=percent)
    segments.pop("", None)
    return {
        **before,
        "by": "probability" if by == MODEL else by,
        "all": None
        if by == MODEL
        else _split(form, "grades.all", before["all"] if same else None, percent=percent),
        "segment_by": form.get("grades.segment_by", "").strip() or None,
        "segments": segments,
        "hysteresis": {
            **before["hysteresis"],
            "points": number(form.get("grades.hysteresis.points", ""), percent=True),
            "hours": number(form.get("grades.hysteresis.hours", "")),
        },
    }


def _split(form: Fields, place: str, before: Mapping[str, Any] | None, *, percent: bool) -> Document:
    """A cut that stands as it was shown keeps the digits that were not."""
    split = {}
    for grade in CUT_GRADES:
        typed, was = form.get(f"{place}.{grade}", ""), (before or {}).get(grade)
        split[grade] = was if typed == number_field(was, percent=percent) else number(typed, percent=percent)
    return split


def _priority(form: Fields, before: Mapping[str, Any]) -> Document:
    urgency = before["urgency"]
    return {
        **before,
        "by": form.get("priority.by", before["by"]),
        "segment_by": form.get("priority.segment_by", "") or None,
        "urgency": {
            **urgency,
            "half_life_days": number(form.get("priority.half_life_days", "")),
            "least": number(form.get("priority.least", ""), percent=True),
            "message_waiting": number(form.get("priority.message_waiting", "")),
        },
    }


def _was(form: Fields, place: str) -> Document:
    """The item as it was drawn."""
    was = _written(form.get(f"{place}.was", "{}"))
    return was if isinstance(was, dict) else {}


def _rule(form: Fields, place: str) -> Document:
    was = _was(form, place)
    what = form[f"{place}.do"]
    return {
        **was,
        "when": _condition(form, f"{place}.when", was.get("when")),
        "do": what,
        "grade": None if what == "exclude" else form.get(f"{place}.grade") or "B",
        "reason": form.get(f"{place}.reason", "").strip(),
    }


def _next_action(form: Fields, place: str) -> Document:
    was = _was(form, place)
    due = form.get(f"{place}.due", "")
    hours = number(form.get(f"{place}.hours", ""))
    return {
        **was,
        "when": _condition(form, f"{place}.when", was.get("when")),
        "action": form[f"{place}.action"].strip(),
        "owner": form.get(f"{place}.owner", "").strip() or None,
        "due": "first_contact" if due == "first_contact" else hours if due == "hours" else None,
        "reason": form.get(f"{place}.reason", "").strip() or None,
    }


def _condition(form: Fields, place: str, before: Any) -> Any:
    if place in form:
        return _written(form[place])
    known = leaves_of(before) if isinstance(before, dict) else None
    old = known[1] if known else []
    leaves = [
        _leaf(form, f"{place}.{at}", old[at] if at < len(old) else {})
        for at in range(MOST_ITEMS)
        if f"{place}.{at}.field" in form
    ]
    if not leaves:
        return None
    joined = isinstance(before, dict) and "field" not in before
    if len(leaves) == 1 and not joined:
        return leaves[0]
    return {"any" if form.get(f"{place}.join") == "any" else "all": leaves}


def _written(text: str) -> Any:
    """A condition that was written as JSON, or its text."""
    try:
        return strict_json(text)
    except (ValueError, RecursionError):
        return text


def _leaf(form: Fields, place: str, before: Mapping[str, Any]) -> Document:
    field = form[f"{place}.field"]
    op, typed = form.get(f"{place}.op", "is"), form.get(f"{place}.value", "").strip()
    same = (field, op) == (before.get("field"), before.get("op"))
    if same and typed == value_shown(field, before.get("value")):
        return dict(before)
    return {"field": field, "op": op, "value": _value(field, op, typed)}


def value_shown(field: str, value: Any) -> str:
    if field == "probability" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{shown(value, percent=True)} %"
    return shown(value)


def _value(field: str, op: str, typed: str) -> Any:
    if op in _WITHOUT_VALUE:
        return None
    if op in _LISTS:
        parts = (part.strip() for part in typed.split(";" if ";" in typed else ","))
        return [_scalar(field, part) for part in parts if part]
    if op in _NUMBERS:
        return number(typed, percent=field == "probability")
    return _scalar(field, typed)


def _scalar(field: str, typed: str) -> Any:
    if field in YES_OR_NO:
        truths = {"yes": True, "true": True, gettext("yes"): True}
        lies = {"no": False, "false": False, gettext("no"): False}
        return (truths | lies).get(typed.lower(), typed)
    return typed


def leaves_of(condition: Any) -> tuple[str, Sequence[Document]] | None:
    """How many comparisons are joined, and those; None for what the editor's lines cannot hold."""
    if condition is None:
        return "all", []
    if not isinstance(condition, dict):
        return None
    if "field" in condition:
        return "all", [condition]
    for join in ("all", "any"):
        parts = condition.get(join)
        if isinstance(parts, list) and all(isinstance(part, dict) and "field" in part for part in parts):
            return join, parts
    return None


def _within(form: Fields, place: str) -> Document | None:
    amount = number(form.get(place, ""))
    if amount is None:
        return None
    unit = "days" if form.get(f"{place}.unit") == "days" else "hours"
    return {"hours": None, "days": None, unit: amount}


def _working_hours(form: Fields, before: Mapping[str, Any]) -> Document:
    week = {}
    for day in DAYS:
        typed, was = form.get(f"week.{day}", "").strip(), before["week"].get(day, [])
        hours = was if typed == spans_shown(was) else spans(typed)
        if hours or day in before["week"]:
            week[day] = hours
    return {
        **before,
        "time_zone": form.get("working_hours.time_zone", "").strip(),
        "week": week,
        "holidays": form.get("working_hours.holidays", "").strip() or None,
        "closed_on": [part for part in re.split(r"[\s,;]+", form.get("working_hours.closed_on", "")) if part],
    }
