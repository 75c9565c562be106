"""How a qualification card is judged against the one a person filled in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.responder.folding import words

Card = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Counted:
    """`right` of the `shown` values stand on the person's card; `found` of its `there` values were shown."""

    right: int
    shown: int
    found: int
    there: int

    @property
    def precision(self) -> float:
        return self.right / self.shown if self.shown else 1.0

    @property
    def recall(self) -> float:
        return self.found / self.there if self.there else 1.0


def same(one: str, other: str) -> bool:
    """Whether two quotes say the same: one's words hold the other's, and at least half are common."""
    first, second = words(one), words(other)
    common = len(first & second)
    return (
        bool(common) and common == min(len(first), len(second)) and 2 * common >= max(len(first), len(second))
    )


def count(cards: Iterable[tuple[Card, Card]], fields: Sequence[str]) -> dict[str, Counted]:
    """By field, over (what was read, what a person filled in) pairs; "all" is over every field."""
    pairs = list(cards)
    counted = {field: _of_field(pairs, field) for field in fields}
    parts = counted.values()
    counted["all"] = Counted(
        sum(p.right for p in parts),
        sum(p.shown for p in parts),
        sum(p.found for p in parts),
        sum(p.there for p in parts),
    )
    return counted


def _of_field(pairs: Sequence[tuple[Card, Card]], field: str) -> Counted:
    right = shown = found = there = 0
    for read, gold in pairs:
        ours, theirs = read.get(field, ()), gold.get(field, ())
        shown += len(ours)
        there += len(theirs)
        right += sum(any(same(value, wanted) for wanted in theirs) for value in ours)
        found += sum(any(same(value, wanted) for value in ours) for wanted in theirs)
    return Counted(right, shown, found, there)
