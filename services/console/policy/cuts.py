"""The same cuts said in other units: chances, shares of the leads, numbers of leads. Pure.

By hundredths of probability, as the distribution has them: what a person drags is no finer.
"""

from collections.abc import Mapping
from typing import Any

from services.console.policy.answers import Distribution
from services.console.policy.form import CUT_GRADES

FIRST = {"A": 0.6, "B": 0.3, "C": 0.1}
"""Where cuts begin when nothing says where they were."""


def as_chances(by: str, given: Mapping[str, Any] | None, leads: Distribution) -> dict[str, float]:
    """`given` by "probability", "percentile" or "capacity" as least probabilities; {} if not numbers."""
    if given is None or any(isinstance(given[grade], (str, type(None))) for grade in CUT_GRADES):
        return {}
    if by == "probability":
        return {grade: float(given[grade]) for grade in CUT_GRADES}
    if by == "percentile":
        return {grade: leads.cut(int(leads.leads * given[grade] / 100)) for grade in CUT_GRADES}
    total, found = 0, {}
    for grade in CUT_GRADES:
        total += int(given[grade])
        found[grade] = leads.cut(total)
    return found


def from_chances(by: str, cuts: Mapping[str, float], leads: Distribution) -> dict[str, float]:
    """The other way round."""
    cuts = {**FIRST, **{grade: cuts[grade] for grade in CUT_GRADES if grade in cuts}}
    if by == "probability":
        return {grade: round(cuts[grade], 4) for grade in CUT_GRADES}
    above = {grade: leads.above(cuts[grade]) for grade in CUT_GRADES}
    if by == "percentile":
        return {grade: round(100 * above[grade] / max(leads.leads, 1), 1) for grade in CUT_GRADES}
    return {"A": above["A"], "B": above["B"] - above["A"], "C": above["C"] - above["B"]}
