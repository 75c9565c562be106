"""A policy in sentences, part by part. Pure, in the language of the page.

The same sentences are read, and compared to tell two versions apart. What a later release adds is told as it
is written.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from babel.dates import format_date, get_day_names
from flask_babel import get_locale

from services.console.catalogue import N_, gettext, ngettext
from services.console.policy.conditions import condition_words, field_words, number, percent

Document = Mapping[str, Any]
GRADES: Final = ("A", "B", "C", "D")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_DAYS_TOLD = 5

PARTS: Final = {
    "grades": N_("Grades"),
    "rules": N_("Rules"),
    "priority": N_("Order of the queue"),
    "next_actions": N_("Next actions"),
    "deadlines": N_("Deadlines and working hours"),
    "workload": N_("Workload"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """`key` of the document, its heading, what it says."""

    key: str
    title: str
    sentences: Sequence[str]


def parts(policy: Document, actions: Mapping[str, str], cuts: Mapping[str, Any] | None = None) -> list[Part]:
    """`actions`: code → words. With `cuts`, shares of leads also say what they come to."""
    told = {
        "grades": _grades(policy["grades"], cuts),
        "rules": [_rule(rule) for rule in policy["rules"]],
        "priority": _priority(policy["priority"]),
        "next_actions": [_next_action(one, actions) for one in policy["next_actions"]],
        "deadlines": _deadlines(policy["deadlines"]),
        "workload": _workload(policy["workload"]),
    }
    known = [Part(key, gettext(title), told[key]) for key, title in PARTS.items()]
    return known + [
        Part(key, key, [json.dumps(value, ensure_ascii=False)])
        for key, value in policy.items()
        if key not in told
    ]


def _grades(grades: Document, cuts: Mapping[str, Any] | None) -> list[str]:
    by, whole = grades["by"], grades["all"]
    if whole is None:
        said = [gettext("The cuts that the published model proposes hold.")]
        if cuts:
            said += _split("probability", cuts)
    else:
        said = _split(by, whole, cuts if by != "probability" else None)
    for name, own in grades["segments"].items():
        field = field_words(grades["segment_by"] or "")
        own_cuts = (cuts or {}).get("segments", {}).get(name) if by != "probability" else None
        said.append(
            gettext(
                "Where %(field)s is “%(name)s”: %(split)s",
                field=field, name=name, split="; ".join(_split(by, own, own_cuts)),
            )
        )  # fmt: skip
    flicker = grades["hysteresis"]
    said.append(
        gettext(
            "A grade changes once the chances are %(points)s points of 100 past a cut, "
            "or past it for %(hours)s hours.",
            points=number(round(100 * flicker["points"], 2)), hours=number(flicker["hours"]),
        )
    )  # fmt: skip
    return said


def _split(by: str, given: Mapping[str, float], cuts: Mapping[str, Any] | None = None) -> list[str]:
    return [_share(by, grade, given[grade], (cuts or {}).get(grade)) for grade in GRADES[:-1]]


def _share(by: str, grade: str, given: float, cut: float | None) -> str:
    match by, grade:
        case "probability", _:
            said = gettext("%(grade)s: from %(chances)s", grade=grade, chances=percent(given))
        case "percentile", "A":
            said = gettext("A: the %(share)s %% most likely of the open leads", share=number(given))
        case "percentile", _:
            said = gettext(
                "%(grade)s: the next, down to the %(share)s %% most likely", grade=grade, share=number(given)
            )
        case _, "A":
            said = ngettext(
                "A: the %(number)s most likely lead",
                "A: the %(number)s most likely leads",
                int(given),
                number=number(given),
            )
        case _:
            said = ngettext(
                "%(grade)s: the next %(number)s lead", "%(grade)s: the next %(number)s leads", int(given),
                grade=grade, number=number(given),
            )  # fmt: skip
    if cut is None:
        return said
    return gettext("%(said)s (now those from %(chances)s)", said=said, chances=percent(round(cut, 3)))


def _rule(rule: Document) -> str:
    values = {
        "grade": rule.get("grade"),
        "condition": condition_words(rule["when"]),
        "reason": rule["reason"],
    }
    match rule["do"]:
        case "exclude":
            said = N_("Out of the queue when %(condition)s: %(reason)s")
        case "cap":
            said = N_("At most %(grade)s when %(condition)s: %(reason)s")
        case _:
            said = N_("At least %(grade)s when %(condition)s: %(reason)s")
    return gettext(said, **values)


def _priority(priority: Document) -> list[str]:
    if priority["by"] == "probability":
        return [gettext("By chances of conversion, the most likely first.")]
    urgency, field = priority["urgency"], priority["segment_by"]
    said = [
        gettext("By chances × amount × urgency, the greatest first."),
        gettext(
            "Urgency halves with every %(days)s days without activity, down to %(least)s.",
            days=number(urgency["half_life_days"]), least=percent(urgency["least"]),
        ),
        gettext(
            "While a message waits it counts %(times)s times.", times=number(urgency["message_waiting"])
        ),
    ]  # fmt: skip
    if field:
        missing = gettext(
            "A missing amount is taken as the median where %(field)s is the same.", field=field_words(field)
        )
    else:
        missing = gettext("A missing amount is taken as the median of the open leads.")
    return [*said, missing]


def _next_action(action: Document, actions: Mapping[str, str]) -> str:
    what = actions.get(action["action"], action["action"])
    when = action.get("when")
    said = (
        gettext("When %(condition)s: %(action)s", condition=condition_words(when), action=what)
        if when
        else gettext("Else: %(action)s", action=what)
    )
    due = action.get("due")
    if due == "first_contact":
        said += ", " + gettext("by the deadline of first contact")
    elif due is not None:
        said += ", " + ngettext(
            "within %(number)s working hour of what it last did",
            "within %(number)s working hours of what it last did",
            int(due), number=number(due),
        )  # fmt: skip
    if action.get("owner"):
        said += ", " + gettext("by %(name)s", name=action["owner"])
    return f"{said} ({action['reason']})" if action.get("reason") else said


def _deadlines(deadlines: Document) -> list[str]:
    given = deadlines["first_contact"]
    return [
        *(_within(grade, given[grade]) for grade in GRADES if given.get(grade)),
        *_working_hours(deadlines["working_hours"]),
    ]


def _within(grade: str, within: Document) -> str:
    if within.get("days") is not None:
        time = ngettext("%(num)s working day", "%(num)s working days", within["days"])
    else:
        hours = within["hours"]
        time = ngettext(
            "%(number)s working hour", "%(number)s working hours", int(hours), number=number(hours)
        )
    return gettext("%(grade)s: first contact within %(time)s", grade=grade, time=time)


def _working_hours(hours: Document) -> list[str]:
    week = [hours["week"].get(day) or [] for day in DAYS]
    said = []
    for spans, group in groupby(range(len(DAYS)), key=lambda day: week[day]):
        days = list(group)
        if spans:
            said.append(gettext("%(days)s: %(hours)s", days=_days(days), hours=spans_words(spans)))
    if hours["holidays"]:
        said.append(gettext("Public holidays are free: %(place)s", place=hours["holidays"]))
    if closed := hours["closed_on"]:
        shown = [
            format_date(date.fromisoformat(day), "d MMM y", locale=get_locale())
            for day in closed[:MOST_DAYS_TOLD]
        ]
        more = ["…"] if len(closed) > MOST_DAYS_TOLD else []
        said.append(gettext("Also closed on %(days)s", days=", ".join(shown + more)))
    said.append(gettext("Time zone: %(name)s", name=hours["time_zone"]))
    return said


def day_name(day: int) -> str:
    """Of 0, Monday, to 6; as a heading has it."""
    name = str(get_day_names("wide", locale=get_locale())[day])
    return name[:1].upper() + name[1:]


def _days(days: Sequence[int]) -> str:
    first, last = day_name(days[0]), get_day_names("wide", locale=get_locale())[days[-1]]
    return first if len(days) == 1 else gettext("%(first)s to %(last)s", first=first, last=last)


def spans_words(spans: Sequence[Sequence[str]]) -> str:
    """09:00–12:00, 14:00–18:00."""
    return ", ".join("–".join(moment[:5] for moment in span) for span in spans)


def _workload(workload: Document) -> list[str]:
    minutes = ", ".join(
        gettext("%(grade)s %(minutes)s min", grade=grade, minutes=number(workload["minutes"].get(grade, 0)))
        for grade in GRADES
    )
    reps = workload["reps"]
    return [
        gettext("One lead takes: %(minutes)s", minutes=minutes),
        gettext(
            "Each rep has %(hours)s hours a day for leads", hours=number(workload["hours_per_rep_per_day"])
        ),
        ngettext("%(num)s rep", "%(num)s reps", reps)
        if reps
        else gettext("As many reps as leads have owners"),
    ]
