"""A policy as the fields of a form, and back. Pure.

What cannot be read as a number, a time or a condition stays as it was typed: the service refuses it and says
where. What the form does not know, a part or a key of a later release, is kept.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from babel.numbers import format_decimal
from flask_babel import get_locale

from services.console.catalogue import gettext
from services.console.policy.words import DAYS, GRADES, YES_OR_NO, spans_words

Fields = Mapping[str, str]
Document = dict[str, Any]
CUT_GRADES: Final = GRADES[:-1]
MODEL: Final = "model"
"""Grades by probability without cuts of the house's own: those that the model proposes."""
_WITHOUT_VALUE: Final = ("known", "missing")
_LISTS: Final = ("in", "not_in")
_NUMBERS: Final = ("at_least", "at_most", "above", "below")
_SPAN: Final = re.compile(r"\s*(\d{1,2})(?:[:hH](\d{2})?)?\s*[-–—à]\s*(\d{1,2})(?:[:hH](\d{2})?)?\s*")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
MOST_ITEMS: Final = 250


def shown(value: Any, *, percent: bool = False) -> str:
    """A value as it stands in a field; a share as a percentage, without its sign."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, (int, float)):
        scaled = round(100 * value, 4) if percent else value
        return str(format_decimal(scaled, "0.######", locale=get_locale()))
    if isinstance(value, (list, tuple)):
        texts = [shown(one) for one in value]
        return ("; " if any("," in text for text in texts) else ", ").join(texts)
    return str(value)


def number_field(value: Any, *, percent: bool = False) -> str:
    """As `shown`, the way browsers take it in a number field: with a point."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return shown(value)
    return f"{round(100 * value if percent else value, 2):.10g}"


def number(typed: str, *, percent: bool = False) -> Any:
    """A number, None for nothing, or the text that is none."""
    text = re.sub(r"[\s%]", "", typed).replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return typed
    if not math.isfinite(value):
        return typed
    if percent:
        return round(value / 100, 6)
    return int(value) if value.is_integer() and "." not in text else value


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
    by = form.get("grades.by", MODEL)
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
    try:
        was = json.loads(form.get(f"{place}.was", "{}"))
    except (ValueError, RecursionError):
        return {}
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
    """A condition that was written as JSON."""
    try:
        return json.loads(text)
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


def as_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
        spans = was if typed == spans_shown(was) else _spans(typed)
        if spans or day in before["week"]:
            week[day] = spans
    return {
        **before,
        "time_zone": form.get("working_hours.time_zone", "").strip(),
        "week": week,
        "holidays": form.get("working_hours.holidays", "").strip() or None,
        "closed_on": [part for part in re.split(r"[\s,;]+", form.get("working_hours.closed_on", "")) if part],
    }


def spans_shown(spans: Any) -> str:
    return spans if isinstance(spans, str) else spans_words(spans)


def _spans(typed: str) -> Any:
    """[["09:00", "12:00"], …] from "9h-12h, 14:00-18:00"."""
    found = []
    for part in filter(str.strip, re.split(r"[,;]", typed)):
        match = _SPAN.fullmatch(part)
        if match is None:
            return typed
        hours = [
            f"{int(hour):02}:{minute or '00'}" for hour, minute in (match.group(1, 2), match.group(3, 4))
        ]
        found.append(hours)
    return found


# ── What the buttons of the form do ──

NEW_RULE: Final[Document] = {
    "when": {"field": "source", "op": "is", "value": ""}, "do": "exclude", "grade": None, "reason": "",
}  # fmt: skip
NEW_ACTION: Final[Document] = {
    "when": {"field": "grade", "op": "is", "value": "A"},
    "action": "",
    "owner": None,
    "due": None,
    "reason": None,
}
NEW_LEAF: Final[Document] = {"field": "source", "op": "is", "value": ""}


def edited(document: Document, command: str) -> Document:
    """`document` after a button: "rules.add", "rules.2.up", "rules.2.when.add", "rules.2.when.0.remove",
    "segments.add". One that names what is not there changes nothing."""
    part, *rest = command.split(".")
    if part in ("rules", "next_actions"):
        items = list(document[part])
        _edit_items(items, rest, NEW_RULE if part == "rules" else NEW_ACTION)
        return {**document, part: items}
    if part == "segments":
        grades = document["grades"]
        segments = list(grades["segments"].items())
        _edit_items(segments, rest, ("", grades["all"] or dict.fromkeys(CUT_GRADES)))
        return {**document, "grades": {**grades, "segments": dict(segments)}}
    return document


def _edit_items(items: list[Any], rest: Sequence[str], new: Any) -> None:
    match rest:
        case ["add"]:
            # The last next action is the one for all the others: what is new stands before it.
            last = (
                bool(items)
                and isinstance(items[-1], dict)
                and "action" in items[-1]
                and not items[-1]["when"]
            )
            items.insert(len(items) - last, new)
        case [at, verb, *more] if at.isdigit() and int(at) < len(items):
            _edit_item(items, int(at), verb, more)


def _edit_item(items: list[Any], at: int, verb: str, more: Sequence[str]) -> None:
    match verb, more:
        case "remove", []:
            items.pop(at)
        case "up", [] if at > 0:
            items[at - 1], items[at] = items[at], items[at - 1]
        case "down", [] if at + 1 < len(items):
            items[at + 1], items[at] = items[at], items[at + 1]
        case "when", _:
            known = leaves_of(items[at]["when"])
            if known is not None:
                items[at] = {**items[at], "when": _edited_condition(known[0], list(known[1]), more)}


def _edited_condition(join: str, leaves: list[Document], rest: Sequence[str]) -> Any:
    match rest:
        case ["add"]:
            leaves.append(NEW_LEAF)
        case [at, "remove"] if at.isdigit() and int(at) < len(leaves):
            leaves.pop(int(at))
    if not leaves:
        return None
    return leaves[0] if len(leaves) == 1 else {join: leaves}
