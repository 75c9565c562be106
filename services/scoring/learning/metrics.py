"""How good a set of predicted probabilities is. Labels are 0.0 or 1.0, one per probability."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from services.scoring.calibration import Vector

Rows = npt.NDArray[np.intp]

ECE_BINS = 10
TOP_SHARE = 0.10


def auc(labels: Vector, scores: Vector) -> float:
    """Area under the ROC curve: the chance that a win stands above a loss, a tie being half (Hanley 1982)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2.0
    wins = labels.sum()
    losses = len(labels) - wins
    if wins == 0 or losses == 0:
        return float("nan")
    return float(((mid_ranks[inverse] * labels).sum() - wins * (wins + 1) / 2.0) / (wins * losses))


def average_precision(labels: Vector, scores: Vector) -> float:
    """Sum over thresholds of precision x gain in recall; leads tied at a score enter together."""
    order = np.argsort(-scores, kind="stable")
    wins = np.cumsum(labels[order])
    if len(wins) == 0 or wins[-1] == 0:
        return float("nan")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    precision = wins[ends] / (ends + 1)
    return float((precision * np.diff(wins[ends], prepend=0.0)).sum() / wins[-1])


def brier(labels: Vector, probabilities: Vector) -> float:
    """Mean squared distance between probability and outcome (Brier 1950)."""
    return float(np.mean((probabilities - labels) ** 2))


def ece(labels: Vector, probabilities: Vector) -> float:
    """Expected calibration error over ten bins of equal width (Naeini 2015)."""
    bins = np.minimum((probabilities * ECE_BINS).astype(np.intp), ECE_BINS - 1)
    gaps = np.bincount(bins, labels - probabilities, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def log_loss(labels: Vector, probabilities: Vector) -> float:
    """Mean cross-entropy."""
    chances = np.clip(probabilities, 1e-12, 1.0 - 1e-12)
    return float(-np.mean(labels * np.log(chances) + (1.0 - labels) * np.log(1.0 - chances)))


def lift_at_10(labels: Vector, scores: Vector) -> float:
    """Share of wins among the best tenth over the share of wins among all.

    Leads tied at the tenth's edge count by the fraction of them that fits, so that their order is no luck.
    """
    size = max(1.0, TOP_SHARE * len(labels))
    edge = np.sort(scores)[::-1][int(np.ceil(size)) - 1]
    above, tied = scores > edge, scores == edge
    room = (size - above.sum()) / tied.sum()
    wins = labels[above].sum() + room * labels[tied].sum()
    overall = labels.mean()
    return float(wins / size / overall) if overall > 0 else float("nan")


MEASURES: dict[str, Callable[[Vector, Vector], float]] = {
    "auc": auc,
    "average_precision": average_precision,
    "brier": brier,
    "ece": ece,
    "lift_at_10": lift_at_10,
}


def measure(labels: Vector, probabilities: Vector) -> dict[str, float]:
    """Every measure, by name."""
    return {name: function(labels, probabilities) for name, function in MEASURES.items()}


def resamples(count: int, draws: int, *, seed: int, groups: Rows | None = None) -> Iterator[Rows]:
    """Bootstrap draws of row indices. With `groups` (one number from 0 per row) whole groups are drawn, since
    several snapshots of one lead are not several leads."""
    random = np.random.default_rng(seed)
    groups = np.arange(count) if groups is None else groups
    group_count = int(groups.max()) + 1
    for _ in range(draws):
        times_drawn = np.bincount(random.integers(0, group_count, group_count), minlength=group_count)
        yield np.repeat(np.arange(count), times_drawn[groups])


def intervals(
    labels: Vector, probabilities: Vector, draws: int, *, seed: int, groups: Rows | None = None
) -> dict[str, tuple[float, float]]:
    """The 95 % bootstrap interval of every measure (percentiles); draws with one outcome are left out."""
    measured = [
        list(measure(labels[rows], probabilities[rows]).values())
        for rows in resamples(len(labels), draws, seed=seed, groups=groups)
        if 0 < labels[rows].sum() < len(rows)
    ]
    low, high = np.percentile(np.array(measured), [2.5, 97.5], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(MEASURES)}
