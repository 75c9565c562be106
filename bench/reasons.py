"""How fast scores are explained, beside XGBoost's own contributions, in turn. See bench/README.md.

`make bench-reasons`, or `python -m bench.reasons --rounds 5 --json`.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import typer
import xgboost
from rich.console import Console
from rich.table import Table

from services.scoring.trees import BoostedTrees

TREES, DEPTH, FEATURES = 300, 6, 40
ROWS, PAGE = 1_000, 50
TARGET = 5.0
TOLERANCE = 1e-4


def grown() -> tuple[BoostedTrees, np.ndarray]:
    """Trees of full depth on 40 features, four of them categories, a sixth of the values missing; rows."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(8_000, FEATURES))
    for column, count in enumerate((3, 8, 40, 40)):
        rows[:, column] = rng.integers(0, count, len(rows))
    rows[rng.random(rows.shape) < 1 / 6] = np.nan
    known = np.nan_to_num(rows)
    labels = known[:, 5] * known[:, 6] + known[:, 2] % 7 - 3 + rng.normal(size=len(rows)) > 0
    types = ("c",) * 4 + ("q",) * (FEATURES - 4)
    data = xgboost.DMatrix(rows, labels, feature_types=list(types), enable_categorical=True, nthread=1)
    settings = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.05, "nthread": 1, "seed": 0}
    booster = xgboost.train(settings, data, TREES)
    return BoostedTrees(booster.save_raw("json").decode(), types), rows[:ROWS]


def cpu_s(work: Callable[[], Any]) -> float:
    """Seconds of this thread: others on the machine do not count."""
    started = time.thread_time()
    work()
    return time.thread_time() - started


def measure(rounds: int) -> dict[str, float]:
    model, rows = grown()
    started = time.perf_counter()
    model.contributions(rows[:1])
    ready_s = time.perf_counter() - started
    data = model.data(rows)
    reference = model.booster.predict(data, pred_contribs=True)
    difference = float(np.abs(model.contributions(rows)[1] - reference[:, :-1]).max())
    own, theirs, page = [], [], []
    for _ in range(rounds):
        theirs.append(cpu_s(lambda: model.booster.predict(data, pred_contribs=True)))
        own.append(cpu_s(lambda: model.contributions(rows)))
        page.append(cpu_s(lambda: model.contributions(rows[:PAGE])))
    return {
        "ratio": statistics.median(theirs[i] / own[i] for i in range(rounds)),
        "rows_per_s": ROWS / statistics.median(own),
        "pred_contribs_rows_per_s": ROWS / statistics.median(theirs),
        "largest_difference": difference,
        "page_of_50_ms": statistics.median(page) * 1_000,
        "ready_s": ready_s,
    }


def main(rounds: int = 5, as_json: bool = typer.Option(False, "--json")) -> None:
    """Exit status 1 when it is less than five times as fast as XGBoost, or another result."""
    found = measure(rounds)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        table = Table("figure", "value", title=f"{TREES} trees × depth {DEPTH}, one thread")
        for name, value in found.items():
            table.add_row(name, f"{value:,.7f}" if value < 0.01 else f"{value:,.1f}")
        Console().print(table)
    sys.exit(found["ratio"] < TARGET or found["largest_difference"] > TOLERANCE)


if __name__ == "__main__":
    typer.run(main)
