"""The tables of a model's trees. Pure; made once, when the model is loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import comb
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.scoring.calibration import Vector

MAX_PATH: Final = 8
"""Features of a path from which its table would be larger than what it spares."""
MAX_CELLS: Final = 32_000_000
"""Cells of all tables, 8 bytes each: three hundred trees of depth six need 7.4 million."""
LEAF: Final = -1
"""What XGBoost writes for the child of a leaf."""
TOGETHER: Final = 1_000
"""Leaves whose tables are computed in one step."""


class NoTable(Exception):
    """The trees are too deep or too many for tables; explain them by XGBoost itself."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Every node of every tree, each after its parent. Arrays of one value a node unless said otherwise.

    A leaf has `feature` -1. `parent` counts from the tree's first node; `left`: which child it is. `bit`: the
    parent's feature among those of this path, in the order in which the path meets them.
    """

    first: NDArray[np.int64]
    """(trees + 1,) Where each tree begins."""
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    parent: NDArray[np.int32]
    left: NDArray[np.bool_]
    bit: NDArray[np.uint8]
    category: NDArray[np.int64]
    """Where its set of categories begins in `right`; -1 for a threshold."""
    categories: NDArray[np.int32]
    """How many categories that set covers."""
    right: NDArray[np.bool_]
    """(categories of all nodes,) Whether a category goes to the right."""
    path: NDArray[np.int64]
    """(nodes + 1,) Where a leaf's features begin in `path_feature`."""
    path_feature: NDArray[np.int32]
    """(features of all paths,)"""
    cell: NDArray[np.int64]
    """Where a leaf's table begins: d rows, one a feature, of 2^d values, one a case."""


@dataclass(frozen=True, slots=True)
class Tables:
    """`values`: see `Nodes.cell`. `base`: the log-odds when nothing is known of a row."""

    nodes: Nodes
    values: Vector
    base: float


@dataclass(slots=True)
class _Path:
    """From a root to a node: the features met, and the share of the cover that each of them let through."""

    features: tuple[int, ...]
    shares: tuple[float, ...]


def tables_of(learner: dict[str, Any]) -> Tables:
    """The tables of XGBoost's JSON (its `learner`, objective binary:logistic). Raises NoTable.

    Format: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
    """
    builder = _Builder()
    expected = sum(builder.add(tree) for tree in learner["gradient_booster"]["model"]["trees"])
    chance = float(learner["learner_model_param"]["base_score"].strip("[]"))
    return Tables(builder.nodes(), builder.values(), float(np.log(chance / (1 - chance))) + expected)


class _Builder:
    """Gathers the nodes of one tree after another."""

    def __init__(self) -> None:
        self._first = [0]
        self._rows: list[tuple[Any, ...]] = []
        self._right: list[bool] = []
        self._path = [0]
        self._path_feature: list[int] = []
        self._cells = 0
        self._leaves: list[tuple[int, _Path, float]] = []

    def add(self, tree: dict[str, Any]) -> float:
        """Take a tree; return the value it gives on average over its cover."""
        sets = dict(
            zip(
                tree["categories_nodes"],
                zip(tree["categories_segments"], tree["categories_sizes"], strict=True),
                strict=True,
            )
        )
        expected = 0.0
        for node, parent, is_left, bit, path in _from_the_root(tree):
            leaf = tree["left_children"][node] == LEAF
            feature = -1 if leaf else tree["split_indices"][node]
            category, size = (-1, 0)
            if not leaf and tree["split_type"][node] == 1:
                begin, length = sets[node]
                chosen = tree["categories"][begin : begin + length]
                category, size = len(self._right), max(chosen, default=-1) + 1
                self._right += [one in chosen for one in range(size)]
            cell = self._cells
            if leaf:
                value = tree["split_conditions"][node]
                expected += value * tree["sum_hessian"][node] / tree["sum_hessian"][0]
                self._path_feature += path.features
                self._leaves.append((cell, path, value))
                self._cells += len(path.features) << len(path.features)
            self._path.append(len(self._path_feature))
            threshold = tree["split_conditions"][node]
            self._rows.append(
                (
                    feature,
                    threshold,
                    bool(tree["default_left"][node]),
                    parent,
                    is_left,
                    bit,
                    category,
                    size,
                    cell,
                )
            )
        self._first.append(len(self._rows))
        return expected

    def values(self) -> Vector:
        """Leaves of equally long paths are computed together, so many at a time."""
        if self._cells > MAX_CELLS:
            raise NoTable(f"more than {MAX_CELLS:,} cells")
        found = np.empty(self._cells)
        for length in range(1, MAX_PATH + 1):
            leaves = [leaf for leaf in self._leaves if len(leaf[1].features) == length]
            for begin in range(0, len(leaves), TOGETHER):
                cells, paths, values = zip(*leaves[begin : begin + TOGETHER], strict=True)
                shares = np.array([path.shares for path in paths])
                tables = _case_values(shares, np.array(values)).reshape(len(cells), -1)
                found[np.array(cells)[:, None] + np.arange(tables.shape[1])] = tables
        return found

    def nodes(self) -> Nodes:
        columns = zip(*self._rows, strict=True)
        feature, threshold, missing, parent, left, bit, category, size, cell = columns
        return Nodes(
            np.array(self._first),
            np.array(feature, np.int32),
            np.array(threshold, np.float32),
            np.array(missing),
            np.array(parent, np.int32),
            np.array(left),
            np.array(bit, np.uint8),
            np.array(category, np.int64),
            np.array(size, np.int32),
            np.array(self._right, np.bool_),
            np.array(self._path),
            np.array(self._path_feature, np.int32),
            np.array(cell),
        )


def _from_the_root(tree: dict[str, Any]) -> Iterator[tuple[int, int, bool, int, _Path]]:
    """(node, place of its parent in this order, whether it is the left child, bit, path) of each node."""
    waiting = [(0, 0, False, 0, _Path((), ()))]
    for place in count():
        if not waiting:
            return
        node, parent, is_left, bit, path = waiting.pop()
        yield node, parent, is_left, bit, path
        if tree["left_children"][node] == LEAF:
            continue
        for side, goes_left in (("right_children", False), ("left_children", True)):
            child = tree[side][node]
            share = tree["sum_hessian"][child] / tree["sum_hessian"][node]
            slot, further = _through(path, tree["split_indices"][node], share)
            waiting.append((child, place, goes_left, 1 << slot, further))


def _through(path: _Path, feature: int, share: float) -> tuple[int, _Path]:
    """The feature's place on the path, and the path one node further."""
    if feature in path.features:
        slot = path.features.index(feature)
        shares = [one * share if place == slot else one for place, one in enumerate(path.shares)]
        return slot, _Path(path.features, tuple(shares))
    if len(path.features) == MAX_PATH:
        raise NoTable(f"a path of more than {MAX_PATH} features")
    return len(path.features), _Path((*path.features, feature), (*path.shares, share))


def _case_values(shares: Vector, values: Vector) -> Vector:
    """(n, d, 2^d) Shapley values of n leaves, from (n, d) shares of the cover and (n,) values of the leaves.

    Bit i of a case is set when feature i of the path is violated. That feature gets value x (o_i - z_i) x the
    sum over sets S of the others of |S|! (d-|S|-1)! / d! x the product of o over S and of z over the rest;
    o_i is 1 when it is satisfied, else 0, and z_i is its share. The sum goes by the coefficients of the
    product of (z_j + o_j y), j over the others.
    """
    leaves, length = shares.shape
    cases = np.arange(1 << length)
    satisfied = 1.0 - (cases[:, None] >> np.arange(length) & 1)
    weights = np.array([1.0 / (length * comb(length - 1, size)) for size in range(length)])
    found = np.empty((leaves, length, len(cases)))
    for own in range(length):
        terms = np.zeros((leaves, len(cases), length))
        terms[:, :, 0] = 1.0
        for other in range(length):
            if other != own:
                raised = terms[:, :, :-1] * satisfied[:, other, None]
                terms *= shares[:, other, None, None]
                terms[:, :, 1:] += raised
        gap = satisfied[:, own] - shares[:, own, None]
        found[:, own] = (terms @ weights) * gap * values[:, None]
    return found
