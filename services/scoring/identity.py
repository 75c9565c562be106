"""Which lead an event belongs to: exact rules over the identifiers it carries. Pure.

The strongest identifier that is already known names the lead; the event's other identifiers join it. A source
never has one lead under two subjects, so a shared address (info@…) does not merge two of its records: that is
noted as a suspected duplicate, for a person to settle.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.identifiers import Identifier


@dataclass(slots=True)
class Resolution:
    """`leads`: the lead of each event, in order. `joined`: identifiers that were new, and their lead."""

    leads: list[UUID] = field(default_factory=list)
    joined: dict[Identifier, UUID] = field(default_factory=dict)
    suspected: set[tuple[UUID, UUID, str]] = field(default_factory=set)


def resolve(
    events: Iterable[tuple[Identifier, ...]],
    known: Mapping[Identifier, UUID],
    subject_sources: Mapping[UUID, Iterable[str]],
    new_lead: Callable[[], UUID],
) -> Resolution:
    """Assign each event (given by its identifiers, strongest first) to a lead.

    `known` maps identifiers met before to leads; `subject_sources` says in which sources a lead already has
    a subject; `new_lead` makes an id.
    """
    resolution = Resolution()
    mapping = dict(known)
    sources = {lead: set(names) for lead, names in subject_sources.items()}
    for identifiers in events:
        subject = next((i for i in identifiers if i.kind == "subject"), None)
        # A lead that goes by another subject in this source is another record: it is not joined.
        closed_to = subject.source if subject is not None and subject not in mapping else None
        candidates = (mapping[identifier] for identifier in identifiers if identifier in mapping)
        lead = next((lead for lead in candidates if closed_to not in sources.get(lead, ())), None)
        lead = lead or new_lead()
        resolution.leads.append(lead)
        for identifier in identifiers:
            owner = mapping.setdefault(identifier, lead)
            if identifier not in known:
                resolution.joined.setdefault(identifier, owner)
            if owner != lead:
                first, second = sorted((lead, owner))
                resolution.suspected.add((first, second, identifier.kind))
        if subject is not None:
            sources.setdefault(lead, set()).add(subject.source)
    return resolution
