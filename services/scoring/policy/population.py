"""Open leads as columns: what a policy makes of all of them at once, and the cuts it needs for that. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.scoring.policy.conditions import Flags, flags, leaves, spoken
from services.scoring.policy.deciding import AllCuts, band, ruled_grade
from services.scoring.policy.document import ByCapacity, ByPercentile, Policy
from services.scoring.policy.expected_value import READ, ExpectedValue, expected_value, settle_amounts
from services.scoring.policy.grading import GRADES, Cuts, cuts_for

Column = npt.NDArray[Any]
LEAD_COLUMNS = frozenset({"owner", "source", "company", "email_domain", "message_waiting"})
"""Facts in a lead's own row; the others are features of its snapshot, or follow from the score."""
FROM_SCORE = frozenset({"grade", "probability"})


@dataclass(frozen=True, slots=True)
class Population:
    """`columns` by name, each of `count` values: facts, and whatever else was read of the leads."""

    columns: Mapping[str, Column]
    count: int

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]], features: Sequence[str]) -> "Population":
        """`columns["features"]` holds a list for each lead: the values of `features`, or None."""
        count = len(columns["probability"])
        made: dict[str, Column] = {name: _column(values) for name, values in columns.items()}
        rows = made.pop("features", None)
        for at, name in enumerate(features):
            made[name] = _column([row[at] if row else None for row in rows] if rows is not None else [])
        made["probability"] = made["probability"].astype(np.float64)
        return cls(made, count)


def _column(values: Sequence[Any]) -> Column:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def features_read(policy: Policy) -> list[str]:
    """The features of a snapshot that the grades, rules and priority of `policy` look at."""
    fields = {leaf.field for rule in policy.rules for leaf in leaves(rule.when)}
    if policy.grades.segment_by and policy.grades.segments:
        fields.add(policy.grades.segment_by)
    if policy.priority.by == "expected_value":
        fields |= {*READ, *filter(None, [policy.priority.segment_by])}
    return read_of(fields)


def read_of(fields: Iterable[str]) -> list[str]:
    """Those of `fields` that are features of a snapshot."""
    return sorted(set(fields) - LEAD_COLUMNS - FROM_SCORE)


@dataclass(frozen=True, slots=True)
class Decided:
    """Of each lead: its grade by the probability alone, the one after rules, whether it leaves the queue, and
    the probability that rules leave it."""

    held: Column
    grades: Column
    excluded: Flags
    chances: npt.NDArray[np.float64]


def decide_all(policy: Policy, cuts: AllCuts, leads: Population) -> Decided:
    """As `Decider.decide` of each lead that had no grade before."""
    held = np.full(leads.count, GRADES[-1], dtype=object)
    segments = _segments(policy, cuts, leads)
    for mask, segment in segments:
        for grade in reversed(GRADES[:-1]):
            held[mask & (leads.columns["probability"] >= segment[grade])] = grade
    grades, excluded = held.copy(), np.zeros(leads.count, dtype=np.bool_)
    for rule in policy.rules:
        fulfilled = flags(rule.when, {**leads.columns, "grade": grades}, leads.count) & ~excluded
        if rule.do == "exclude":
            excluded |= fulfilled
        else:
            for grade in GRADES:
                grades[fulfilled & (grades == grade)] = ruled_grade(rule, grade)
    chances = leads.columns["probability"].copy()
    for mask, segment in segments:
        for grade in GRADES:
            ruled = mask & (grades == grade) & (held != grade)
            chances[ruled] = np.clip(chances[ruled], *band(grade, segment))
    return Decided(held, grades, excluded, chances)


def expected_values(
    policy: Policy, cuts: AllCuts, leads: Population, decided: Decided
) -> list[ExpectedValue]:
    """Of each lead; none by a policy that orders by probability."""
    if cuts.amounts is None:
        return []
    read = (*READ, "message_waiting", policy.priority.segment_by)
    names = [name for name in read if name is not None and name in leads.columns]
    rows = zip(*(leads.columns[name].tolist() for name in names), strict=True)
    return [
        expected_value(policy.priority, cuts.amounts, chance, dict(zip(names, row, strict=True)))
        for chance, row in zip(decided.chances.tolist(), rows, strict=True)
    ]


def _segments(policy: Policy, cuts: AllCuts, leads: Population) -> list[tuple[Flags, Cuts]]:
    by_segment = _split(policy, leads, cuts.segments)
    rest = np.ones(leads.count, dtype=np.bool_)
    for mask in by_segment.values():
        rest &= ~mask
    return [(rest, cuts.whole), *((mask, cuts.segments[name]) for name, mask in by_segment.items())]


def _split(policy: Policy, leads: Population, names: Mapping[str, Any]) -> dict[str, Flags]:
    """Which leads are of each segment of `names` (as `spoken`)."""
    field = policy.grades.segment_by
    if field is None or not names:
        return {}
    values = leads.columns.get(field, _column([None] * leads.count))
    said = np.array([spoken(value) for value in values.tolist()], dtype=object)
    return {name: said == name for name in names}


class NoLeads(ValueError):
    """There is nothing to settle cuts from."""

    detail = (
        "No lead is scored yet that its cuts can follow from. Give least probabilities, or train a model."
    )


class NoAmounts(NoLeads):
    """There is nothing to settle assumed amounts from."""

    detail = (
        "No open lead has an amount. Order by probability, or send the amounts of leads with their events."
    )


def follows_leads(policy: Policy) -> bool:
    """Whether what it grades or orders by is settled from the open leads."""
    return policy.grades.by != "probability" or policy.priority.by == "expected_value"


def settle(policy: Policy, leads: Population, proposed: Cuts | None) -> dict[str, Any]:
    """What a policy decides by, as stored: {A, B, C, segments, amounts}. Leads that rules exclude are not
    counted. `leads` are read only where it `follows_leads`.

    `proposed` are the model's cuts, for a policy that gives none. Raises NoLeads when grades are shares of
    leads and there are none, NoAmounts when it orders by amounts and none is known.
    """
    settled = _settled_cuts(policy, leads, proposed)
    if policy.priority.by == "expected_value":
        by = policy.priority.segment_by
        unknown = _column([None] * leads.count)
        amounts = settle_amounts(
            leads.columns.get("amount", unknown), leads.columns.get(by, unknown) if by else None
        )
        if amounts is None:
            raise NoAmounts
        settled["amounts"] = amounts.to_json()
    return settled


def _settled_cuts(policy: Policy, leads: Population, proposed: Cuts | None) -> dict[str, Any]:
    grades = policy.grades
    if grades.by == "probability":
        whole = grades.all or proposed
        if whole is None:
            raise NoLeads
        return _stored(whole, grades.segments)
    counted = ~_excluded(policy, leads)
    masks = _split(policy, leads, {spoken(name): None for name in grades.segments})
    rest = counted.copy()
    for mask in masks.values():
        rest &= ~mask
    found: dict[str, Mapping[str, float]] = {}
    for name, given in grades.segments.items():
        mask = counted & masks[spoken(name)]
        if mask.any():
            found[name] = _cuts(policy, given, leads.columns["probability"][mask])
    whole_leads = leads.columns["probability"][rest if rest.any() else counted]
    if not len(whole_leads) or grades.all is None:
        raise NoLeads
    return _stored(_cuts(policy, grades.all, whole_leads), found)


def _cuts(policy: Policy, given: Mapping[str, float], probabilities: npt.NDArray[np.float64]) -> Cuts:
    split = policy.grades.split(given)
    if not isinstance(split, (ByPercentile, ByCapacity)):
        raise TypeError(split)
    return cuts_for(probabilities, split.counts(len(probabilities)))


def _stored(whole: Cuts, segments: Mapping[str, Cuts]) -> dict[str, Any]:
    stored: dict[str, Any] = {grade: float(whole[grade]) for grade in GRADES[:-1]}
    return stored | ({"segments": {name: dict(cuts) for name, cuts in segments.items()}} if segments else {})


def _excluded(policy: Policy, leads: Population) -> Flags:
    """By rules that do not look at the grade, which is not known yet."""
    excluded = np.zeros(leads.count, dtype=np.bool_)
    for rule in policy.rules:
        if rule.do == "exclude" and all(leaf.field != "grade" for leaf in leaves(rule.when)):
            excluded |= flags(rule.when, leads.columns, leads.count)
    return excluded


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    """The most by which a cut differs; infinite when the segments do."""
    one, other = before.get("segments", {}), after.get("segments", {})
    if one.keys() != other.keys():
        return float("inf")
    pairs = [(before, after), *((one[name], other[name]) for name in one)]
    return float(max(abs(a[grade] - b[grade]) for a, b in pairs for grade in GRADES[:-1]))
