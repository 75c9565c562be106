"""Which leads a batch is about, found and locked: their identifiers, rows and states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from psycopg import Rollback

from services.scoring import grouping_store, store
from services.scoring.effects import Work, work_of
from services.scoring.grouping_store import Merge
from services.scoring.identity import Resolution, resolve
from services.scoring.intake import Intake
from services.scoring.priority import Priorities
from services.scoring.state import LeadState
from shared.contracts.identifiers import Identifier
from shared.postgres import Connection

VISITOR_RULE = "anonymous_visit"
"""A lead becomes part of another because a browser's id says who it is."""
SOURCE_RULE = "merged_at_source"
"""… because the source of both records says that it merged them."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """`identities` and `leads` of each event, in order; the `works` of all leads, locked, by id.

    `merged`: a lead that becomes part of another → the position of the event that says so.
    `merges`: those of them that their source declared, as they were recorded.
    """

    identities: list[int]
    leads: list[UUID]
    works: dict[UUID, Work]
    merged: Mapping[UUID, int]
    merges: Sequence[Merge] = ()


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
            if any(row["regrouped"] for row in rows.values()) or _changed(connection, resolution, rows):
                raise Rollback
            works = {
                lead: work_of(rows[lead], priorities)
                if lead in rows
                else Work(lead, LeadState(priorities=priorities))
                for lead in leads
            }
            merges = [_merge(new, resolution, lead) for lead in resolution.merged]
            for merge in merges:
                works[merge.other_id].merged_into = merge.lead_id
            recorded = grouping_store.merge(connection, merges)
            grouping_store.suspect(connection, resolution.suspected)
            declared = [merge for merge in recorded if merge.rule == SOURCE_RULE]
            return Recognised(identities, resolution.leads, works, resolution.merged, declared)


def _changed(connection: Connection, resolution: Resolution, rows: Mapping[UUID, store.Row]) -> bool:
    """Whether a lead that was to become part of another is, by now that it is locked, one that must not."""
    visitors = resolution.merged.keys() - resolution.declared
    both = {*resolution.declared, *map(resolution.survivor, resolution.declared)}
    return any(lead in rows and rows[lead]["status"] == "erased" for lead in both) or bool(
        visitors and store.visitors(connection, visitors) != visitors
    )


def _merge(new: Sequence[Intake], resolution: Resolution, lead: UUID) -> Merge:
    survivor = resolution.survivor(lead)
    if lead not in resolution.declared:
        return Merge(survivor, lead, VISITOR_RULE)
    return Merge(survivor, lead, SOURCE_RULE, name=new[resolution.merged[lead]].event.source)


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
    resolution = resolve(
        per_event,
        leads_of,
        {},
        uuid4,
        visitors=_visitors(connection, leads_of),
        declared=_declared(connection, new, leads_of),
    )
    return [known[identifiers[0]][0] for identifiers in per_event], resolution


def _declared(
    connection: Connection, new: Sequence[Intake], leads_of: Mapping[Identifier, UUID]
) -> dict[int, UUID]:
    """The position of each event whose source merged its record into another's → that one's lead, but where a
    person said that the two are not one."""
    pairs = {
        position: (leads_of[intake.identifiers[0]], leads_of[intake.merged_into])
        for position, intake in enumerate(new)
        if intake.merged_into
    }
    apart = grouping_store.kept_apart(connection, set(pairs.values())) if pairs else set()
    return {position: pair[1] for position, pair in pairs.items() if pair not in apart}


def _visitors(connection: Connection, leads_of: Mapping[Identifier, UUID]) -> set[UUID]:
    """The leads that only a browser's id names."""
    asked = {lead for identifier, lead in leads_of.items() if identifier.anonymous}
    return store.visitors(connection, asked) if asked else set()
