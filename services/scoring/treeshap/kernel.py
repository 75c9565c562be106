"""The loops over trees, nodes and rows, compiled to machine code. Types: those of `tables.Nodes`.

Node by node, and many rows of a node together: no branch depends on a row, so the processor takes several at
once, and the tables in use stay in its cache.
"""

from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np

ROWS: Final = 256
"""Rows that go through the trees in one step."""


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compiled at its first call; the machine code is kept on disk where there is a folder for it."""
    try:
        made: Callable[..., None] = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        made = numba.njit(nogil=True)(function)
    return made


@compiled
def _enter(case: Any, above: Any, went_left: Any, left: Any, bit: Any) -> None:
    """What is violated above stays so; so is the parent's feature by rows that went the other way."""
    for row in range(len(case)):
        case[row] = above[row] | (bit * (went_left[row] ^ left))


@compiled
def _compare(goes_left: Any, given: Any, threshold: Any, missing_left: Any) -> None:
    for row in range(len(goes_left)):
        goes_left[row] = (given[row] < threshold) | (missing_left & np.isnan(given[row]))


@compiled
def _look_up(goes_left: Any, given: Any, right: Any, missing_left: Any) -> None:
    """Categories of the set go to the right; those that the trees never saw, to the left."""
    for row in range(len(goes_left)):
        if np.isnan(given[row]):
            goes_left[row] = missing_left
        elif given[row] < 0 or given[row] >= len(right):
            goes_left[row] = True
        else:
            goes_left[row] = not right[np.int64(given[row])]


@compiled
def _add(total: Any, values: Any, case: Any) -> None:
    for row in range(len(total)):
        total[row] += values[case[row]]


@compiled
def add_contributions(
    first: Any, feature: Any, threshold: Any, missing_left: Any, parent: Any, left: Any, bit: Any,
    category: Any, categories: Any, right: Any, path: Any, path_feature: Any, cell: Any, values: Any,
    columns: Any, found: Any,
) -> None:  # fmt: skip
    """Add to `found`, (k, n) log-odds, what the trees make of `columns`, (k, n) float32."""
    most = 0
    for tree in range(len(first) - 1):
        most = max(most, first[tree + 1] - first[tree])
    cases = np.zeros((most, ROWS), np.uint8)
    went_left = np.zeros((most, ROWS), np.uint8)
    for begin in range(0, columns.shape[1], ROWS):
        end = min(begin + ROWS, columns.shape[1])
        for tree in range(len(first) - 1):
            for node in range(first[tree], first[tree + 1]):
                here, above = node - first[tree], parent[node]
                case = cases[here, : end - begin]
                if here:
                    _enter(case, cases[above], went_left[above], np.uint8(left[node]), bit[node])
                if feature[node] >= 0:
                    given, goes_left = columns[feature[node], begin:end], went_left[here, : end - begin]
                    if category[node] < 0:
                        _compare(goes_left, given, threshold[node], missing_left[node])
                    else:
                        chosen = right[category[node] : category[node] + categories[node]]
                        _look_up(goes_left, given, chosen, missing_left[node])
                else:
                    length = path[node + 1] - path[node]
                    for place in range(length):
                        at = cell[node] + (place << length)
                        total = found[path_feature[path[node] + place], begin:end]
                        _add(total, values[at : at + (1 << length)], case)
