"""Is the kind of model that is published the one to publish, on leads it has not seen? See bench/README.md.

`make bench-choice`, or `python -m bench.choice --only dated_800 --seeds 5 --json`.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer

from services.scoring.calibration import Vector, sigmoid
from services.scoring.learning.closed_leads import ClosedLeads
from services.scoring.learning.evaluate import (
    KINDS,
    NAMES,
    PUBLISHED,
    TRAINED_SHARE,
    YARDSTICKS,
    learn_and_predict,
)
from services.scoring.learning.metrics import auc, average_precision, resamples
from shared.progress import shown_progress
from tests.harness import x_education

MOST_LOST = 0.01
LEAST_SHARE = 0.97
DRAWN = 300
RESAMPLES = 1_000
DRAWS = "draws"


def invented(
    rows: int, seed: int, *, drift: float = 0.0, base: float = -1.5, channels: int = 8, missing: float = 0.1
) -> ClosedLeads:
    """Dated leads, oldest first, by a known formula; with `drift` 1 what predicts has turned by the end.

    `base`: log-odds before any field; `missing`: share of the values that are not known.
    """
    random = np.random.default_rng(seed)
    turned = drift * np.arange(rows) / rows
    visits = random.poisson(3 + 2 * turned)
    silent_days = random.exponential(20, rows)
    channel = random.integers(channels, size=rows)
    employees = random.lognormal(3, 1, rows)
    log_odds = (
        base
        + 0.5 * np.minimum(visits, 6)
        - (0.05 - 0.08 * turned) * silent_days
        + (1 - 1.5 * turned) * random.normal(0, 0.8, channels)[channel]
        + 0.8 * ((employees > 30) & (visits > 2))
    )
    fields: dict[str, list[Any]] = {
        "visits": visits.tolist(),
        "silent_days": silent_days.tolist(),
        "channel": [f"c{one}" for one in channel],
        "employees": employees.tolist(),
        "noise": random.normal(size=rows).tolist(),
        "city": [f"v{one}" for one in random.integers(900, size=rows)],
    }
    known = random.random((rows, len(fields))) >= missing
    leads = [
        {name: values[row] for (name, values), kept in zip(fields.items(), known[row], strict=True) if kept}
        for row in range(rows)
    ]
    won = (random.random(rows) < sigmoid(log_odds)).astype(np.float64)
    moments = np.arange(rows, dtype=np.float64)
    return ClosedLeads(leads, won, moments, moments)


def tumours(seed: int) -> ClosedLeads:
    """569 real rows that scikit-learn brings, undated, shuffled."""
    data = load_breast_cancer()
    order = np.random.default_rng(seed).permutation(len(data.target))
    leads = [dict(zip(data.feature_names.tolist(), row, strict=True)) for row in data.data[order].tolist()]
    return ClosedLeads(leads, data.target[order].astype(np.float64))


X_EDUCATION = "x_education"
SETS: Mapping[str, Callable[[int], ClosedLeads]] = {
    "tumours": tumours,
    "dated_800": partial(invented, 800),
    "drift_2000": partial(invented, 2_000, drift=1.0),
    "rare_4000": partial(invented, 4_000, base=-5.2),
    "gaps_3000": partial(invented, 3_000, channels=300, missing=0.6),
    X_EDUCATION: lambda _seed: x_education.closed_leads(),
}
"""By name, from a seed."""
PARTS = (*SETS, DRAWS)


@dataclass(frozen=True, slots=True)
class Block:
    """The last block of a data set. `lost`: AUC of the best candidate, known only in hindsight, minus that of
    the published model; `bound`: upper end of its 95 % interval."""

    tested: int
    won: int
    kind: str
    best: str
    lost: float
    bound: float
    auc: Mapping[str, float]


def last_block(closed: ClosedLeads, *, seed: int) -> Block:
    """Learn from the first 80 % of the rows, measure on the rest."""
    cut = int(TRAINED_SHARE * len(closed.labels))
    tested = learn_and_predict(closed.part(np.arange(cut)), closed.leads[cut:], seed=seed)
    labels = closed.labels[cut:]
    found = {name: auc(labels, tested.probabilities[name]) for name in NAMES}
    best = max(KINDS, key=lambda kind: found[kind])
    return Block(
        tested=len(labels),
        won=int(labels.sum()),
        kind=tested.kind,
        best=best,
        lost=found[best] - found[PUBLISHED],
        bound=loss_bound(labels, tested.probabilities[best], tested.probabilities[PUBLISHED], seed=seed),
        auc=found,
    )


def loss_bound(labels: Vector, best: Vector, published: Vector, *, seed: int) -> float:
    """Upper end of the 95 % interval of the AUC that `published` loses, by a paired bootstrap; draws with one
    outcome are left out."""
    lost = [
        auc(labels[rows], best[rows]) - auc(labels[rows], published[rows])
        for rows in resamples(len(labels), RESAMPLES, seed=seed)
        if 0 < labels[rows].sum() < len(rows)
    ]
    return float(np.percentile(lost, 97.5))


def one_draw(closed: ClosedLeads, *, seed: int) -> dict[str, float]:
    """Learn from 300 leads drawn at random; the average precision on all others, by name."""
    order = np.random.default_rng(seed).permutation(len(closed.labels))
    others = order[DRAWN:]
    tested = learn_and_predict(closed.part(order[:DRAWN]), [closed.leads[row] for row in others], seed=seed)
    labels = closed.labels[others]
    return {name: average_precision(labels, tested.probabilities[name]) for name in NAMES}


def share_of_best(means: Mapping[str, float]) -> float:
    return means[PUBLISHED] / max(means[kind] for kind in KINDS)


def to_measure(parts: Iterable[str], seeds: int, seed: int) -> list[tuple[str, int]]:
    """Data sets with the seeds to make them from; what is read from a file is measured once."""
    sets = [name for name in parts if name != DRAWS]
    return [(name, seed + more) for name in sets for more in range(1 if name == X_EDUCATION else seeds)]


def measure_draws(draws: int, seed: int, done: Callable[[int], None]) -> dict[str, Any]:
    """How many draws, the mean average precision by name, and the published model's share of the best."""
    closed = x_education.closed_leads()
    rows = []
    for number in range(draws):
        rows.append(one_draw(closed, seed=seed + number))
        done(1)
    means = {name: float(np.mean([row[name] for row in rows])) for name in NAMES}
    return {"count": draws, "average_precision": means, "share_of_best": share_of_best(means)}


def misses(blocks: Mapping[str, Block], drawn: Mapping[str, Any] | None) -> list[str]:
    """The names of the parts whose target is missed."""
    missed = [name for name, block in blocks.items() if block.bound > MOST_LOST]
    return missed + [DRAWS] * (drawn is not None and drawn["share_of_best"] < LEAST_SHARE)


def show(blocks: Mapping[str, Block], drawn: Mapping[str, Any] | None) -> None:
    console = Console()
    if blocks:
        columns = ("last block", "won", "published", "best", "AUC", "lost", "bound", *YARDSTICKS)
        table = Table(box=None, padding=(0, 1, 0, 0))
        for column in columns:
            table.add_column(column.replace("naive_", ""), no_wrap=True)
        for name, block in blocks.items():
            auc_of = block.auc
            numbers = (auc_of[PUBLISHED], block.lost, block.bound, *(auc_of[one] for one in YARDSTICKS))
            texts = (f"{block.won}/{block.tested}", block.kind, block.best)
            table.add_row(name, *texts, *(f"{number:.4f}" for number in numbers))
        console.print(table)
        print(f"bound: at most {MOST_LOST}")
    if drawn:
        table = Table(*NAMES, title=f"mean average precision, {drawn['count']} draws of {DRAWN} leads")
        table.add_row(*(f"{drawn['average_precision'][name]:.4f}" for name in NAMES))
        console.print(table)
        print(f"published to best: {drawn['share_of_best']:.3f} (at least {LEAST_SHARE})")


def main(
    only: list[str] = typer.Option([], help=f"one of {', '.join(PARTS)}; may be repeated"),  # noqa: B008
    draws: int = typer.Option(40, min=1),
    seeds: int = typer.Option(3, min=1, help="how many times each data set is made anew"),
    seed: int = typer.Option(0, help="the first"),
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Exit status 1 when a target is missed, 2 when nothing could be measured."""
    if unknown := set(only) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    parts = [name for name in PARTS if not only or name in only]
    left_out = [] if x_education.PATH.is_file() else [name for name in parts if name in (X_EDUCATION, DRAWS)]
    if left_out:
        print(f"Left out: {', '.join(left_out)}. {x_education.ABSENT}.", file=sys.stderr)
    parts = [name for name in parts if name not in left_out]
    if not parts:
        sys.exit(2)
    blocks: dict[str, Block] = {}
    drawn: dict[str, Any] | None = None
    made = to_measure(parts, seeds, seed)
    with shown_progress("Learning and testing", total=len(made) + draws * (DRAWS in parts)) as done:
        for name, made_from in made:
            blocks[f"{name}/{made_from}"] = last_block(SETS[name](made_from), seed=made_from)
            done(1)
        if DRAWS in parts:
            drawn = measure_draws(draws, seed, done)
    missed = misses(blocks, drawn)
    if as_json:
        targets = {"bound": MOST_LOST, "share_of_best": LEAST_SHARE}
        told = {"blocks": {name: asdict(block) for name, block in blocks.items()}, DRAWS: drawn}
        print(json.dumps(told | {"targets": targets, "missed": missed, "left_out": left_out}, indent=2))
    else:
        show(blocks, drawn)
        print(f"Missed: {', '.join(missed) or 'nothing'}.")
    sys.exit(bool(missed))


if __name__ == "__main__":
    typer.run(main)
