"""From the rows of an exported file to events of the contract. Pure.

A row becomes a `crm.lead.created` and, when its outcome is known, a `crm.lead.converted` or `crm.lead.lost`.
Rows without dates are known at the date of their file: one look at each lead, without its outcome.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.errors import UserError
from shared.tabular import Table, TableError, parse_scalar

Event = dict[str, Any]

# Column headings, folded, that say who the lead is.
PROFILE_HEADINGS: Mapping[str, frozenset[str]] = {
    "email": frozenset({"email", "e-mail", "mail", "email address", "courriel", "adresse email",
                        "adresse e-mail"}),
    "phone": frozenset({"phone", "phone number", "mobile", "telephone", "tel", "portable"}),
    "name": frozenset({"name", "full name", "contact", "nom", "nom complet", "nom du contact"}),
    "company": frozenset({"company", "company name", "account", "organization", "organisation", "societe",
                          "entreprise", "raison sociale"}),
}  # fmt: skip
KEY_HEADINGS = (
    "id",
    "lead id",
    "prospect id",
    "contact id",
    "record id",
    "external id",
    "identifiant",
    "lead number",
)
DATE_FORMATS = ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y", "%Y/%m/%d")


class ImportRefused(UserError):
    """The import cannot start as asked; nothing was sent. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`column=value[,value…]`, as given on the command line."""

    column: str
    values: frozenset[str]

    def holds(self, row: Mapping[str, str]) -> bool:
        return row[self.column].strip() in self.values


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file's columns are read. `attributes` are those that describe the lead and become features."""

    source: str
    known_at: datetime
    key: str | None
    profile: Mapping[str, str]
    attributes: Sequence[str]
    won: Condition | None
    lost: Condition | None
    open: Condition | None
    created: str | None
    closed: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a first reading found: rows in all, of each fate, and keys that stand on two rows."""

    rows: int
    won: int
    lost: int
    open: int
    repeated_keys: int

    @property
    def events(self) -> int:
        """At most so many events come of the file; fewer when keys are repeated."""
        return self.rows + self.won + self.lost


def parse_condition(text: str) -> Condition:
    """Raises ImportRefused when `text` is not COLUMN=VALUE."""
    column, equals, values = text.partition("=")
    if not equals or not column.strip():
        raise ImportRefused(f"{text!r} is not COLUMN=VALUE, as in Converted=1")
    return Condition(column.strip(), frozenset(value.strip() for value in values.split(",")))


def folded(heading: str) -> str:
    plain = unicodedata.normalize("NFKD", heading.strip().lower())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).replace("_", " ").split())


def make_plan(
    table: Table,
    *,
    source: str,
    known_at: datetime,
    outcome: str | None = None,
    lost: str | None = None,
    open_: str | None = None,
    exclude: Iterable[str] = (),
    key: str | None = None,
    created: str | None = None,
    closed: str | None = None,
) -> Plan:
    """Decide what each column is. What tells the outcome is never an attribute.

    Raises ImportRefused for a malformed condition, TableError for a column that the file does not have.
    """
    conditions = [parse_condition(text) if text else None for text in (outcome, lost, open_)]
    excluded = set(exclude)
    named = [column for column in (key, created, closed) if column]
    table.require([*excluded, *named, *(condition.column for condition in conditions if condition)])
    headings = {folded(column): column for column in reversed(table.columns)}
    profile = {
        name: headings[heading]
        for name, known in PROFILE_HEADINGS.items()
        for heading in sorted(known)
        if heading in headings
    }
    key = key or next((headings[heading] for heading in KEY_HEADINGS if heading in headings), None)
    not_attributes = {*excluded, *named, *profile.values(), *([key] if key else [])}
    not_attributes |= {condition.column for condition in conditions if condition}
    return Plan(
        source=source,
        known_at=known_at,
        key=key,
        profile={name: column for name, column in profile.items() if column not in excluded},
        attributes=[column for column in table.columns if column not in not_attributes],
        won=conditions[0],
        lost=conditions[1],
        open=conditions[2],
        created=created,
        closed=closed,
    )


def fate(row: Mapping[str, str], plan: Plan) -> str | None:
    """won, lost or open; None when the row's outcome is a value that nothing was said about."""
    if plan.won is None or (plan.open and plan.open.holds(row)):
        return "open"
    if plan.won.holds(row):
        return "won"
    if plan.lost is not None:
        return "lost" if plan.lost.holds(row) else None
    return "lost" if row[plan.won.column].strip() else None


def preview(table: Table, plan: Plan) -> Preview:
    """Read the whole file once, so that a fault at its end costs nothing half-done.

    Raises TableError for rows that do not fit, ImportRefused when an outcome value is not mapped, when the
    won value never occurs, or when a date cannot be read.
    """
    fates: Counter[str | None] = Counter()
    outcomes: Counter[str] = Counter()
    undated: Counter[str] = Counter()
    keys: set[bytes] = set()
    rows = 0
    for rows, row in enumerate(table.rows(), start=1):
        outcome = fate(row, plan)
        fates[outcome] += 1
        keys.add(_digest(row_key(row, plan)))
        for column in (plan.created, plan.closed):
            if column and parse_date(row[column], column, row_number=rows) is None:
                undated[column] += column == plan.created or outcome in ("won", "lost")
        if plan.won and outcome != "open":
            outcomes[row[plan.won.column].strip()] += 1
    if rows == 0:
        raise TableError(f"{table.path.name} has a header and no row: there is nothing to import.")
    if plan.won:
        _check_outcomes(plan, plan.won, fates, outcomes)
    if plan.open and not fates["open"]:
        raise ImportRefused(
            f'No row is open: "{plan.open.column}" is never {" or ".join(sorted(plan.open.values))!r}. '
            "Without it every lead that is still open would count as lost."
        )
    if 2 * (rows - len(keys)) > rows:
        raise ImportRefused(
            f'"{plan.key or "the whole row"}" stands on several rows for most leads: it does not name one '
            "lead. Give another column with --key."
        )
    for column, count in undated.items():
        if count:
            # Whether a date is there tells the outcome when, as is usual, only deals that were won have one.
            raise ImportRefused(
                f'{count} rows have no date in "{column}". A model would learn the outcome from which dates '
                "are missing: fill them, or leave --created and --closed out."
            )
    return Preview(rows, fates["won"], fates["lost"], fates["open"], rows - len(keys))


def _check_outcomes(plan: Plan, won: Condition, fates: Counter[str | None], outcomes: Counter[str]) -> None:
    """Raises ImportRefused when some outcome is not said to be won, lost or open, or none is won."""
    listed = _listed(won, outcomes)
    if not fates["won"]:
        raise ImportRefused(f"No row is won: {', '.join(sorted(won.values))!r} never occurs. {listed}")
    if fates[None]:
        raise ImportRefused(
            f"{fates[None]} rows have an outcome that is neither won, lost nor open. {listed} "
            f'Say which are lost (--lost "{won.column}=…") or still open (--open "{won.column}=…").'
        )
    others = sorted(outcomes.keys() - won.values)
    if plan.lost is None and len(others) > 1:
        raise ImportRefused(
            f"Besides the leads won there are {len(others)} outcomes, and not each need be a loss. {listed} "
            f'Say which are lost: --lost "{won.column}={",".join(others[:3])}".'
        )


def events(table: Table, plan: Plan) -> Iterator[Event]:
    """The events of the file, a row's in a row. A key that stands on two rows counts once: the first."""
    seen: set[bytes] = set()
    for row in table.rows():
        key = row_key(row, plan)
        digest = _digest(key)
        if digest in seen:
            continue
        seen.add(digest)
        yield from row_events(row, key, plan)


def row_key(row: Mapping[str, str], plan: Plan) -> str:
    """The row's own key, else a hash of all it says: the same row is the same lead at the next import."""
    if plan.key and row[plan.key].strip():
        return row[plan.key].strip()
    content = "\x1f".join(f"{name}\x1e{value}" for name, value in sorted(row.items()))
    return "row-" + hashlib.sha256(content.encode()).hexdigest()[:32]


def row_events(row: Mapping[str, str], key: str, plan: Plan) -> Iterator[Event]:
    created_at = (plan.created and parse_date(row[plan.created], plan.created)) or plan.known_at
    lead: dict[str, Any] = {
        name: row[column].strip()
        for name, column in plan.profile.items()
        if parse_scalar(row[column]) is not None
    }
    attributes = {column: parse_scalar(row[column]) for column in plan.attributes}
    lead["attributes"] = {name: value for name, value in attributes.items() if value is not None}
    yield _event("crm.lead.created", key, created_at, {"lead": lead}, plan)
    outcome = fate(row, plan)
    if outcome in ("won", "lost"):
        closed_at = (plan.closed and parse_date(row[plan.closed], plan.closed)) or max(
            created_at, plan.known_at
        )
        event_type = "crm.lead.converted" if outcome == "won" else "crm.lead.lost"
        yield _event(event_type, key, closed_at, {"lead": {}}, plan)


def parse_date(text: str, column: str, *, row_number: int | None = None) -> datetime | None:
    """ISO 8601 or dd/mm/yyyy, UTC when it names no zone; None when empty. Raises ImportRefused."""
    text = text.strip()
    if not text:
        return None
    for form in (None, *DATE_FORMATS):
        try:
            found = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    where = f" (row {row_number})" if row_number else ""
    raise ImportRefused(f'"{column}"{where} holds a date that is neither 2026-03-31 nor 31/03/2026.')


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def _listed(condition: Condition, outcomes: Counter[str]) -> str:
    most = ", ".join(f"{value or '(empty)'} ({count})" for value, count in outcomes.most_common(10))
    more = f" and {len(outcomes) - 10} more" if len(outcomes) > 10 else ""
    return f'The values of "{condition.column}" are: {most}{more}.'


def _event(event_type: str, key: str, moment: datetime, data: Event, plan: Plan) -> Event:
    identity = "\x1f".join((plan.source, key, event_type))
    return {
        "specversion": "1.0",
        "id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "source": plan.source,
        "subject": key[:512],
        "type": event_type,
        "time": moment.isoformat(),
        "declaredhistory": True,
        "data": data,
    }
