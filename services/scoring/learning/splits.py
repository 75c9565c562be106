"""Which rows train and which rows test. Every split is a pair of row indices (train, test)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from services.scoring.calibration import Vector
from services.scoring.learning.metrics import Rows

Split = tuple[Rows, Rows]
Method = Literal["stratified_folds", "rolling_origin"]

FOLDS = 5
WINDOWS = 3
# Below this many rows one draw of folds decides too much: several are averaged.
REPEATED_BELOW, REPEATS = 1000, 3
MIN_TRAINING_OUTCOMES = FOLDS  # leads won, and lost, in the first window: one for each fold of `hold_out`


@dataclass(frozen=True, slots=True)
class Validation:
    """How a model is tested on rows it did not see."""

    method: Method
    splits: list[Split]

    @property
    def tested(self) -> Rows:
        """The rows that are in a test part, in increasing order, each once."""
        return np.unique(np.concatenate([test for _, test in self.splits]))

    def calibration_rows(self, index: int) -> Rows:
        """The tested rows that may calibrate the test part `index`: all that are not in it, or those of the
        earlier parts when testing forward in time. May be empty."""
        if self.method == "stratified_folds":
            return np.setdiff1d(self.tested, self.splits[index][1])
        earlier = [test for _, test in self.splits[:index]]
        return np.concatenate(earlier) if earlier else np.zeros(0, dtype=np.intp)


def plan_validation(
    labels: Vector,
    groups: Rows | None,
    times: Vector | None = None,
    known: Vector | None = None,
    *,
    seed: int,
) -> Validation:
    """Forward in time when there are times and they carry it, else stratified folds, repeated when few."""
    windows = [] if times is None else rolling_origin(labels, times, groups, known)
    if windows:
        return Validation("rolling_origin", windows)
    return Validation(
        "stratified_folds",
        [
            split
            for repeat in range(repeats(len(labels)))
            for split in stratified_folds(labels, FOLDS, groups, seed=seed + repeat)
        ],
    )


def repeats(rows: int) -> int:
    """How many draws of stratified folds test a model of so many rows."""
    return REPEATS if rows < REPEATED_BELOW else 1


def count_outcomes(labels: Vector, groups: Rows | None = None) -> tuple[int, int]:
    """Wins and losses; with groups, how many leads were won and how many lost."""
    if groups is None:
        wins = int(labels.sum())
        return wins, len(labels) - wins
    return len(np.unique(groups[labels > 0])), len(np.unique(groups[labels == 0]))


def stratified_folds(labels: Vector, folds: int, groups: Rows | None = None, *, seed: int) -> list[Split]:
    """Seeded folds with the same share of wins in each; a group is never on both sides."""
    if groups is None:
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
        return list(splitter.split(np.zeros(len(labels)), labels))
    grouped = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(grouped.split(np.zeros(len(labels)), labels, groups))


def hold_out(labels: Vector, groups: Rows | None = None, *, seed: int) -> Rows:
    """A fifth of the rows, for early stopping."""
    return stratified_folds(labels, FOLDS, groups, seed=seed)[0][1]


def rolling_origin(
    labels: Vector, times: Vector, groups: Rows | None = None, known: Vector | None = None
) -> list[Split]:
    """Three expanding windows: train on what came strictly before a date, test on the next quarter of
    the rows (Tashman 2000). A lead in the test part gives no row to the training part, nor
    does one whose outcome was not yet known at that date (`known`, on the scale of `times`).

    Empty when the dates cannot carry it: too few distinct ones, or too few wins or losses before the first.
    """
    edges = np.append(np.quantile(times, np.arange(1, WINDOWS + 1) / (WINDOWS + 1)), np.inf)
    splits: list[Split] = []
    for start, end in pairwise(edges):
        train, test = times < start, (times >= start) & (times < end)
        if known is not None:
            train &= known < start
        if groups is not None:
            train &= ~np.isin(groups, groups[test])
        outcomes = count_outcomes(labels[train], None if groups is None else groups[train])
        if not test.any() or min(outcomes) < MIN_TRAINING_OUTCOMES:
            return []
        splits.append((np.flatnonzero(train), np.flatnonzero(test)))
    return splits
