"""What working a lead is expected to bring: probability x amount x urgency. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from services.scoring.policy.conditions import Closed, Facts, FieldName, number, spoken
from services.scoring.priority import Scalar

MOST_AMOUNT = 1e12
"""More than this is a mistake in a field."""
LEAST_AMOUNTS = 5
"""Of fewer leads a median says nothing: then that of all leads is assumed."""
READ = ("amount", "days_since_last")
"""The features of a snapshot that the formula reads."""


class Urgency(Closed):
    """``2 ** (-days since the last activity / half_life_days)``, at least `least`, since the probability
    knows of silence too; times `message_waiting` while the lead waits for an answer."""

    half_life_days: float = Field(14, gt=0, le=3650)
    least: float = Field(0.1, ge=0.01, le=1)
    message_waiting: float = Field(2, ge=1, le=100)


class Priority(Closed):
    """What the queue is ordered by. `segment_by`: the field whose values share an assumed amount."""

    by: Literal["probability", "expected_value"] = "probability"
    segment_by: FieldName | None = "source"
    urgency: Urgency = Urgency()


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is assumed of a lead whose amount is not known: the median of its segment (by `spoken` value),
    else of all leads."""

    whole: float
    segments: Mapping[str, float]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> "Amounts | None":
        return cls(stored["all"], stored["segments"]) if stored else None

    def to_json(self) -> dict[str, Any]:
        return {"all": self.whole, "segments": dict(self.segments)}


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """`probability` is the one that rules leave a lead. `segment`: whose median an assumed amount is; None
    that of all leads."""

    probability: float
    amount: float
    assumed: bool
    segment: str | None
    urgency: float

    @property
    def value(self) -> float:
        return self.probability * self.amount * self.urgency

    def to_json(self) -> dict[str, Any]:
        told = ("probability", "amount", "assumed", "segment", "urgency", "value")
        return {name: getattr(self, name) for name in told}


def expected_value(priority: Priority, amounts: Amounts, probability: float, facts: Facts) -> ExpectedValue:
    """`facts` hold `READ`, `message_waiting` and the field of segments."""
    said = spoken(facts.get(priority.segment_by)) if priority.segment_by else ""
    urgency = urgency_of(priority.urgency, facts.get("days_since_last"), facts.get("message_waiting"))
    known = amount_of(facts.get("amount"))
    if known is not None:
        return ExpectedValue(probability, known, False, None, urgency)
    of_segment = amounts.segments.get(said)
    if of_segment is None:
        return ExpectedValue(probability, amounts.whole, True, None, urgency)
    return ExpectedValue(probability, of_segment, True, said, urgency)


def amount_of(value: Scalar) -> float | None:
    """An amount that says something: CRMs fill in 0 where nobody said one."""
    found = number(value)
    return found if 0 < found <= MOST_AMOUNT else None


def urgency_of(urgency: Urgency, days_since_last: Scalar, message_waiting: Scalar) -> float:
    silent = number(days_since_last)
    fading = 2.0 ** (-silent / urgency.half_life_days) if silent > 0 else 1.0
    return max(fading, urgency.least) * (urgency.message_waiting if message_waiting else 1.0)


def settle_amounts(amounts: npt.NDArray[Any], segments: npt.NDArray[Any] | None) -> Amounts | None:
    """The medians of the amounts that are known, by segment; None when there is none."""
    known = [amount_of(value) for value in amounts.tolist()]
    told = [value for value in known if value is not None]
    if not told:
        return None
    by_segment: dict[str, list[float]] = {}
    for value, segment in zip(known, segments.tolist() if segments is not None else (), strict=False):
        if value is not None and segment is not None:
            by_segment.setdefault(spoken(segment), []).append(value)
    medians = {name: median(of) for name, of in by_segment.items() if len(of) >= LEAST_AMOUNTS}
    return Amounts(median(told), dict(sorted(medians.items())))


def furthest(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> float:
    """The largest change of an assumed amount, as a share of it; infinite when other segments have one."""
    if before is None or after is None:
        return 0.0 if before == after else float("inf")
    if before["segments"].keys() != after["segments"].keys():
        return float("inf")
    pairs = [(before["all"], after["all"])]
    pairs += [(before["segments"][name], after["segments"][name]) for name in before["segments"]]
    return float(np.max([abs(new - old) / old for old, new in pairs]))
