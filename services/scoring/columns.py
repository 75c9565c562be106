"""Which features a model reads, and how those of a lead become one row of numbers.

An absent feature, None, NaN and a blank text all mean "missing".
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from services.scoring.features import Features
from services.scoring.priority import Scalar

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Column:
    """One feature. `codes` maps a level to its number; `other` stands for every level that is not in it."""

    name: str
    kind: Literal["number", "category"]
    levels: tuple[str, ...] = ()
    has_other: bool = False
    codes: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", {level: code for code, level in enumerate(self.levels)})

    @property
    def other(self) -> float:
        """The code of a level never or too rarely seen: its own when the column has one, else missing."""
        return float(len(self.levels)) if self.has_other else math.nan

    @property
    def level_count(self) -> int:
        return len(self.levels) + self.has_other


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a model in matrix order, and the features left out with the code that says why."""

    kept: tuple[Column, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)
    by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.kept})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.kept)

    def to_json(self) -> dict[str, Any]:
        return {
            "kept": [[c.name, c.kind, list(c.levels), c.has_other] for c in self.kept],
            "dropped": dict(self.dropped),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Columns":
        kept = tuple(Column(name, kind, tuple(levels), other) for name, kind, levels, other in value["kept"])
        return cls(kept, dict(value["dropped"]))


def is_missing(value: Scalar) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def encode(columns: Columns, rows: Sequence[Features]) -> Matrix:
    """One row per lead, one column per feature: numbers as they are, categories as their code.

    NaN where missing, unusable (a text in a number column) or beyond float32. A level the model never met
    takes the `other` code, or NaN when the column has none.
    """
    matrix = np.empty((len(rows), len(columns.kept)), dtype=np.float32, order="F")
    with np.errstate(over="ignore"):
        for index, column in enumerate(columns.kept):
            name = column.name
            values = [features.get(name) for features in rows]
            if column.kind == "category":
                matrix[:, index] = _encode_categories(column, values)
            else:
                matrix[:, index] = _encode_numbers(values)
    matrix[~np.isfinite(matrix)] = np.nan
    return np.ascontiguousarray(matrix)


def _encode_categories(column: Column, values: Iterable[Scalar]) -> list[float]:
    codes, other, missing = column.codes, column.other, math.nan
    return [
        codes[value]  # nearly always: a text that is a level as it stands
        if type(value) is str and value in codes
        else missing
        if is_missing(value)
        else codes.get(level_of(value), other)
        for value in values
    ]


def _encode_numbers(values: list[Scalar]) -> npt.NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: Scalar) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # None is one of the unusable values
    except (TypeError, ValueError, OverflowError):
        return math.nan


def level_of(value: Scalar) -> str:
    """A category's level as text: a column that mixes 3 and "3" has one level for both."""
    return str(value).strip()
