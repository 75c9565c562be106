"""From a probability to a grade: cuts, and what keeps a grade from flickering. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

Grade = Literal["A", "B", "C", "D"]
GRADES: tuple[Grade, ...] = ("A", "B", "C", "D")
Cuts = Mapping[str, float]
"""A, B and C → the least probability of that grade; below C is D."""
Probabilities = npt.NDArray[np.float64]


def grade_of(probability: float, cuts: Cuts) -> Grade:
    # Once a score: written out, it takes a third of the time of a loop.
    if probability >= cuts["A"]:
        return "A"
    if probability >= cuts["B"]:
        return "B"
    return "C" if probability >= cuts["C"] else "D"


def cuts_for(probabilities: Probabilities, at_most: Sequence[int]) -> dict[str, float]:
    """The cuts by which at most `at_most[0]` leads are A, `[1]` A or B, and `[2]` A, B or C.

    Leads of one probability are on one side of a cut: of a tie that does not fit whole, none is above.
    """
    ranked = np.sort(probabilities)[::-1]
    return {grade: _cut(ranked, count) for grade, count in zip(GRADES, at_most, strict=False)}


def _cut(ranked: Probabilities, count: int) -> float:
    if count >= len(ranked):
        return 0.0
    first_below = ranked[count]
    above = ranked[:count][ranked[:count] > first_below]
    # Half way between the last that is above and the first below, so that a small change moves neither.
    return float((above[-1] + first_below) / 2) if len(above) else float(np.nextafter(ranked[0], 2))


@dataclass(frozen=True, slots=True)
class Held:
    """The grade that a lead has by its probability. `leans_to`: the one on whose side of the cut its
    probability has been since `leans_since`, while that is not enough to change it."""

    grade: str
    leans_to: str | None = None
    leans_since: datetime | None = None


SETTLED: Mapping[str, Held] = {grade: Held(grade) for grade in GRADES}


def hold(
    probability: float,
    cuts: Cuts,
    before: Held | None,
    as_of: datetime,
    *,
    points: float,
    patience: timedelta,
) -> Held:
    """The grade at `as_of`. It changes when the probability is past a cut by `points`, or has been past it on
    one side for `patience`."""
    target = grade_of(probability, cuts)
    if before is None or before.grade == target:
        return SETTLED[target]
    better = target < before.grade
    sure = grade_of(probability - points if better else probability + points, cuts)
    grade = min(before.grade, sure) if better else max(before.grade, sure)
    if grade == target:
        return SETTLED[target]
    leaning = before.leans_to is not None and (before.leans_to < before.grade) == better
    since = before.leans_since if leaning and grade == before.grade and before.leans_since else as_of
    if as_of - since >= patience:
        return SETTLED[target]
    return Held(grade, target, since)
