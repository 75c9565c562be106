"""Which features a model reads, and how a lead's snapshot becomes one row of numbers.

A snapshot is a flat dictionary of scalars; an absent key, None, NaN and a blank text all mean "missing".
A column's kind is inferred from the snapshots alone, never from the outcomes, so inferring it leaks nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Scalar = float | int | str | bool | None
Snapshot = Mapping[str, Scalar]
Matrix = npt.NDArray[np.float32]

MIN_ROWS = 5  # a level or a column seen on fewer leads says nothing, and could name somebody
MAX_LEVELS = 60
IDENTIFIER_ROWS = 200  # this many whole numbers, no two alike: a serial number


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


def fit_columns(
    snapshots: Iterable[Snapshot], *, min_rows: int = MIN_ROWS, max_levels: int = MAX_LEVELS
) -> Columns:
    """Infer the columns. Number: every value present is a number or a bool; category: anything else.

    Dropped, with why: `too_rare` (on fewer than `min_rows` leads), `constant` (the same on all but fewer),
    `identifier` (whole numbers, no two alike) and `free_text` (levels frequent enough to keep cover less
    than half of the leads that have one).
    """
    values: dict[str, list[Scalar]] = {}
    rows = 0
    for snapshot in snapshots:
        rows += 1
        for name, value in snapshot.items():
            if not is_missing(value):
                values.setdefault(name, []).append(value)
    kept: list[Column] = []
    dropped: dict[str, str] = {}
    for name in sorted(values):
        column = _fit_column(name, values[name], rows, min_rows, max_levels)
        if isinstance(column, Column):
            kept.append(column)
        else:
            dropped[name] = column
    return Columns(tuple(kept), dropped)


def _fit_column(
    name: str, values: Sequence[Scalar], rows: int, min_rows: int, max_levels: int
) -> Column | str:
    """The column, or the code that says why there is none."""
    if len(values) < min_rows:
        return "too_rare"
    if all(isinstance(value, (int, float)) for value in values):
        return _fit_number(name, values, rows, min_rows)
    return _fit_category(name, Counter(map(level_of, values)), rows, min_rows, max_levels)


def _fit_number(name: str, values: Sequence[Scalar], rows: int, min_rows: int) -> Column | str:
    distinct = set(values)
    if len(distinct) == 1 and rows - len(values) < min_rows:
        return "constant"
    whole = all(float(value or 0).is_integer() for value in distinct)
    if whole and len(distinct) == len(values) >= IDENTIFIER_ROWS:
        return "identifier"
    return Column(name, "number")


def _fit_category(name: str, counts: Counter[str], rows: int, min_rows: int, max_levels: int) -> Column | str:
    frequent = sorted(level for level, count in counts.items() if count >= min_rows)
    levels = sorted(frequent, key=lambda level: -counts[level])[:max_levels]
    present, covered = counts.total(), sum(counts[level] for level in levels)
    if 2 * covered < present:
        return "free_text"
    if len(levels) == 1 and rows - covered < min_rows:
        return "constant"
    return Column(name, "category", tuple(sorted(levels)), has_other=present - covered >= min_rows)


def encode(columns: Columns, snapshots: Sequence[Snapshot]) -> Matrix:
    """One row per snapshot, one column per feature: numbers as they are, categories as their code.

    NaN where missing, unusable (a text in a number column) or beyond float32. A level the model never met
    takes the `other` code, or NaN when the column has none.
    """
    matrix = np.empty((len(snapshots), len(columns.kept)), dtype=np.float32, order="F")
    with np.errstate(over="ignore"):
        for index, column in enumerate(columns.kept):
            name = column.name
            values = [snapshot.get(name) for snapshot in snapshots]
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
