"""From a row to events of the contract, or to a reason why not. Pure.

A lead's row becomes a `crm.lead.created` and, when its outcome is known, a `crm.lead.converted` or
`crm.lead.lost`. Rows without dates are known at the date of their file: one look at each lead, without its
outcome. A history's row becomes the one event that it tells of.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from services.ingest.accept import Sender, accept
from services.ingest.imports.errors_file import unescaped
from services.ingest.imports.formats import read_date, read_number
from services.ingest.imports.known import Event, Statement, event_id
from services.ingest.imports.mapping import KEY_COLUMN, OWN_COLUMNS, Mapping, Role
from shared.records import Outgoing
from shared.tabular import parse_scalar

OTHERWISE: Final = "crm.activity.logged"
# Where a cell of each role goes in an event's data; `stage` is what a change of stage leads to.
_EVENT_FIELDS: Final[dict[Role, str]] = {
    "subject": "subject",
    "text": "text",
    "url": "url",
    "channel": "channel",
    "campaign": "campaign",
    "stage": "to",
}
_PROFILE: Final[tuple[Role, ...]] = ("email", "phone", "name", "company")


class RowRefused(Exception):
    """The row cannot be taken as it stands; the message says what to mend in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read: its cells by column, what names its lead or event for good, and its outcome
    (won, lost or open; None when its value is one that nothing was said about)."""

    cells: dict[str, str]
    key: str
    fate: str | None


class RowReader:
    """Reads the rows of one file under one mapping."""

    def __init__(self, mapping: Mapping, columns: Sequence[str], known_at: datetime) -> None:
        self.mapping, self.columns, self.known_at = mapping, columns, known_at
        self._of = {column.role: name for name, column in mapping.columns.items()}
        self._attributes = [(name, mapping.columns[name].number) for name in mapping.attributes]
        self._given_back = KEY_COLUMN in columns
        self._content = [name for name in columns if name not in OWN_COLUMNS]
        self._sender = Sender(source=mapping.source, history=True)

    def read(self, record: Sequence[str]) -> Row:
        """Raises RowRefused when the record has not as many fields as the header."""
        if len(record) != len(self.columns):
            raise RowRefused(
                f"The row has {len(record)} fields, the header has {len(self.columns)}. Put quotation marks "
                "around a field that holds the delimiter or a line break."
            )
        fields = map(unescaped, record) if self._given_back else record
        cells = dict(zip(self.columns, fields, strict=True))
        return Row(cells, self._key(cells), self._fate(cells))

    def prepare(self, row: Row, now: datetime) -> list[Statement]:
        """What the row says, each a valid event; all or none. Raises RowRefused."""
        statements = self.statements(row)
        self.outgoing((statement.event for statement in statements), now)
        return statements

    def outgoing(self, events: Iterable[Event], now: datetime) -> list[Outgoing]:
        """The events as they are published. Raises RowRefused when one is not valid."""
        taken = accept([(b"", partial(_as_it_is, event)) for event in events], self._sender, now)
        if taken.refused:
            raise RowRefused(taken.refused[0].error)
        return taken.outgoing

    def statements(self, row: Row) -> list[Statement]:
        """Raises RowRefused when a date or an amount cannot be read, or a history's row has no date."""
        return self._of_lead(row) if self.mapping.kind == "leads" else [self._of_history(row)]

    def moment(self, cells: dict[str, str], role: Role) -> datetime | None:
        """The date in the column of that role; None without such a column or value. Raises RowRefused."""
        name = self._of.get(role)
        if name is None or parse_scalar(cells[name]) is None:
            return None
        found = read_date(cells[name], self.mapping.columns[name].date_order)
        if found is None:
            raise RowRefused(f'"{name}" holds no date that can be read: write it as 2026-03-31.')
        return found

    def _key(self, cells: dict[str, str]) -> str:
        """The row's own key, else a hash of all it says: the same row is the same lead at the next import."""
        own = self._of.get("key" if self.mapping.kind == "leads" else "event_id")
        if own and (key := cells[own].strip()):
            return key
        if key := cells.get(KEY_COLUMN, "").strip():
            return key  # given back for mending: the row it was
        content = "\x1f".join(f"{name}\x1e{cells[name]}" for name in sorted(self._content))
        return "row-" + hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _fate(self, cells: dict[str, str]) -> str | None:
        won, lost, open_ = self.mapping.won, self.mapping.lost, self.mapping.open
        if won is None or (open_ and open_.holds(cells)):
            return "open"
        if won.holds(cells):
            return "won"
        if lost is not None:
            return "lost" if lost.holds(cells) else None
        return "lost" if cells[won.column].strip() else None

    def _of_lead(self, row: Row) -> list[Statement]:
        dated = self.moment(row.cells, "created")
        created_at = dated or self.known_at
        lead = self._lead(row.cells)
        data: dict[str, Any] = {"lead": lead, **self._amount(row.cells)}
        emptied = tuple(name for name, _ in self._attributes if name not in lead["attributes"])
        created = self._event("crm.lead.created", row.key, row.key, created_at, data)
        made = [Statement("lead", row.key, created, undated=dated is None, emptied=emptied)]
        if row.fate in ("won", "lost"):
            dated = self.moment(row.cells, "closed")
            event_type = "crm.lead.converted" if row.fate == "won" else "crm.lead.lost"
            closed_at = dated or max(created_at, self.known_at)
            closed = self._event(event_type, row.key, row.key, closed_at, {"lead": {}})
            made.append(Statement("outcome", row.key, closed, undated=dated is None))
        return made

    def _of_history(self, row: Row) -> Statement:
        cells = row.cells
        occurred_at = self.moment(cells, "occurred_at")
        if occurred_at is None:
            raise RowRefused(f'"{self._of["occurred_at"]}" is empty: an event needs its date.')
        activity = cells[self._of["type"]].strip() if "type" in self._of else ""
        event_type = self.mapping.types.get(activity, OTHERWISE)
        data: dict[str, Any] = {"lead": self._lead(cells), **self._amount(cells)}
        for role, name in _EVENT_FIELDS.items():
            if role in self._of and (text := cells[self._of[role]].strip()):
                data[name] = text
        if event_type == OTHERWISE:
            data["activity"] = (activity or "activity")[:128]
        subject = cells[self._of["key"]].strip() if "key" in self._of else ""
        return Statement("event", row.key, self._event(event_type, row.key, subject, occurred_at, data))

    def _lead(self, cells: dict[str, str]) -> dict[str, Any]:
        lead: dict[str, Any] = {}
        for role in _PROFILE:
            name = self._of.get(role)
            if name is not None and parse_scalar(cells[name]) is not None:
                lead[role] = cells[name].strip()
        if "name" not in lead:
            names = [
                cells[self._of[role]].strip() for role in ("first_name", "last_name") if role in self._of
            ]
            if joined := " ".join(filter(None, names)):
                lead["name"] = joined
        if "siren" in self._of and (siren := "".join(filter(str.isdigit, cells[self._of["siren"]]))):
            lead["external_ids"] = {"siren": siren[:9]}
        attributes = {name: _scalar(cells[name], number) for name, number in self._attributes}
        lead["attributes"] = {name: value for name, value in attributes.items() if value is not None}
        return lead

    def _amount(self, cells: dict[str, str]) -> dict[str, float]:
        name = self._of.get("amount")
        if name is None or parse_scalar(cells[name]) is None:
            return {}
        value = _scalar(cells[name], self.mapping.columns[name].number)
        if isinstance(value, str) or value is None:
            raise RowRefused(f'"{name}" holds no amount that can be read: write it as 1234.56.')
        return {"amount": float(value)}

    def _event(self, event_type: str, key: str, subject: str, moment: datetime, data: Event) -> Event:
        event = {
            "specversion": "1.0",
            "id": event_id(self.mapping.source, key, event_type),
            "source": self.mapping.source,
            "type": event_type,
            "time": moment.isoformat(),
            "declaredhistory": True,
            "data": data,
        }
        return event | {"subject": subject[:512]} if subject else event


def _as_it_is(event: Event) -> object:
    return event


def _scalar(text: str, number: Any) -> float | int | bool | str | None:
    """A cell as its column writes numbers; without a format, as far as there is one way to read it."""
    value = parse_scalar(text)
    if number is None or value is None:
        return value
    read = read_number(text, number)
    return value if read is None else read
