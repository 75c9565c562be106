"""What a draft would change: grades, who moves, expected wins, work against capacity, deadlines. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from services.scoring.policy.absences import NOBODY_AWAY, Absences
from services.scoring.policy.conditions import Flags
from services.scoring.policy.deciding import AllCuts, Decider
from services.scoring.policy.document import Policy
from services.scoring.policy.grading import GRADES, Grade
from services.scoring.policy.population import Column, Decided, Population, decide_all, expected_values

Told = dict[str, Any]
MOST_SHOWN = 50
MOST_OWNERS = 100
FIRST, FIRST_SHOWN = 50, 20
"""How many leads at the head of the queue are compared, and named."""
Z95 = 1.959963984540054
EXCLUDED = "excluded"
LABELS = (*GRADES, EXCLUDED)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is tried: `decider` holds its cuts, settled from the open leads."""

    policy: Policy
    cuts: Mapping[str, Any]
    decider: Decider

    @classmethod
    def of(cls, policy: Policy, cuts: Mapping[str, Any]) -> "Draft":
        return cls(policy, cuts, Decider(policy, AllCuts.from_json(cuts)))


def simulate(
    draft: Draft,
    current: Decider,
    leads: Population,
    arrivals: Population,
    now: datetime,
    absences: Absences = NOBODY_AWAY,
) -> Told:
    """`leads` are open now, `arrivals` came in lately (with their `day`). Without names: `moves` has ids."""
    then = decide_all(draft.policy, draft.decider.cuts, leads)
    probabilities = leads.columns["probability"]
    was = Decided(
        leads.columns["held_grade"],
        leads.columns["grade"],
        leads.columns[EXCLUDED].astype(bool),
        probabilities,
    )
    reps = draft.policy.workload.reps or max(1, len(set(leads.columns["owner"].tolist()) - {None}))
    return {
        "cuts": draft.cuts,
        "grades": {
            grade: {
                "now": int(_in(was, grade).sum()),
                "then": int(_in(then, grade).sum()),
                "expected_wins_now": expected_wins(probabilities[_in(was, grade)]),
                "expected_wins_then": expected_wins(probabilities[_in(then, grade)]),
            }
            for grade in GRADES
        },
        EXCLUDED: {"now": int(was.excluded.sum()), "then": int(then.excluded.sum())},
        "moves": _moves(draft, leads, was, then, now),
        "queue": _queue(draft, leads, was, then),
        "work": _work(draft.policy, was, then, reps),
        "deadlines_missed": {
            "now": _missed(current, leads, was, now, absences),
            "then": _missed(draft.decider, leads, then, now, absences),
        },
        "owners": _owners(leads, was, then),
        "days": _days(draft, arrivals, reps),
    }


def expected_wins(probabilities: npt.NDArray[np.float64]) -> dict[str, float]:
    """How many of these leads are won, with a 95 % interval, if each probability is right.

    Wins are a sum of independent draws, a Poisson-binomial variable, here by its normal approximation: mean
    Σp, variance Σp(1−p) (Y. Hong, On computing the distribution function for the Poisson binomial
    distribution, Computational Statistics & Data Analysis 59, 2013, section 2.4). Says nothing of a model
    that is wrong.
    """
    mean = float(probabilities.sum())
    spread = Z95 * math.sqrt(float((probabilities * (1 - probabilities)).sum()))
    return {
        "value": round(mean, 2),
        "low": round(max(0.0, mean - spread), 2),
        "high": round(min(float(len(probabilities)), mean + spread), 2),
    }


def _in(decided: Decided, grade: str) -> Flags:
    found: Flags = (decided.grades == grade) & ~decided.excluded
    return found


def _codes(decided: Decided) -> Column:
    """Each lead's position in `LABELS`."""
    codes = np.full(len(decided.grades), len(GRADES))
    for code, grade in enumerate(GRADES):
        codes[_in(decided, grade)] = code
    return codes


def _moves(draft: Draft, leads: Population, was: Decided, then: Decided, now: datetime) -> Told:
    before, after = _codes(was), _codes(then)
    moved = np.flatnonzero(before != after)
    pairs, counts = np.unique(before[moved] * len(LABELS) + after[moved], return_counts=True)
    likely = moved[np.argsort(-leads.columns["probability"][moved], kind="stable")][:MOST_SHOWN]
    return {
        "count": len(moved),
        "by": [
            {"from": LABELS[pair // len(LABELS)], "to": LABELS[pair % len(LABELS)], "leads": count}
            for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True)
        ],
        "leads": [
            {
                "lead_id": leads.columns["lead_id"][at],
                "probability": float(leads.columns["probability"][at]),
                "from": LABELS[before[at]],
                "to": LABELS[after[at]],
                "rules": _rules(draft.decider, leads, int(at), now),
            }
            for at in likely
        ],
    }


def _queue(draft: Draft, leads: Population, was: Decided, then: Decided) -> Told:
    """Who would stand first, and what comes of working the first ones: the queue now beside the draft's."""
    now_order = _ordered(leads.columns["queue_rank"].astype(np.float64), was.excluded)
    by_value = draft.policy.priority.by == "expected_value"
    worths = expected_values(draft.policy, draft.decider.cuts, leads, then)
    places = np.array([worth.value for worth in worths]) if by_value else then.chances
    then_order = _ordered(-places, then.excluded)
    position = {lead: at for at, lead in enumerate(now_order.tolist(), 1)}
    now_first, then_first = now_order[:FIRST].tolist(), then_order[:FIRST].tolist()
    probabilities = leads.columns["probability"].tolist()

    def expected(first: list[int]) -> Told:
        amount = sum(probabilities[at] * worths[at].amount for at in first) if by_value else None
        return {"wins": round(sum(probabilities[at] for at in first), 2), "amount": amount}

    return {
        "by": draft.policy.priority.by,
        "assumed_amounts": sum(worths[at].assumed for at in then_order.tolist()) if by_value else None,
        "first": FIRST,
        "new_among_first": len(set(then_first) - set(now_first)),
        "expected_of_first": {"now": expected(now_first), "then": expected(then_first)},
        "leads": [
            {
                "lead_id": leads.columns["lead_id"][lead],
                "position": at,
                "position_now": position.get(lead),
                "expected_value": worths[lead].to_json() if by_value else None,
            }
            for at, lead in enumerate(then_first[:FIRST_SHOWN], 1)
        ],
    }


def _ordered(ranks: npt.NDArray[np.float64], excluded: Flags) -> npt.NDArray[np.intp]:
    """The leads of the queue, the first first."""
    order = np.argsort(ranks, kind="stable")
    return order[~excluded[order]]


def _rules(decider: Decider, leads: Population, at: int, now: datetime) -> Sequence[Told]:
    facts = {name: values[at] for name, values in leads.columns.items()}
    return decider.decide(facts["probability"], lambda: facts, None, now).rules


def _work(policy: Policy, was: Decided, then: Decided, reps: int) -> Told:
    """Hours that the open leads ask for, and how many days of the team that is."""
    minutes = policy.workload.minutes
    a_day = reps * policy.workload.hours_per_rep_per_day
    hours = {
        name: sum(int(_in(decided, grade).sum()) * minutes.get(grade, 0) for grade in GRADES) / 60
        for name, decided in (("now", was), ("then", then))
    }
    return {
        "reps": reps,
        "hours_a_day": a_day,
        "hours": {name: round(value, 1) for name, value in hours.items()},
        "days": {name: round(value / a_day, 1) for name, value in hours.items()},
    }


def _missed(
    decider: Decider, leads: Population, decided: Decided, now: datetime, absences: Absences
) -> dict[str, int]:
    """Open leads nobody contacted, by grade, whose deadline has passed, had they got `decided`'s grades when
    they got their present ones."""
    waiting = ~leads.columns["contacted"].astype(bool)
    since, owners = leads.columns["grade_since"].astype(np.float64), leads.columns["owner"]
    away = {name: days for name in sorted(absences.owners()) if (days := absences.unattended(name))}
    present = np.fromiter((owner not in away for owner in owners.tolist()), np.bool_, leads.count)
    groups = [(present, frozenset()), *((owners == name, days) for name, days in away.items())]
    late = {grade: np.zeros(leads.count, dtype=np.bool_) for grade in GRADES}
    for mask, days in groups:
        for grade in GRADES:
            late[grade] |= mask & (since < latest_missed(decider, grade, now, days))
    return {grade: int((_in(decided, grade) & waiting & late[grade]).sum()) for grade in GRADES}


def latest_missed(
    decider: Decider, grade: Grade, now: datetime, away: frozenset[date] = frozenset()
) -> float:
    """Seconds since 1970: leads that got `grade` before this are late at `now`; minus infinity without a
    deadline. `away`: days on which nobody can contact them."""
    if decider.first_contact_due(grade, now) is None:
        return -math.inf
    early, late = now - timedelta(days=2000), now
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        due = decider.first_contact_due(grade, middle, away)
        early, late = (middle, late) if due is not None and due < now else (early, middle)
    return late.timestamp()


def _count(codes: Column) -> dict[str, int]:
    return dict(zip(LABELS, np.bincount(codes, minlength=len(LABELS)).tolist(), strict=True))


def _owners(leads: Population, was: Decided, then: Decided) -> list[Told]:
    """Leads of each owner, by grade; those of most leads first, those of nobody as null."""
    owners = leads.columns["owner"]
    names, inverse, counts = np.unique(
        np.array([owner or "" for owner in owners.tolist()], dtype=str),
        return_inverse=True,
        return_counts=True,
    )
    before, after = _codes(was), _codes(then)
    return [
        {
            "owner": str(names[at]) or None,
            "now": _count(before[inverse == at]),
            "then": _count(after[inverse == at]),
        }
        for at in np.argsort(-counts, kind="stable")[:MOST_OWNERS]
    ]


def _days(draft: Draft, arrivals: Population, reps: int) -> list[Told]:
    """Leads by the day on which they came in, graded by their first score; hours they ask for."""
    before, after = (
        _codes(
            Decided(
                arrivals.columns["grade"],
                arrivals.columns["grade"],
                np.zeros(arrivals.count, np.bool_),
                arrivals.columns["probability"],
            )
        ),
        _codes(decide_all(draft.policy, draft.decider.cuts, arrivals)),
    )
    days = arrivals.columns["day"]
    minutes = draft.policy.workload.minutes
    found = []
    for day in sorted(set(days.tolist())):
        then = _count(after[days == day])
        hours = sum(then[grade] * minutes.get(grade, 0) for grade in GRADES) / 60
        found.append(
            {
                "day": day,
                "now": _count(before[days == day]),
                "then": then,
                "hours": round(hours, 1),
                "hours_a_day": reps * draft.policy.workload.hours_per_rep_per_day,
            }
        )
    return found
