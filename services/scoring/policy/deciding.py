"""A policy made ready to decide on leads. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.scoring.features import Features
from services.scoring.policy.conditions import Facts, compiled, leaves, spoken
from services.scoring.policy.document import NextAction, Policy, Rule
from services.scoring.policy.expected_value import Amounts, ExpectedValue, expected_value
from services.scoring.policy.grading import GRADES, SETTLED, Cuts, Grade, Held, hold
from services.scoring.policy.working_time import Calendar

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AllCuts:
    """`whole`: of leads without cuts of their own; `segments`: by `spoken` value. `amounts`: those assumed,
    of a policy that orders by expected value."""

    whole: Cuts
    segments: Mapping[str, Cuts]
    amounts: Amounts | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "AllCuts":
        segments = {spoken(name): cuts for name, cuts in stored.get("segments", {}).items()}
        amounts = Amounts.from_json(stored.get("amounts"))
        return cls({grade: stored[grade] for grade in GRADES[:-1]}, segments, amounts)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy makes of a score. `held` is the grade by probability alone, `grade` the one after rules.

    `place` stands for the probability in the queue's order; None: the probability itself. `rules` are those
    that were applied, with their reasons. `worth`: what `place` is, of a policy that orders by it.
    """

    held: Held
    grade: str
    excluded: bool = False
    place: float | None = None
    rules: Sequence[Told] = ()
    worth: ExpectedValue | None = None


_PLAIN: Mapping[str, Decision] = {grade: Decision(held, grade) for grade, held in SETTLED.items()}


class Decider:
    """One version of a policy with its cuts. Conditions are compiled once."""

    def __init__(self, policy: Policy, cuts: AllCuts) -> None:
        self.policy, self.cuts = policy, cuts
        self.calendar: Calendar = policy.deadlines.working_hours.calendar()
        hysteresis = policy.grades.hysteresis
        self._points, self.patience = hysteresis.points, timedelta(hours=hysteresis.hours)
        self._segment_by = policy.grades.segment_by if cuts.segments else None
        self._rules = [(compiled(rule.when), rule) for rule in policy.rules]
        self.amounts = cuts.amounts if policy.priority.by == "expected_value" else None
        self._actions = [(compiled(one.when) if one.when else None, one) for one in policy.next_actions]
        conditions = [one.when for one in policy.next_actions if one.when]
        self.action_fields = frozenset(leaf.field for when in conditions for leaf in leaves(when))

    def decide(
        self, probability: float, facts: Callable[[], Facts], before: Held | None, as_of: datetime
    ) -> Decision:
        """`facts` is called only when this policy has segments or rules, or orders by expected value."""
        if self._segment_by is None and not self._rules and self.amounts is None:
            held = self._hold(probability, self.cuts.whole, before, as_of)
            return _PLAIN[held.grade] if held.leans_to is None else Decision(held, held.grade)
        known = facts()
        cuts = self.cuts_of(known)
        held = self._hold(probability, cuts, before, as_of)
        return self._ruled(held, probability, known, cuts)

    def cuts_of(self, facts: Facts) -> Cuts:
        if self._segment_by is None:
            return self.cuts.whole
        return self.cuts.segments.get(spoken(facts.get(self._segment_by)), self.cuts.whole)

    def _hold(self, probability: float, cuts: Cuts, before: Held | None, as_of: datetime) -> Held:
        return hold(probability, cuts, before, as_of, points=self._points, patience=self.patience)

    def _ruled(self, held: Held, probability: float, facts: Facts, cuts: Cuts) -> Decision:
        grade, applied, excluded = held.grade, [], False
        asked = {**facts, "probability": probability, "grade": grade}
        for fulfilled, rule in self._rules:
            if not fulfilled(asked):
                continue
            ruled = ruled_grade(rule, grade)
            if rule.do == "exclude" or ruled != grade:
                applied.append({"do": rule.do, "grade": rule.grade, "reason": rule.reason})
            grade = asked["grade"] = ruled
            excluded = rule.do == "exclude"
            if excluded:
                break
        place = None if grade == held.grade else place_in(grade, cuts, probability)
        if self.amounts is None:
            return Decision(held, grade, excluded, place, applied)
        chance = probability if place is None else place
        worth = expected_value(self.policy.priority, self.amounts, chance, facts)
        return Decision(held, grade, excluded, worth.value, applied, worth)

    def next_action(self, facts: Facts) -> NextAction:
        """The first that fits; the house's rules may leave a lead without any: then nothing is to be done."""
        return next(
            (one for fulfilled, one in self._actions if fulfilled is None or fulfilled(facts)),
            NextAction(action="no_action"),
        )

    def first_contact_due(
        self, grade: Grade | None, since: datetime | None, away: frozenset[date] = frozenset()
    ) -> datetime | None:
        """Until when a lead that has `grade` since `since` is to be contacted for the first time.

        `away`: days on which nobody can.
        """
        within = self.policy.deadlines.first_contact.get(grade) if grade else None
        if within is None or since is None:
            return None
        calendar = self.calendar.without(away) if away else self.calendar
        if within.days is not None:
            return calendar.after_days(since, within.days)
        return calendar.after_hours(since, within.hours or 0)


def ruled_grade(rule: Rule, grade: str) -> str:
    """What a rule makes of a grade."""
    if rule.grade is None:
        return grade
    return max(grade, rule.grade) if rule.do == "cap" else min(grade, rule.grade)


def place_in(grade: str, cuts: Cuts, probability: float) -> float:
    """The probability within the band of `grade` that is nearest to a lead's own: where it stands there."""
    least, most = band(grade, cuts)
    return min(max(probability, least), most)


def band(grade: str, cuts: Cuts) -> tuple[float, float]:
    """The least and the most probability of `grade`."""
    return cuts.get(grade, 0.0), next((cuts[better] for better in reversed(GRADES) if better < grade), 1.0)


def facts_of(features: Features, own: Mapping[str, Any]) -> Facts:
    """What conditions ask for: the features of a snapshot, and the rest from `own`, a lead's columns."""
    email = own.get("email")
    return {
        **features,
        "company": own.get("company"),
        "email_domain": email.rpartition("@")[2].lower() if isinstance(email, str) and email else None,
        "source": own.get("source"),
        "owner": own.get("owner"),
        "message_waiting": own.get("message_waiting"),
    }
