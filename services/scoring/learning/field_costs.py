"""What a field is worth: how much worse leads are ranked without what it says.

The columns that come from one field are permuted together among held-out rows (Breiman 2001, section 10;
Fisher, Rudin & Dominici 2019), which keeps their values and breaks their tie to the lead. The models are
those of the test parts, which did not see these rows; the published one has learnt from every row.
"""

from collections.abc import Sequence

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix
from services.scoring.learning.compare import Ranker
from services.scoring.learning.metrics import auc, average_precision
from services.scoring.learning.splits import Validation

REPEATS = 5
_FIELDS = {"has_email": "email", "free_mail": "email", "has_phone": "phone", "has_company": "company"}


def field_of(feature: str) -> str:
    """The field of a source that a feature comes from; `activity.<name>` for those of an activity."""
    if feature.startswith("activity."):
        return feature.rpartition(".")[0]
    return _FIELDS.get(feature, feature)


def field_costs(
    rankers: Sequence[Ranker],
    validation: Validation,
    columns: Columns,
    matrix: Matrix,
    labels: Vector,
    *,
    seed: int,
) -> dict[str, dict[str, float]]:
    """By field: by how much AUC and average precision fall, on average over the test parts (weighted by their
    rows) and `REPEATS` permutations. `rankers` are the models of the splits, in order."""
    indices: dict[str, list[int]] = {}
    for index, name in enumerate(columns.names):
        indices.setdefault(field_of(name), []).append(index)
    falls = {name: np.zeros(2) for name in indices}
    rows = 0
    random = np.random.default_rng(seed)
    for ranker, (_, test) in zip(rankers, validation.splits, strict=True):
        outcomes = labels[test]
        if not 0 < outcomes.sum() < len(test):
            continue  # with one outcome there is no ranking
        rows += len(test)
        seen = matrix[test]
        whole = _measured(outcomes, ranker.log_odds(seen))
        for name, held in indices.items():
            for _ in range(REPEATS):
                without = seen.copy()
                without[:, held] = seen[random.permutation(len(test))][:, held]
                falls[name] += len(test) * (whole - _measured(outcomes, ranker.log_odds(without)))
    return {name: _said(fall / max(1, rows * REPEATS)) for name, fall in falls.items()}


def _measured(labels: Vector, scores: Vector) -> Vector:
    return np.array([auc(labels, scores), average_precision(labels, scores)])


def _said(fall: Vector) -> dict[str, float]:
    return {"auc": round(float(fall[0]), 6), "average_precision": round(float(fall[1]), 6)}
