"""A published model: what it reads, how it predicts, how its log-odds become chances. And its one file.

The file is canonical JSON (sorted keys, UTF-8) with XGBoost's own JSON inside, never pickle: reading a model
runs no code. A model's version is the beginning of the file's SHA-256: the same rows and seed give the same
file, hence the same version.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, Protocol

import orjson

from services.scoring.calibration import Calibration, Vector, sigmoid
from services.scoring.columns import Columns, Matrix, encode
from services.scoring.features import Features
from services.scoring.logistic import Logistic

FORMAT = "eclaireur-model/1"
VERSION_LENGTH = 12

Kind = Literal["logistic", "xgboost", "blend"]


class ModelCorrupt(Exception):
    """The model file is not the one that was published."""


class Predictor(Protocol):
    """What every kind of model has in common."""

    def log_odds(self, matrix: Matrix) -> Vector: ...
    def contributions(self, matrix: Matrix) -> tuple[float, Vector]: ...
    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model. `card` says in plain values and codes what it was made from and how well it did."""

    kind: Kind
    columns: Columns
    predictor: Predictor = field(repr=False)
    calibration: Calibration
    card: Mapping[str, Any] = field(repr=False)
    version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", version_of(to_bytes(self)))


@dataclass(frozen=True, slots=True)
class Scored:
    """One lead's score: base_log_odds + the sum of the contributions = log_odds = logit(probability)."""

    probability: float
    log_odds: float
    base_log_odds: float
    contributions: Mapping[str, float]


def score(model: Model, leads: Sequence[Features]) -> list[Scored]:
    """Score leads, in the order given. Contributions are calibrated log-odds, one per feature."""
    base, parts = model.predictor.contributions(encode(model.columns, leads))
    base = model.calibration.slope * base + model.calibration.intercept
    parts = model.calibration.slope * parts
    log_odds = base + parts.sum(axis=1)
    names = model.columns.names
    return [
        Scored(probability, total, base, dict(zip(names, row, strict=True)))
        for probability, total, row in zip(
            sigmoid(log_odds).tolist(), log_odds.tolist(), parts.tolist(), strict=True
        )
    ]


def to_bytes(model: Model) -> bytes:
    """The model's file."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "kind": model.kind,
            "columns": model.columns.to_json(),
            "predictor": model.predictor.to_json(),
            "calibration": {"slope": model.calibration.slope, "intercept": model.calibration.intercept},
            "card": model.card,
        },
        option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY,
    )


def digest(data: bytes) -> str:
    """The SHA-256 to keep beside the file, in hexadecimal."""
    return sha256(data).hexdigest()


def version_of(data: bytes) -> str:
    return digest(data)[:VERSION_LENGTH]


def from_bytes(data: bytes, expected_sha256: str) -> Model:
    """Load a model's file. Raise ModelCorrupt when its hash is another one or its content is not a model."""
    if (found := digest(data)) != expected_sha256.lower():
        raise ModelCorrupt(
            f"The model file was changed or cut short: its SHA-256 is {found}, that of the "
            f"published one {expected_sha256}. Publish an earlier model or train again."
        )
    try:
        return _from_json(orjson.loads(data))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelCorrupt(
            f"The file is not a model that this release reads ({error}). Train again, or install the release "
            "that made it."
        ) from error


def _load_trees(value: dict[str, Any], columns: Columns) -> Predictor:
    # A house whose model is the simpler one never loads xgboost.
    from services.scoring.trees import BoostedTrees  # noqa: PLC0415

    return BoostedTrees.from_json(value, columns)


def _load_blend(value: dict[str, Any], columns: Columns) -> Predictor:
    from services.scoring.blend import Blend  # noqa: PLC0415

    return Blend.from_json(value, columns)


_LOADERS: dict[Kind, Callable[[dict[str, Any], Columns], Predictor]] = {
    "logistic": Logistic.from_json,
    "xgboost": _load_trees,
    "blend": _load_blend,
}


def _from_json(value: dict[str, Any]) -> Model:
    if value["format"] != FORMAT:
        raise ValueError(f"its format is {value['format']!r}, not {FORMAT!r}")
    columns = Columns.from_json(value["columns"])
    predictor = _LOADERS[value["kind"]](value["predictor"], columns)
    return Model(value["kind"], columns, predictor, Calibration(**value["calibration"]), value["card"])
