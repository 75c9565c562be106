"""Which lead an event belongs to: exact rules over the identifiers it carries. Pure.

The strongest identifier that is already known names the lead; the event's other identifiers join it. Two
leads that are both known are one where their source says that it merged its records, or where one was only a
visitor; otherwise that is noted as a suspected duplicate, for a person to settle. The README has the rules in
a table.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.identifiers import Identifier


@dataclass(slots=True)
class Resolution:
    """`leads`: the lead of each event, in order. `joined`: identifiers that were new, and their lead.

    `merged`: a lead that becomes part of another → the position of the event that says so, whose lead it is
    part of from there on: a visitor's, or one of `declared`, which its source merged.
    """

    leads: list[UUID] = field(default_factory=list)
    joined: dict[Identifier, UUID] = field(default_factory=dict)
    suspected: set[tuple[UUID, UUID, str]] = field(default_factory=set)
    merged: dict[UUID, int] = field(default_factory=dict)
    declared: set[UUID] = field(default_factory=set)

    def survivor(self, lead: UUID) -> UUID:
        """The lead that `lead` is part of after the last event."""
        while lead in self.merged:
            lead = self.leads[self.merged[lead]]
        return lead


def resolve(
    events: Iterable[tuple[Identifier, ...]],
    known: Mapping[Identifier, UUID],
    subject_sources: Mapping[UUID, Iterable[str]],
    new_lead: Callable[[], UUID],
    *,
    visitors: Collection[UUID] = (),
    declared: Mapping[int, UUID] = {},
) -> Resolution:
    """Assign each event (given by its identifiers, strongest first) to a lead.

    `known` maps identifiers met before to leads; `subject_sources` says in which sources a lead already has
    a subject; `visitors` are the leads of `known` that only a browser's id names; `declared`: the position of
    an event → the lead into which its source merged the event's own; `new_lead` makes an id.
    """
    resolution = Resolution()
    mapping = dict(known)
    sources = {lead: set(names) for lead, names in subject_sources.items()}
    unnamed = set(visitors)

    became: dict[UUID, UUID] = {}

    def now(lead: UUID) -> UUID:
        while lead in became:
            lead = became[lead]
        return lead

    def owner_of(identifier: Identifier) -> UUID | None:
        lead = mapping.get(identifier)
        return now(lead) if lead else None

    def named_by(identifiers: tuple[Identifier, ...], subject: Identifier | None) -> UUID | None:
        # A lead that goes by another subject in this source is another record: it is not joined, unless the
        # source itself says that they are one.
        closed_to = subject.source if subject is not None and subject not in mapping else None
        for identifier in identifiers:
            lead = owner_of(identifier)
            if lead is None or (identifier.kind != "subject" and closed_to in sources.get(lead, ())):
                continue
            # A browser that several people use names nobody who comes with a name of their own.
            if not identifier.anonymous or lead in unnamed or identifiers[0].anonymous:
                return lead
        return None

    for position, identifiers in enumerate(events):
        subject = next((i for i in identifiers if i.kind == "subject"), None)
        lead = named_by(identifiers, subject)
        if lead is None:
            lead = new_lead()
            if identifiers[0].anonymous:
                unnamed.add(lead)
        if not identifiers[0].anonymous:
            unnamed.discard(lead)
        into = now(declared[position]) if position in declared else lead
        if into != lead:
            resolution.merged[lead] = position
            resolution.declared.add(lead)
            became[lead] = into
            lead = into
        resolution.leads.append(lead)
        for identifier in identifiers:
            mapping.setdefault(identifier, lead)
            if identifier not in known:
                resolution.joined.setdefault(identifier, mapping[identifier])
            owner = owner_of(identifier) or lead
            if owner in unnamed and owner != lead:
                resolution.merged[owner] = position
                became[owner] = lead
                unnamed.discard(owner)
            elif owner != lead:
                first, second = sorted((lead, owner))
                resolution.suspected.add((first, second, _kind(identifier)))
        if subject is not None:
            sources.setdefault(lead, set()).add(subject.source)
    return resolution


def _kind(identifier: Identifier) -> str:
    return "anonymous" if identifier.anonymous else identifier.kind
