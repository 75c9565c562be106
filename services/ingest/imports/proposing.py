"""What each column of a file seems to be, with how sure that is and examples, for a person to confirm. Pure.

A heading proposes, the values confirm or refuse: a column `Do Not Email` of Yes and No is no address. What
could be read in two ways is a doubt, to be asked; it is never settled by a guess.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import phonenumbers
from stdnum.fr import siren, siret

from services.ingest.imports.formats import (
    NUMBER_EXAMPLES,
    DateOrder,
    NumberFormat,
    date_orders,
    is_date,
    number_formats,
    order_matters,
    read_date,
    read_number,
)
from services.ingest.imports.headings import EXACT, folded, likely_roles, likely_type
from services.ingest.imports.mapping import DATES, EVENTS_ONLY, LEADS_ONLY, OWN_COLUMNS, Column, Kind, Role
from shared.tabular import EMPTY_MARKERS, Table, parse_scalar

SAMPLED_ROWS = 2_000
SURE = 0.9
_LISTED_VALUES = 12
_EXAMPLE_CHARACTERS = 80
_OUTCOME_HEADINGS = frozenset(
    {"converted", "converti", "outcome", "issue", "resultat", "statut", "status", "etat", "won", "gagne"}
    | {"lead status", "statut du lead", "deal status", "signe"}
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")


@dataclass(frozen=True, slots=True)
class Doubt:
    """What must be asked about a column, and what may be answered."""

    about: str
    question: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposedColumn:
    """`confidence` from 0 to 1; `values` are all of them with their count when there are few."""

    name: str
    role: Role
    confidence: float
    examples: tuple[str, ...]
    date_order: DateOrder | None = None
    number: NumberFormat | None = None
    doubts: tuple[Doubt, ...] = ()
    values: dict[str, int] = field(default_factory=dict)
    may_tell_outcome: bool = False

    def as_column(self) -> Column:
        return Column(role=self.role, date_order=self.date_order, number=self.number)


@dataclass(frozen=True, slots=True)
class Proposal:
    kind: Kind
    columns: tuple[ProposedColumn, ...]
    types: dict[str, str]

    def mapping(self, source: str) -> dict[str, Any]:
        """As JSON; it stays a proposal where there are doubts."""
        columns = {
            column.name: column.as_column().model_dump(by_alias=True, exclude_none=True)
            for column in self.columns
        }
        return {"kind": self.kind, "source": source, "columns": columns, "types": self.types}


def propose(table: Table) -> Proposal:
    """Look at the first rows of a file; the whole file is read only for what they leave open.

    Raises TableError when the file cannot be read.
    """
    width = len(table.columns)
    rows = [record for _, record in islice(table.records(), SAMPLED_ROWS) if len(record) == width]
    looks = [_Look(name, [row[place].strip() for row in rows]) for place, name in enumerate(table.columns)]
    kind = _kind(looks)
    roles = _assign(looks, kind)
    columns = tuple(_proposed(table, place, look, *roles[look.name]) for place, look in enumerate(looks))
    return Proposal(kind, columns, _types(looks, roles))


class _Look:
    """One column as far as it was looked at; shares are of the cells that say something."""

    def __init__(self, name: str, cells: list[str]) -> None:
        self.name = name
        self.values = [cell for cell in cells if cell.casefold() not in EMPTY_MARKERS]
        self.distinct = Counter(self.values)
        self.likely = [] if name in OWN_COLUMNS else likely_roles(name)

    def share(self, holds: Callable[[str], bool]) -> float:
        if not self.values:
            return 0.0
        return sum(count for value, count in self.distinct.items() if holds(value)) / len(self.values)

    def fits(self, role: Role) -> bool:
        """Whether the values allow what the heading says."""
        if not self.values:
            return True
        test = _TESTS.get(role)
        if role == "key":
            return len(self.distinct) >= 0.9 * len(self.values)
        return test is None or self.share(test) >= 0.5


def _is_phone(text: str) -> bool:
    if sum(character.isdigit() for character in text) < 8:
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, "FR"))
    except phonenumbers.NumberParseException:
        return False


def _is_siren(text: str) -> bool:
    plain = re.sub(r"[\s.]", "", text)
    return bool(siren.is_valid(plain) or siret.is_valid(plain))


def _is_words(text: str) -> bool:
    return "@" not in text and any(character.isalpha() for character in text)


_TESTS: dict[Role, Callable[[str], bool]] = {
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "phone": _is_phone,
    "siren": _is_siren,
    "name": _is_words,
    "first_name": _is_words,
    "last_name": _is_words,
    "company": _is_words,
    "type": _is_words,
} | {role: lambda text: is_date(text) or read_date(text, "dmy") is not None for role in DATES}


def _kind(looks: list[_Look]) -> Kind:
    """A history when a column says when and another what: one event a row."""
    dated = any(look.share(is_date) >= SURE for look in looks)
    typed = any(
        role == "type" and sure >= SURE and look.fits("type") for look in looks for role, sure in look.likely
    )
    when = any(
        role == "occurred_at" and sure >= SURE and look.fits("occurred_at")
        for look in looks
        for role, sure in look.likely
    )
    return "events" if typed and (dated or when) else "leads"


def _assign(looks: list[_Look], kind: Kind) -> dict[str, tuple[Role, float]]:
    """A role and a confidence for each column; one column a role, the surest."""
    bids: list[tuple[float, int, _Look, Role]] = []
    foreign = EVENTS_ONLY if kind == "leads" else LEADS_ONLY
    # An amount describes a lead; it is the event's own in a history.
    foreign = foreign | {"amount"} if kind == "leads" else foreign
    for place, look in enumerate(looks):
        for role, sure in look.likely:
            if role not in foreign and look.fits(role):  # type: ignore[arg-type]
                bids.append((sure, -place, look, role))  # type: ignore[arg-type]
        bids += [(sure, -place, look, role) for role, sure in _by_values(look, kind)]
    taken: dict[str, tuple[Role, float]] = {}
    held: set[Role] = set()
    for sure, _, look, role in sorted(bids, key=lambda bid: bid[:2], reverse=True):
        if look.name not in taken and role not in held:
            taken[look.name] = (role, sure)
            held.add(role)
    if "name" in held and "first_name" in held and "last_name" not in held:
        # `Nom` beside `Prénom` is the family name.
        heading = next(name for name, (role, _) in taken.items() if role == "name")
        if folded(heading) in ("nom", "name"):
            taken[heading] = ("last_name", taken[heading][1])
    for look in looks:
        personal = look.share(_TESTS["email"]) >= 0.5
        left: Role = "ignore" if look.name in OWN_COLUMNS or personal or not look.values else "attribute"
        taken.setdefault(look.name, (left if look.values or look.name in OWN_COLUMNS else "attribute", EXACT))
    return taken


def _by_values(look: _Look, kind: Kind) -> Iterator[tuple[Role, float]]:
    if look.share(_TESTS["email"]) >= 0.8:
        yield "email", 0.95
    if look.share(lambda text: text[:1] in "+0" and _is_phone(text)) >= 0.8:
        yield "phone", 0.85
    if len(look.distinct) > 2 and look.share(_is_siren) >= SURE:
        yield "siren", 0.85
    if kind == "events" and look.share(is_date) >= SURE:
        yield "occurred_at", 0.85


def _proposed(table: Table, place: int, look: _Look, role: Role, confidence: float) -> ProposedColumn:
    doubts: list[Doubt] = []
    order: DateOrder | None = None
    number: NumberFormat | None = None
    if confidence < SURE:
        doubts.append(
            Doubt("role", f'Is "{look.name}" the {role.replace("_", " ")}?', (role, "attribute", "ignore"))
        )
    if role in DATES or look.share(is_date) >= SURE:
        order, doubt = _date_order(table, place, look)
        doubts += [doubt] if doubt else []
    if role in ("attribute", "amount"):
        number, doubt = _number_format(table, place, look)
        doubts += [doubt] if doubt else []
    few = len(look.distinct) <= _LISTED_VALUES
    return ProposedColumn(
        look.name,
        role,
        confidence,
        tuple(value[:_EXAMPLE_CHARACTERS] for value in islice(look.distinct, 3)),
        order,
        number,
        tuple(doubts),
        {value[:_EXAMPLE_CHARACTERS]: count for value, count in look.distinct.most_common()} if few else {},
        folded(look.name) in _OUTCOME_HEADINGS and few,
    )


def _date_order(table: Table, place: int, look: _Look) -> tuple[DateOrder | None, Doubt | None]:
    """The order that all values allow; a doubt when two do and it matters, or when none does."""
    orders = date_orders(look.distinct)
    if len(orders) == 2 and any(map(order_matters, look.distinct)):
        orders = date_orders(_cells(table, place))
        if len(orders) == 2:
            example = next(value for value in look.distinct if order_matters(value))
            question = f'Is {example} in "{look.name}" day first (dmy) or month first (mdy)?'
            return None, Doubt("date_order", question, ("dmy", "mdy"))
    if not orders:
        question = (
            f'"{look.name}" holds dates with the day first and others with the month first. Which are right?'
        )
        return None, Doubt("date_order", question, ("dmy", "mdy"))
    return ("dmy" if len(orders) == 2 else next(iter(orders))), None


def _number_format(table: Table, place: int, look: _Look) -> tuple[NumberFormat | None, Doubt | None]:
    """None when each cell can be read in one way only, as `parse_scalar` does; else the format of all."""
    unread = [value for value in look.distinct if isinstance(parse_scalar(value), str)]
    if not unread or not any(character in value for value in unread for character in ",.’'€$£ \u00a0\u202f"):
        return None, None
    formats = number_formats(look.distinct)
    if any(value.lstrip("-+")[:1] == "0" and value[1:2].isdigit() for value in unread):
        return None, None  # codes, as postcodes and phones are
    if len(formats) > 1:
        formats = [
            form
            for form in formats
            if all(read_number(cell, form) is not None for cell in _cells(table, place))
        ]
    if len(formats) <= 1:
        return (formats[0] if formats else None), None
    written = " or ".join(f"{NUMBER_EXAMPLES[form]} ({form})" for form in formats)
    question = f'Are numbers such as {unread[0]} in "{look.name}" written as {written}?'
    return None, Doubt("number", question, tuple(formats))


def _cells(table: Table, place: int) -> Iterable[str]:
    """Every cell of a column that says something, in the whole file."""
    width = len(table.columns)
    for _, record in table.records():
        if len(record) == width and (cell := record[place].strip()).casefold() not in EMPTY_MARKERS:
            yield cell


def _types(looks: list[_Look], roles: dict[str, tuple[Role, float]]) -> dict[str, str]:
    """The event type of each activity that has one; the others are activities by their own name."""
    typed = next((look for look in looks if roles[look.name][0] == "type"), None)
    if typed is None:
        return {}
    found = {activity: likely_type(activity) for activity in islice(typed.distinct, 200)}
    return {activity: event_type for activity, event_type in found.items() if event_type}
