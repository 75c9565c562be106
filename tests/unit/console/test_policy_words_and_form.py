"""A policy in words, its differences, its form, and where in a JSON text a place is."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from services.console.policy import editing, form, typed
from services.console.policy.answers import Distribution, Hundredth
from services.console.policy.changes import Change, changes
from services.console.policy.conditions import condition_words
from services.console.policy.cuts import as_chances, from_chances
from services.console.policy.places import line_of, resolved
from services.console.policy.words import parts
from services.console.views.studio import moment_of
from services.scoring.policy.document import Policy

ACTIONS = {"call_now": "Call now"}


@pytest.fixture
def english(console: Flask) -> Iterator[None]:
    with console.test_request_context(), force_locale("en"):
        yield


def policy(**given: Any) -> dict[str, Any]:
    return Policy.model_validate(given).to_json()


@pytest.mark.usefixtures("english")
def test_conditions_are_told_with_brackets_only_where_they_are_needed() -> None:
    size = {"field": "attribute.size", "op": "is", "value": "large"}
    likely = {"field": "probability", "op": "at_least", "value": 0.25}
    waits = {"field": "message_waiting", "op": "is_not", "value": True}
    visits = {"field": "activity.page_viewed.count_30d", "op": "above", "value": 3}
    said = condition_words({"all": [size, likely]})
    assert re.sub(r"\s", " ", said) == "size is “large” and chances of conversion is at least 25 %"
    assert condition_words({"any": [{"all": [size, visits]}, {"not": waits}]}) == (
        "(size is “large” and page_viewed (times in 30 days) is above 3) or not (a message waits: no)"
    )
    assert condition_words(None) == "always"
    assert condition_words({"field": "later.field", "op": "sounds_like", "value": "x"}) == (
        "later.field sounds_like “x”"
    )


@pytest.mark.usefixtures("english")
def test_what_a_later_release_adds_is_told_as_it_is_written() -> None:
    told = parts({**policy(), "later": {"by": "amount"}}, ACTIONS)
    assert (told[-1].title, told[-1].sentences) == ("later", ['{"by": "amount"}'])


@pytest.mark.usefixtures("english")
def test_differences_are_what_is_new_gone_changed_and_moved() -> None:
    def rule(name: str) -> dict[str, Any]:
        return {"when": {"field": "source", "op": "is", "value": name}, "do": "exclude", "reason": "no"}

    before = policy(rules=[rule("a"), rule("b")], deadlines={"first_contact": {"A": {"hours": 1}}})
    after = policy(rules=[rule("b"), rule("a"), rule("c")], deadlines={"first_contact": {"A": {"hours": 2}}})
    rules, deadlines = changes(before, after, ACTIONS)
    assert rules.title == "Rules"
    said = "Out of the queue when source is “{}”: no"
    assert Change(None, said.format("c")) in rules.changes
    (moved,) = (one.after for one in rules.changes if one.moved)
    assert moved in (said.format("a"), said.format("b"))
    assert deadlines.changes == [
        Change("A: first contact within 1 working hour", "A: first contact within 2 working hours")
    ]
    assert changes(before, before, ACTIONS) == []


def fields(document: dict[str, Any], **changed: str) -> dict[str, str]:
    """The fields that the page draws for the grades and rules of `document`."""
    grades = document["grades"]
    drawn = {"grades.by": form.shown_by(grades), "grades.segment_by": grades["segment_by"] or ""}
    percent = grades["by"] == "probability"
    for grade, value in (grades["all"] or {}).items():
        drawn[f"grades.all.{grade}"] = typed.number_field(value, percent=percent)
    drawn |= {"grades.hysteresis.points": "3", "grades.hysteresis.hours": "24"}
    for at, rule in enumerate(document["rules"]):
        place = f"rules.{at}"
        drawn |= {
            f"{place}.do": rule["do"],
            f"{place}.reason": rule["reason"],
            f"{place}.was": json.dumps(rule),
        }
        drawn |= {f"{place}.grade": rule["grade"] or "B"}
        known = form.leaves_of(rule["when"])
        if known is None:
            drawn[f"{place}.when"] = json.dumps(rule["when"])
            continue
        drawn[f"{place}.when.join"] = known[0]
        for n, leaf in enumerate(known[1]):
            line = f"{place}.when.{n}"
            drawn |= {f"{line}.field": leaf["field"], f"{line}.op": leaf["op"]}
            drawn[f"{line}.value"] = form.value_shown(leaf["field"], leaf["value"])
    return drawn | changed


CONDITIONS: list[dict[str, Any]] = [
    {"field": "attribute.size", "op": "is", "value": 3},
    {"field": "attribute.size", "op": "in", "value": ["a, b", "c"]},
    {"field": "probability", "op": "at_least", "value": 0.123456},
    {"field": "message_waiting", "op": "is", "value": True},
    {"any": [{"field": "company", "op": "known"}, {"field": "amount", "op": "below", "value": 2.5}]},
    {"all": [{"field": "company", "op": "missing"}]},
    {"not": {"field": "company", "op": "known"}},
    {"all": [{"any": [{"field": "company", "op": "known"}]}]},
]


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("when", CONDITIONS)
def test_a_form_that_nobody_touched_gives_the_same_document(when: dict[str, Any]) -> None:
    document = policy(
        rules=[{"when": when, "do": "lift", "grade": "A", "reason": "r"}],
        grades={"all": {"A": 0.8440392, "B": 0.5, "C": 0.1}},
    )
    made = form.read(fields(document), document)
    assert (made["rules"], made["grades"]) == (document["rules"], document["grades"])


@pytest.mark.usefixtures("english")
def test_what_is_typed_becomes_what_the_field_means_or_stays_as_it_was_typed() -> None:
    def value(field: str, op: str, value: str) -> Any:
        given = {"rules.0.do": "exclude", "rules.0.when.0.field": field, "rules.0.when.0.op": op}
        base = policy()
        return form.read({**given, "rules.0.when.0.value": value}, base)["rules"][0]["when"]["value"]

    assert value("amount", "at_least", "20 000,50") == 20000.5
    assert value("amount", "at_least", "many") == "many"
    assert value("amount", "at_least", "nan") == "nan"
    assert value("probability", "below", "60 %") == 0.6
    assert value("attribute.size", "in", "small, middle") == ["small", "middle"]
    assert value("attribute.size", "in", "a, b; c") == ["a, b", "c"]
    assert value("free_mail", "is", "Yes") is True
    assert value("attribute.vip", "is", "yes") == "yes"
    assert value("company", "known", "whatever") is None
    base = policy()
    hours = {"week.mon": "9h-12h30, 14:00–18:00", "week.tue": "morning", "week.sat": "10-12"}
    week = form.read(hours, base)["deadlines"]["working_hours"]["week"]
    assert week["mon"] == [["09:00", "12:30"], ["14:00", "18:00"]]
    assert (week["tue"], week["wed"], week["sat"]) == ("morning", [], [["10:00", "12:00"]])


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    "hostile", [{"rules.0.was": "[1]"}, {"rules.0.was": "{" * 9}, {"rules.0.was": '{"when": 5}'}]
)
def test_hidden_fields_that_were_tampered_with_are_only_not_right(hostile: dict[str, str]) -> None:
    made = form.read({"rules.0.do": "cap", "rules.0.when.0.field": "company", **hostile}, policy())
    assert made["rules"][0]["when"]["field"] == "company"


def test_buttons_add_move_and_remove() -> None:
    document = policy(rules=[{"when": one, "do": "exclude", "reason": "r"} for one in CONDITIONS[:3]])
    fields_of = [rule["when"]["op"] for rule in document["rules"]]
    assert fields_of == ["is", "in", "at_least"]

    def after(command: str) -> list[Any]:
        return [rule["when"].get("op") for rule in editing.edited(document, command)["rules"]]

    assert after("rules.1.up") == ["in", "is", "at_least"]
    assert after("rules.1.down") == ["is", "at_least", "in"]
    assert after("rules.0.remove") == ["in", "at_least"]
    assert after("rules.add") == [*fields_of, "is"]
    for nothing in ("rules.0.up", "rules.2.down", "rules.9.remove", "rules.x.up", "", "other.add", "rules"):
        assert after(nothing) == fields_of
    joined = editing.edited(document, "rules.0.when.add")["rules"][0]["when"]
    assert [leaf["field"] for leaf in joined["all"]] == ["attribute.size", "source"]
    actions = editing.edited(document, "next_actions.add")["next_actions"]
    assert actions[-1]["when"] is None, "what is for all the others stays last"


def test_cuts_are_the_same_in_every_unit() -> None:
    rows = [
        Hundredth(hundredth=at, leads=n, expected_wins=0, variance=0)
        for at, n in ((5, 70), (40, 20), (80, 10))
    ]
    leads = Distribution(leads=100, hundredths=rows)
    cuts = {"A": 0.7, "B": 0.3, "C": 0.05}
    assert from_chances("capacity", cuts, leads) == {"A": 10, "B": 20, "C": 70}
    assert from_chances("percentile", cuts, leads) == {"A": 10, "B": 30, "C": 100}
    for by in ("capacity", "percentile"):
        back = as_chances(by, from_chances(by, cuts, leads), leads)
        assert [leads.above(back[grade]) for grade in "ABC"] == [10, 30, 100]
    assert as_chances("capacity", {"A": "x", "B": 1, "C": 2}, leads) == {}


@pytest.mark.parametrize(
    ("named", "path", "line"),
    [
        ("rules.0.when.field.op", ("rules", 0, "when", "op"), 4),
        ("rules.1.when.all.all.1.field.value", ("rules", 1, "when", "all", 1, "value"), 9),
        ("grades", ("grades",), 12),
        ("nowhere", (), 1),
    ],
)
def test_a_place_that_a_service_names_is_found_in_the_text(
    named: str, path: tuple[str | int, ...], line: int
) -> None:
    text = """{
  "rules": [
    {"when": {"field": "a \\" ] b",
      "op": "is"}, "x": [1, [2], {}]},
    {"when": {
      "all": [
        {"field": "a"},
        {"field": "b",
         "value": 3}
      ]}}
  ],
  "grades": {"by": 1}
}"""
    found = resolved(json.loads(text), named.split("."))
    assert (found, line_of(text, found)) == (path, line)


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2026-07-01T09:00", "2026-07-01T07:00:00+00:00"),
        ("2026-12-01T09:00", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01T09:00Z", "2026-12-01T09:00:00+00:00"),
        ("tomorrow", None),
    ],
)
def test_a_time_to_publish_is_of_the_houses_time_zone(
    make_console: Callable[..., Flask], typed: str, moment: str | None
) -> None:
    with make_console(time_zone="Europe/Paris").test_request_context():
        found = moment_of(typed)
    assert (found.astimezone(UTC).isoformat() if found else None) == moment
