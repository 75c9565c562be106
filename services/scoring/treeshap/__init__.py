"""Exact contributions of trees, from tables made once a model.

A leaf adds to the score of a row only through which features of its path the row satisfies. A path has d
features, so there are 2^d cases, and the Shapley values of each can be computed beforehand (Yang 2021, "Fast
TreeSHAP", version 2; the values are those of Lundberg et al. 2020, "From local explanations to global
understanding", path-dependent, as XGBoost's `pred_contribs`). A row then costs one comparison an inner node
and one look into d short tables a leaf.
"""

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.columns import Matrix
from services.scoring.treeshap.tables import Tables


def contributions(tables: Tables, matrix: Matrix) -> Vector:
    """(n, k) log-odds by feature of (n, k) rows; `tables.base` + a row's sum is the row's log-odds."""
    # The compiler is loaded by processes that score with trees, not by all that import this.
    from services.scoring.treeshap.kernel import add_contributions  # noqa: PLC0415

    columns = np.ascontiguousarray(matrix.T, dtype=np.float32)
    found = np.zeros(columns.shape)
    n = tables.nodes
    add_contributions(
        n.first, n.feature, n.threshold, n.missing_left, n.parent, n.left, n.bit, n.category, n.categories,
        n.right, n.path, n.path_feature, n.cell, tables.values, columns, found,
    )  # fmt: skip
    return found.T
