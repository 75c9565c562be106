"""Read a whole file without publishing anything, so that a fault at its end costs nothing half-done. Pure."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.ingest.imports.mapping import Condition, Mapping, Role
from services.ingest.imports.rows import Row, RowReader, RowRefused
from shared.tabular import Table, parse_scalar

FIRST_EVENTS = 5
FIRST_ERRORS = 20
_TOLD_EVERY = 5_000


@dataclass(slots=True)
class Report:
    """What a file would do. `problems` stop it as a whole; refused rows do not cost the others.
    `repeated` rows have a key that stands on an earlier one, which counts."""

    rows: int = 0
    won: int = 0
    lost: int = 0
    open: int = 0
    repeated: int = 0
    refused: int = 0
    events: int = 0
    event_types: dict[str, int] = field(default_factory=dict)
    first_events: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Keys:
    """The keys met so far, as eight bytes each: what grows with the file."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def met(self, key: str) -> bool:
        """Whether `key` was there before; it is from now on."""
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        known = len(self._seen)
        self._seen.add(int.from_bytes(digest))
        return len(self._seen) == known


def check(
    table: Table,
    mapping: Mapping,
    known_at: datetime,
    now: datetime,
    *,
    validate: bool = True,
    progress: Callable[[int], None] = lambda rows: None,
) -> Report:
    """Read every row as the import would; without `validate` only for what stops it as a whole, many times
    faster, and `events` is then the most that may come of it. Raises TableError when the file cannot be
    read to its end, ImportRefused when the mapping names a column that it does not have."""
    mapping.check_columns(table.columns)
    report, keys = Report(), Keys()
    reader = RowReader(mapping, table.columns, known_at)
    counts = _Counts(mapping)
    types: Counter[str] = Counter()
    for report.rows, (line, record) in enumerate(table.records(), start=1):
        if report.rows % _TOLD_EVERY == 0:
            progress(report.rows)
        try:
            row = reader.read(record)
            if keys.met(row.key):
                report.repeated += 1
                continue
            counts.add(row)
            events = [one.event for one in reader.prepare(row, now)] if validate else []
        except RowRefused as refusal:
            report.refused += 1
            if len(report.errors) < FIRST_ERRORS:
                report.errors.append({"row": report.rows, "line": line, "reason": str(refusal)})
            continue
        if len(report.first_events) < FIRST_EVENTS:
            report.first_events += events
        types.update(event["type"] for event in events)
    report.event_types = dict(types.most_common())
    report.first_events = report.first_events[:FIRST_EVENTS]
    report.won, report.lost, report.open = (counts.fates[fate] for fate in ("won", "lost", "open"))
    report.events = types.total() if validate else counts.fates.total() + report.won + report.lost
    report.problems = list(_problems(report, counts, mapping))
    return report


class _Counts:
    """What only the whole file tells."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.fates: Counter[str | None] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.undated: Counter[str] = Counter()
        roles: tuple[Role, ...] = ("created", "closed")
        self._dates = [(role, name) for role in roles if (name := mapping.column_of(role))]

    def add(self, row: Row) -> None:
        self.fates[row.fate] += 1
        won = self.mapping.won
        if won and row.fate != "open":
            self.outcomes[row.cells[won.column].strip()] += 1
        for role, name in self._dates:
            needed = role == "created" or row.fate in ("won", "lost")
            if needed and parse_scalar(row.cells[name]) is None:
                self.undated[name] += 1


def _problems(report: Report, counts: _Counts, mapping: Mapping) -> Iterator[str]:
    """What stops the import as a whole: half of it would teach a model something false."""
    if report.rows == 0:
        yield "The file has a header and no row: there is nothing to import."
        return
    if mapping.won and report.rows > report.refused:
        yield from _outcome_problems(counts, mapping, mapping.won)
    if mapping.open and not counts.fates["open"]:
        yield (
            f'No row is open: "{mapping.open.column}" is never {" or ".join(sorted(mapping.open.values))!r}. '
            "Without it every lead that is still open would count as lost."
        )
    if mapping.kind == "leads" and 2 * report.repeated > report.rows:
        key = mapping.column_of("key") or "the whole row"
        yield (
            f'"{key}" stands on several rows for most leads: it does not name one lead. '
            "Give another column as the key (--key)."
        )
    for column, count in counts.undated.items():
        # Whether a date is there tells the outcome when, as is usual, only deals that were won have one.
        yield (
            f'{count} rows have no date in "{column}". A model would learn the outcome from which dates are '
            "missing: fill them, or leave that column out (--created, --closed)."
        )


def _outcome_problems(counts: _Counts, mapping: Mapping, won: Condition) -> Iterator[str]:
    listed = _listed(won, counts.outcomes)
    if not counts.fates["won"]:
        yield f"No row is won: {', '.join(sorted(won.values))!r} never occurs. {listed}"
    elif counts.fates[None]:
        yield (
            f"{counts.fates[None]} rows have an outcome that is neither won, lost nor open. {listed} "
            f'Say which are lost (--lost "{won.column}=…") or still open (--open "{won.column}=…").'
        )
    else:
        others = sorted(counts.outcomes.keys() - set(won.values))
        if mapping.lost is None and len(others) > 1:
            yield (
                f"Besides the leads won there are {len(others)} outcomes, and not each need be a loss. "
                f'{listed} Say which are lost: --lost "{won.column}={",".join(others[:3])}".'
            )


def _listed(condition: Condition, outcomes: Counter[str]) -> str:
    most = ", ".join(f"{value or '(empty)'} ({count})" for value, count in outcomes.most_common(10))
    more = f" and {len(outcomes) - 10} more" if len(outcomes) > 10 else ""
    return f'The values of "{condition.column}" are: {most}{more}.'
