"""Closed leads from a CSV file, one a row: what is known of each, how it ended, and when it was looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.features import Features
from services.scoring.learning.metrics import Rows
from shared.errors import UserError
from shared.tabular import Table, parse_scalar, read_rows

_LISTED_VALUES = 10
# Tried in this order: the first under which every date of the column can be read. Days come first in Europe,
# so a column in which no day is above 12 is read so; a column of plain numbers is taken as it grows.
_DATE_FORMATS = (
    *("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y", "%d-%m-%Y"),
    *("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m-%d-%Y"),
    *("%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%d %b %Y", "%b %d, %Y"),
)


class EvaluationRefused(UserError):
    """The file does not say which leads were won, or when; the message says what it holds."""


@dataclass(frozen=True, slots=True)
class ClosedLeads:
    """Rows with their outcomes (1.0 won, 0.0 lost). `times` grows with time; None when the rows are undated.
    `groups` numbers the lead of each row, None when every row is a lead of its own."""

    leads: Sequence[Features]
    labels: Vector
    times: Vector | None = None
    known: Vector | None = None
    groups: Sequence[str] | None = None

    def part(self, rows: Rows) -> "ClosedLeads":
        def of(values: Vector | None) -> Vector | None:
            return None if values is None else values[rows]

        groups = None if self.groups is None else [self.groups[row] for row in rows]
        leads = [self.leads[row] for row in rows]
        return ClosedLeads(leads, self.labels[rows], of(self.times), of(self.known), groups)


def read_closed_leads(
    path: str | Path,
    label: str,
    positive: str,
    exclude: Sequence[str] = (),
    *,
    time_column: str | None = None,
    delimiter: str | None = None,
) -> ClosedLeads:
    """The rows of a CSV file, won when `label` is `positive`. `exclude` and `time_column` are no features.

    Raises TableError for a file or a column that cannot be used, EvaluationRefused when the outcome never, or
    always, is `positive`, or is empty on a row, and when a time cannot be read.
    """
    table = read_rows(path, delimiter=delimiter)
    dated = [time_column] if time_column else []
    table.require([label, *exclude, *dated])
    unused = {label, *exclude, *dated}
    used = [name for name in table.columns if name not in unused]
    leads: list[Features] = []
    outcomes: list[str] = []
    moments: list[str] = []
    for row in table.rows():
        outcomes.append(row[label].strip())
        moments += [row[name].strip() for name in dated]
        values = ((name, parse_scalar(row[name])) for name in used)
        leads.append({f"attribute.{name}": value for name, value in values if value is not None})
    labels = _labels(table, label, positive, outcomes)
    times = _times(table, time_column, moments) if time_column else None
    return ClosedLeads(leads, labels, times)


def _labels(table: Table, label: str, positive: str, outcomes: Sequence[str]) -> Vector:
    found = set(outcomes)
    if positive not in found or len(found) < 2:
        listed = ", ".join(f'"{value}"' for value in sorted(found)[:_LISTED_VALUES])
        raise EvaluationRefused(
            f'In {table.path.name}, "{label}" must be "{positive}" on the leads won, something else on the '
            f"others. The values found are: {listed or 'none, there are no rows'}."
        )
    if "" in found:
        raise EvaluationRefused(
            f'In {table.path.name}, "{label}" is empty on {outcomes.count("")} rows: an evaluation needs '
            "closed leads only. Remove those rows."
        )
    return np.array([float(outcome == positive) for outcome in outcomes])


def _times(table: Table, column: str, moments: Sequence[str]) -> Vector:
    """A number that grows with time for each row, all read the same way."""
    readers: list[Callable[[str], float]] = [float, _iso]
    readers += [partial(_formatted, form=form) for form in _DATE_FORMATS]
    for read in readers:
        times = _all_read(read, moments)
        if times is not None:
            return times
    empty = sum(not moment for moment in moments)
    raise EvaluationRefused(
        f'In {table.path.name}, "{column}" must hold one kind of date on every row, as 2026-03-14, '
        f"14/03/2026 or 14/03/2026 09:26, or a number that grows with time."
        + (f" It is empty on {empty} rows." if empty else "")
    )


def _all_read(read: Callable[[str], float], moments: Sequence[str]) -> Vector | None:
    try:
        times = np.array([read(moment) for moment in moments], dtype=np.float64)
    except ValueError:
        return None
    return times if np.isfinite(times).all() else None


def _iso(text: str) -> float:
    return _timestamp(datetime.fromisoformat(text))


def _formatted(text: str, form: str) -> float:
    return _timestamp(datetime.strptime(text, form))  # noqa: DTZ007 - a file's dates have no zone


def _timestamp(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
