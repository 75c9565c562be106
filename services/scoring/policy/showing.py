"""What a policy says of a lead that is shown: what to do next, by whom, until when, and why. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.scoring.features import Features
from services.scoring.policy.absences import NOBODY_AWAY, Absences
from services.scoring.policy.conditions import AT_WORK
from services.scoring.policy.deciding import AllCuts, Decider, facts_of
from services.scoring.policy.document import NextAction, Policy
from services.scoring.policy.population import FROM_SCORE, LEAD_COLUMNS
from services.scoring.policy.working_time import Calendar
from services.scoring.wording import action_in_words, expected_value_in_words

UNPUBLISHED = Decider(Policy(), AllCuts({"A": 1.0, "B": 1.0, "C": 1.0}, {}))
"""What holds before anything was published. No lead is graded then."""
IN_ROW = LEAD_COLUMNS | FROM_SCORE | frozenset(AT_WORK)


def needs_features(decider: Decider) -> bool:
    """Whether its next actions look at more than a lead's own row."""
    return not decider.action_fields <= IN_ROW


@dataclass(frozen=True, slots=True)
class InView:
    """What is needed to show leads: the policy in force, who is away, and for leads by id the features of
    their last snapshots, where `needs_features`."""

    decider: Decider = UNPUBLISHED
    absences: Absences = NOBODY_AWAY
    features: Mapping[UUID, Features] = field(default_factory=dict)


def work_of_lead(row: Mapping[str, Any], view: InView, language: str) -> dict[str, Any]:
    """Of a row of the queue."""
    decider = view.decider
    at_work = {name: row[name] for name in (*AT_WORK, *FROM_SCORE)}
    action = decider.next_action({**facts_of(view.features.get(row["lead_id"], {}), row), **at_work})
    owner = action.owner or row["owner"]
    away = view.absences.unattended(owner)
    contact = None
    if row["status"] == "open" and row["contacted_at"] is None:
        contact = decider.first_contact_due(row["grade"], row["grade_since"], away)
    doer = view.absences.does(owner)
    return {
        "next_action": {
            "code": action.action,
            "text": action_in_words(action.action, language),
            "owner": doer,
            "stands_in_for": owner if doer != owner else None,
            "due": _due(action, row, decider.calendar.without(away), contact),
            "reason": action.reason,
        },
        "first_contact_due": contact,
        "contacted_at": row["contacted_at"],
        "excluded": row["excluded"],
        "rules": row["rules"],
        "expected_value": (worth := row["worth"])
        and {**worth, "text": expected_value_in_words(worth, language)},
    }


def _due(
    action: NextAction, row: Mapping[str, Any], calendar: Calendar, contact: datetime | None
) -> datetime | None:
    if action.due is None or action.due == "first_contact":
        return contact if action.due else None
    return calendar.after_hours(row["last_activity_at"], action.due)
