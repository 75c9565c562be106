"""Which leads a batch is about, found and locked: their identifiers, rows and states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from psycopg import Rollback

from services.scoring import grouping_store, store
from services.scoring.effects import Work, work_of
from services.scoring.identity import Resolution, resolve
from services.scoring.intake import Intake
from services.scoring.priority import Priorities
from services.scoring.state import LeadState
from shared.contracts.identifiers import Identifier
from shared.postgres import Connection

VISITOR_RULE = "anonymous_visit"
"""The one rule by which a lead becomes part of another: a browser's id says who it is."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """`identities` and `leads` of each event, in order; the `works` of all leads, locked, by id.

    `merged`: a visitor's lead → the position of the event that tells who it is.
    """

    identities: list[int]
    leads: list[UUID]
    works: dict[UUID, Work]
    merged: Mapping[UUID, int]


def recognise(connection: Connection, new: Sequence[Intake], priorities: Priorities) -> Recognised:
    """Find the lead of each event; store identifiers met for the first time; lock the leads in id order.

    A person may merge or split leads between the look at the identities and the lock. Then both are done
    again: what was stored and locked in between is given up with the savepoint.
    """
    while True:
        with connection.transaction():
            seen = store.snapshot_now(connection)
            identities, resolution = _identify(connection, new)
            leads = {*resolution.leads, *resolution.merged}
            rows = store.lock_leads(connection, leads, seen=seen)
            if any(row["regrouped"] for row in rows.values()) or (
                resolution.merged
                and store.visitors(connection, resolution.merged) != resolution.merged.keys()
            ):
                raise Rollback
            works = {
                lead: work_of(rows[lead], priorities)
                if lead in rows
                else Work(lead, LeadState(priorities=priorities))
                for lead in leads
            }
            for visitor, position in resolution.merged.items():
                works[visitor].merged_into = resolution.leads[position]
            if resolution.merged:
                into = {
                    visitor: resolution.leads[position] for visitor, position in resolution.merged.items()
                }
                grouping_store.merge(connection, into, rule=VISITOR_RULE)
            grouping_store.suspect(connection, resolution.suspected)
            return Recognised(identities, resolution.leads, works, resolution.merged)


def _identify(connection: Connection, new: Sequence[Intake]) -> tuple[list[int], Resolution]:
    """The identity of each event, and what their identifiers resolve to."""
    wanted = {identifier for intake in new for identifier in intake.identifiers}
    per_event = [intake.identifiers for intake in new]
    known = store.known_identities(connection, wanted)
    while known.keys() != wanted:
        leads_of = {identifier: lead for identifier, (_, lead) in known.items()}
        subjects = store.subject_sources(connection, sorted(set(leads_of.values())))
        found = resolve(per_event, leads_of, subjects, uuid4, visitors=_visitors(connection, leads_of))
        # All or none: when another worker just stored one of them, the others belong to the lead it named.
        store.join_identities(connection, found.joined)
        known = store.known_identities(connection, wanted)
    leads_of = {identifier: lead for identifier, (_, lead) in known.items()}
    resolution = resolve(per_event, leads_of, {}, uuid4, visitors=_visitors(connection, leads_of))
    return [known[identifiers[0]][0] for identifiers in per_event], resolution


def _visitors(connection: Connection, leads_of: Mapping[Identifier, UUID]) -> set[UUID]:
    """The leads that only a browser's id names."""
    asked = {lead for identifier, lead in leads_of.items() if identifier.anonymous}
    return store.visitors(connection, asked) if asked else set()
