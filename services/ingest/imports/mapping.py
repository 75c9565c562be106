"""What each column of a file is, as a person confirmed it. JSON in and out; checked against the file."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.ingest.imports.formats import DateOrder, NumberFormat
from shared.contracts.events import EVENT_TYPES
from shared.errors import UserError

Role = Literal[
    "key", "email", "phone", "name", "first_name", "last_name", "company", "siren",
    "created", "closed",
    "occurred_at", "type", "event_id", "subject", "text", "url", "amount", "stage", "channel", "campaign",
    "attribute", "ignore",
]  # fmt: skip
Kind = Literal["leads", "events"]

DATES: Final[frozenset[Role]] = frozenset({"created", "closed", "occurred_at"})
LEADS_ONLY: Final[frozenset[Role]] = frozenset({"created", "closed"})
EVENTS_ONLY: Final[frozenset[Role]] = frozenset(
    {"occurred_at", "type", "event_id", "subject", "text", "url", "stage", "channel", "campaign"}
)
SEVERAL: Final[frozenset[Role]] = frozenset({"attribute", "ignore"})
IDENTIFYING: Final[frozenset[Role]] = frozenset({"key", "email", "phone"})

# Columns that Éclaireur itself adds to the rows it gives back for mending.
KEY_COLUMN: Final = "eclaireur_key"
REASON_COLUMN: Final = "eclaireur_reason"
OWN_COLUMNS: Final = frozenset({KEY_COLUMN, REASON_COLUMN})

Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class ImportRefused(UserError):
    """The import cannot start as asked; nothing was sent. The message says what to do."""


class Column(BaseModel):
    """What one column is. `date_order` and `number` say how it writes dates and numbers."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    role: Role = Field(alias="as")
    date_order: DateOrder | None = None
    number: NumberFormat | None = None


class Condition(BaseModel):
    """Rows in which `column` is one of `values`, to the letter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: Text
    values: Annotated[list[Text], Field(min_length=1, max_length=1000)]

    def holds(self, row: dict[str, str]) -> bool:
        return row[self.column].strip() in self.values


class Mapping(BaseModel):
    """A file's columns. Those not named are ignored. `won`, `lost` and `open` tell the outcome of leads,
    `types` the event type of each value of the type column; a value not named is an activity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = "leads"
    source: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^|\x00-\x1f\x7f]+$")]
    columns: dict[Text, Column]
    won: Condition | None = None
    lost: Condition | None = None
    open: Condition | None = None
    types: dict[Text, str] = {}

    @model_validator(mode="after")
    def _fits(self) -> "Mapping":
        roles = [column.role for column in self.columns.values()]
        for role in sorted(set(roles) - SEVERAL):
            if roles.count(role) > 1:
                raise ValueError(f"several columns are {role!r}: only one may be")
        foreign = sorted(set(roles) & (EVENTS_ONLY if self.kind == "leads" else LEADS_ONLY))
        if foreign:
            raise ValueError(f"a file of {self.kind} has no {', '.join(foreign)}")
        if self.kind == "events" and "occurred_at" not in roles:
            raise ValueError("a file of events needs a column that says when: occurred_at")
        if self.kind == "events" and not set(roles) & IDENTIFYING:
            raise ValueError("a file of events needs a column that says who: key, email or phone")
        if self.kind == "events" and (self.won or self.lost or self.open):
            raise ValueError("won, lost and open are for files of leads; in events, name the types")
        if (self.lost or self.open) and not self.won:
            raise ValueError("say first which leads were won")
        if unknown := sorted(set(self.types.values()) - EVENT_TYPES):
            raise ValueError(f"{unknown[0]} is not an event type: {', '.join(sorted(EVENT_TYPES))}")
        return self

    def column_of(self, role: Role) -> str | None:
        return next((name for name, column in self.columns.items() if column.role == role), None)

    def conditions(self) -> list[Condition]:
        return [condition for condition in (self.won, self.lost, self.open) if condition]

    @property
    def attributes(self) -> list[str]:
        """The columns that describe a lead. What tells the outcome never does."""
        telling = {condition.column for condition in self.conditions()}
        return [
            name
            for name, column in self.columns.items()
            if column.role == "attribute" and name not in telling
        ]

    def check_columns(self, present: Iterable[str]) -> None:
        """Raise ImportRefused for the first column that is not there, with those that look like it."""
        columns = list(present)
        for name in [*self.columns, *(condition.column for condition in self.conditions())]:
            if name not in columns:
                raise ImportRefused(f'There is no column "{name}". {like(name, columns)}')


def like(name: str, columns: list[str]) -> str:
    """The columns whose names look like `name`, else all, as a sentence."""
    folded = {column.casefold(): column for column in columns}
    close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    if close:
        return f"Did you mean: {', '.join(folded[one] for one in close)}?"
    return f"The columns are: {', '.join(columns)}."
