"""Which columns a model gets: inferred from the features alone, never from the outcomes, so nothing leaks."""

from collections import Counter
from collections.abc import Iterable, Sequence

from services.scoring.columns import Column, Columns, is_missing, level_of
from services.scoring.features import Features
from services.scoring.priority import Scalar

MIN_ROWS = 5  # a level or a column seen on fewer leads says nothing, and could name somebody
MAX_LEVELS = 60
IDENTIFIER_ROWS = 200  # this many whole numbers, no two alike: a serial number


def fit_columns(
    rows: Iterable[Features], *, min_rows: int = MIN_ROWS, max_levels: int = MAX_LEVELS
) -> Columns:
    """Infer the columns. Number: every value present is a number or a bool; category: anything else.

    Dropped, with why: `too_rare` (on fewer than `min_rows` leads), `constant` (the same on all but fewer),
    `identifier` (whole numbers, no two alike) and `free_text` (levels frequent enough to keep cover less
    than half of the leads that have one).
    """
    values: dict[str, list[Scalar]] = {}
    count = 0
    for features in rows:
        count += 1
        for name, value in features.items():
            if not is_missing(value):
                values.setdefault(name, []).append(value)
    kept: list[Column] = []
    dropped: dict[str, str] = {}
    for name in sorted(values):
        column = _fit_column(name, values[name], count, min_rows, max_levels)
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
