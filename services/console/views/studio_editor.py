"""Studio: change a policy in a form and see what it would do. Every button works without a script."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.console.access import signed_in, wants_fragment
from services.console.catalogue import gettext
from services.console.policy import conditions, cuts, editing, form, typed, words
from services.console.policy.answers import Distribution, Matches, PolicyVersion, Simulation, Vocabulary
from services.console.policy.form import CUT_GRADES, MODEL, shown_by
from services.console.policy.places import resolved
from services.console.refusals import refusal
from services.console.services import Conflict, Refused, ServiceDown
from services.console.views.studio import api, kept_words, pages

Z95 = 1.96
CHOICES = {"fields": conditions.FIELDS, "operators": conditions.OPERATORS}
NO_SEGMENTS = ("grade", "probability", "status", "draft_status")


@dataclass(frozen=True, slots=True)
class Problem:
    """What the service says, and which part of the form it is about."""

    anchor: str
    words: str
    error: str


@dataclass(frozen=True, slots=True)
class Band:
    """What a grade would hold by the cuts alone."""

    grade: str
    leads: int
    wins: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Editor:
    """What stands in the form. `chances`: the cuts as least probabilities, where they are known."""

    base: PolicyVersion | None
    document: dict[str, Any]
    vocabulary: Vocabulary
    leads: Distribution
    chances: Mapping[str, float]
    comment: str = ""
    problems: Sequence[Problem] = ()
    effect: Simulation | None = None
    problem: str = ""
    tested: Mapping[str, Matches | str] = field(default_factory=dict)
    asked: str = ""

    @property
    def by(self) -> str:
        return shown_by(self.document["grades"])

    @property
    def bands(self) -> list[Band]:
        edges = [1.0, *(self.chances.get(grade, 0.0) for grade in CUT_GRADES), 0.0]
        held = [self.leads.between(low, high) for high, low in pairwise(edges)]
        return [
            _band(grade, *(one.leads, one.expected_wins, one.variance))
            for grade, one in zip("ABCD", held, strict=True)
        ]

    @property
    def most(self) -> int:
        return max((one.leads for one in self.leads.hundredths), default=1)

    def grade_at(self, hundredth: int) -> str:
        return next(
            (grade for grade in CUT_GRADES if hundredth >= round(100 * self.chances.get(grade, 2))), "D"
        )

    @property
    def wrong_parts(self) -> set[str]:
        return {one.anchor.partition(".")[0] for one in self.problems}

    def of(self, anchor: str) -> list[str]:
        return [one.error for one in self.problems if one.anchor == anchor]


def _band(grade: str, leads: int, wins: float, variance: float) -> Band:
    spread = Z95 * math.sqrt(max(variance, 0))
    return Band(grade, leads, wins, max(0.0, wins - spread), min(float(leads), wins + spread))


@pages.get("/try")
@signed_in
def editor() -> str:
    try:
        listing = api().policies(limit=1)
        asked = request.args.get("from", type=int) or listing.in_force
        base = api().policy(asked) if asked is not None else None
        opened = _opened(base, dict(base.policy) if base else listing.defaults)
    except ServiceDown as error:
        return render_template("studio_editor.html", down=[error.service], editor=None)
    return _draw(opened)


@pages.post("/try")
@signed_in
def edit() -> str | Response | tuple[str, int]:
    """`do`: effect, keep, by, or what one of the form's small buttons says (`editing`)."""
    asked = request.form.get("from", type=int)
    base = api().policy(asked) if asked is not None else None
    before = base.policy if base else api().policies(limit=1).defaults
    document, command = form.read(request.form, before), request.form.get("do", "effect")
    if command == "keep":
        return _kept(base, document)
    if command == "effect":
        return _with_effect(base, document)
    if command.endswith(".test"):
        return _draw(
            _opened(base, document, tested=_tested(document, command.removesuffix(".test")), asked=command)
        )
    return _draw(_opened(base, editing.edited(document, command), asked=command))


def _kept(base: PolicyVersion | None, document: dict[str, Any]) -> str | Response | tuple[str, int]:
    try:
        kept = api().keep(document, request.form.get("comment", "").strip())
    except Refused as error:
        return _draw(_opened(base, document, problems=_problems(document, error))), 422
    flash(kept_words(kept.version))
    return redirect(url_for("studio.version", version=kept.version))


def _with_effect(base: PolicyVersion | None, document: dict[str, Any]) -> str | tuple[str, int]:
    effect, problem, problems = None, "", []
    try:
        effect = api().simulate(document)
    except Conflict as error:
        problem = refusal(error.detail)
    except Refused as error:
        problems = _problems(document, error)
    if wants_fragment():
        return render_template("_tried.html", effect=effect, problem=problem, problems=problems)
    opened = _opened(base, document, effect=effect, problem=problem, problems=problems)
    return (_draw(opened), 422) if problems else _draw(opened)


def _opened(base: PolicyVersion | None, document: dict[str, Any], **more: Any) -> Editor:
    """The form for `document`; its cuts are said in the unit that was chosen last."""
    leads, by, was = api().distribution(), shown_by(document["grades"]), request.form.get("was_by", "")
    proposed = {grade: base.cuts[grade] for grade in CUT_GRADES} if base and base.cuts else {}
    if by != MODEL and was in form.WAYS and was != by:
        chances = proposed if was == MODEL else _typed_chances(was, leads)
        split = cuts.from_chances(by, chances, leads)
        document = {**document, "grades": {**document["grades"], "all": split, "segments": {}}}
    chances = proposed if by == MODEL else cuts.as_chances(by, document["grades"]["all"], leads)
    comment = request.form.get("comment", "")
    return Editor(base, document, api().vocabulary(), leads, chances, comment, **more)


def _typed_chances(by: str, leads: Distribution) -> dict[str, float]:
    """The cuts that the form holds, in the unit in which they were typed."""
    percent = by == "probability"
    given = {
        grade: typed.number(request.form.get(f"grades.all.{grade}", ""), percent=percent)
        for grade in CUT_GRADES
    }
    return cuts.as_chances(by, given, leads)


def _tested(document: dict[str, Any], place: str) -> dict[str, Matches | str]:
    """The leads that the condition of a rule or a next action fits now."""
    part, _, at = place.partition(".")
    items = document[part] if part in ("rules", "next_actions") else []
    named = editing.index_in(at, items)
    if named is None:
        return {}
    try:
        return {place: api().matches(items[named]["when"])}
    except Refused as error:
        return {place: refusal(error.reasons[0].removeprefix("Value error, "))}


def _problems(document: dict[str, Any], error: Refused) -> list[Problem]:
    found = []
    for one in error.problems or [{"field": "", "error": error.detail}]:
        path = resolved(document, str(one["field"]).split(".")[1:])
        part = str(path[0]) if path else ""
        place = path[1] if len(path) > 1 and isinstance(path[1], int) else None
        anchor = part if place is None else f"{part}.{place}"
        why = refusal(str(one["error"]).removeprefix("Value error, "))
        found.append(Problem(anchor or "grades", _place_words(part, place), why))
    return found


def _place_words(part: str, place: int | None) -> str:
    if place is None:
        return gettext(words.PARTS.get(part, "Grades"))
    if part == "rules":
        return gettext("Rule %(number)s", number=place + 1)
    return gettext("Next action %(number)s", number=place + 1)


def _draw(editor: Editor) -> str:
    template = "_editor.html" if wants_fragment() else "studio_editor.html"
    own = [one for one in editor.vocabulary.fields if one.field not in conditions.FIELDS]
    return render_template(
        template,
        down=[],
        editor=editor,
        form=form,
        typed=typed,
        words=words,
        conditions=conditions,
        own=own,
        no_segments=NO_SEGMENTS,
        choices=CHOICES,
    )
