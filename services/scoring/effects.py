"""What a batch writes and announces of its leads: rows of the schema, records for the topics. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.scoring.account import account_of
from services.scoring.intake import Intake
from services.scoring.model import score
from services.scoring.policy.conditions import Facts
from services.scoring.policy.deciding import facts_of
from services.scoring.policy.grading import Held
from services.scoring.policy.publishing import InForce
from services.scoring.priority import LATEST, Priorities
from services.scoring.reasons import explain
from services.scoring.registry import Published
from services.scoring.snapshots import Snapshot
from services.scoring.state import PROFILE, LeadState, from_json, moment, to_json
from shared.contracts import rejection
from shared.contracts.topics import LEAD_GRADE_CHANGED, LEAD_MESSAGES, LEAD_SCORED
from shared.records import Outgoing

Row = dict[str, Any]
ID_REUSED = "id_reused"


@dataclass(slots=True)
class Work:
    """One lead of a batch: its state, what its row held before, and the snapshot to score it on.

    `merged_into`: the lead it has become part of. `source` brought it in; `grade` with what follows is the
    one it was shown with, `held` the one by its probability, given by the policy `threshold_version`.
    """

    lead_id: UUID
    state: LeadState
    score_version: int = 0
    status_before: str | None = None
    latest: Snapshot | None = None
    snapshot_id: int | None = None
    merged_into: UUID | None = None
    source: str = ""
    grade: str | None = None
    grade_since: datetime | None = None
    held: Held | None = None
    threshold_version: int | None = None

    @property
    def status(self) -> str:
        return "merged" if self.merged_into else self.state.status

    @property
    def closed_now(self) -> bool:
        """Whether those who know of its scores must hear that it is won, lost, erased or merged."""
        return self.score_version > 0 and self.status not in ("open", self.status_before)

    @property
    def never_scored(self) -> bool:
        """Whether it was known before, and without a score."""
        return self.score_version == 0 and self.status_before is not None

    @property
    def erased_now(self) -> bool:
        return self.state.status == "erased" != self.status_before


def work_of(row: Mapping[str, Any], priorities: Priorities = LATEST) -> Work:
    work = Work(
        row["lead_id"],
        from_json(row["state"], priorities),
        row["score_version"],
        row["status"],
        merged_into=row["merged_into"],
    )
    if row.get("held_grade"):
        work.held = Held(row["held_grade"], row["leans_to"], row["leans_since"])
        work.grade, work.grade_since = row["grade"], row["grade_since"]
        work.threshold_version = row["threshold_version"]
    work.source = row.get("source", "")
    return work


def lead_row(work: Work) -> Row:
    """What a merged lead was lives in the survivor's row."""
    state = LeadState(first=work.state.first, known=work.state.known) if work.merged_into else work.state
    return {
        "lead_id": work.lead_id,
        "state": to_json(state),
        "status": work.status,
        "merged_into": work.merged_into,
        **{name: state.value(name) for name in (*PROFILE, "owner")},
        "account": account_of(state),
        "settled_with": state.priorities.version if state.said else None,
        "source": work.source,
        "created_at": moment(state.first or state.known),
        "last_activity_at": moment(state.last or state.known),
        "closed_at": moment(state.registers["outcome"][1][0]) if state.status in ("won", "lost") else None,
        "message_waiting": state.message_waiting,
        "contacted_at": moment(contacted) if (contacted := _contacted(state)) else None,
    }


CONTACTS = ("message_sent", "call_logged", "meeting_held")


def _contacted(state: LeadState) -> int:
    """When someone of the house last wrote, called or met, in microseconds since 1970; 0 for never."""
    done = state.activities
    return max((done[name].last for name in CONTACTS if name in done), default=0)


def snapshot_row(lead_id: UUID, snapshot: Snapshot) -> Row:
    return {
        "lead_id": lead_id,
        "kind": snapshot.kind,
        "as_of": snapshot.as_of,
        "last_source": snapshot.last_source,
        "last_id": snapshot.last_id,
        "features": snapshot.features,
    }


def score_rows(works: Sequence[Work], published: Published) -> list[Row]:
    """The next score of each work that has a snapshot to score it on."""
    looked_at = [(work, work.latest) for work in works if work.latest is not None]
    scored = score(published.model, [snapshot.features for _, snapshot in looked_at])
    policy = published.policy
    return [
        {
            "lead_id": work.lead_id,
            "score_version": work.score_version + 1,
            "snapshot_id": work.snapshot_id,
            "as_of": snapshot.as_of,
            "model_version": published.model.version,
            "threshold_version": policy.version,
            "probability": one.probability,
            "log_odds": one.log_odds,
            "base_log_odds": one.base_log_odds,
            **_decided(work, snapshot, one.probability, policy),
            # Encoded once: it goes into the score, the lead's row and the announcement.
            "reasons": orjson.Fragment(
                orjson.dumps(explain(one.contributions, snapshot.features, published.model.columns))
            ),
        }
        for (work, snapshot), one in zip(looked_at, scored, strict=True)
    ]


def _decided(work: Work, snapshot: Snapshot, probability: float, policy: InForce) -> Row:
    """What the policy makes of a score. A grade given by another policy does not hold back the new one."""
    state = work.state

    def facts() -> Facts:
        own = {name: state.value(name) for name in ("company", "email", "owner")}
        return facts_of(
            snapshot.features, own | {"source": work.source, "message_waiting": state.message_waiting}
        )

    before = work.held if work.threshold_version in policy.same else None
    decision = policy.decider.decide(probability, facts, before, snapshot.as_of)
    return {
        "grade": decision.grade,
        "grade_since": work.grade_since if work.grade == decision.grade else snapshot.as_of,
        "held_grade": decision.held.grade,
        "leans_to": decision.held.leans_to,
        "leans_since": decision.held.leans_since,
        "excluded": decision.excluded,
        "place": decision.place,
        "rules": decision.rules,
        "worth": decision.worth and decision.worth.to_json(),
    }


def unscored(work: Work, published: Published | None) -> str | None:
    """Why a batch gave a lead no score."""
    if work.status != "open":
        return work.status
    return None if published else "no_model"


def scored(work: Work, row: Row, *, demo: bool) -> Outgoing:
    """A new score, for lead.scored.v1."""
    fields = ("score_version", "as_of", "probability", "grade", "log_odds", "model_version", "reasons")
    return _announced(work, {name: row[name] for name in fields}, demo=demo)


def grade_changed(work: Work, row: Row, *, demo: bool) -> Outgoing | None:
    """That a new score changed a lead's grade; nothing when it had none, or the same."""
    if work.grade in (None, row["grade"]):
        return None
    told = ("lead_id", "score_version", "as_of", "probability", "threshold_version")
    value = {
        **{name: row[name] for name in told},
        "from": work.grade,
        "to": row["grade"],
        "by_rule": bool(row["rules"]),
        "demo": demo,
    }
    return Outgoing(LEAD_GRADE_CHANGED, str(work.lead_id), orjson.dumps(value))


def closed(work: Work, *, demo: bool) -> Outgoing:
    """That a lead is won, lost or merged, newer than its last score; an erased one is forgotten."""
    if work.state.status == "erased":
        return forgotten(work.lead_id)
    unscored = dict.fromkeys(("probability", "grade", "log_odds", "model_version"))
    return _announced(
        work,
        {
            "score_version": work.score_version + 1,
            "as_of": moment(work.state.known),
            **unscored,
            "reasons": [],
        },
        demo=demo,
    )


def forgotten(lead_id: UUID) -> Outgoing:
    """That lead.scored.v1 is to forget a lead."""
    return Outgoing(LEAD_SCORED, str(lead_id), None)


def unwritten(lead_id: UUID) -> Outgoing:
    """That whoever reads lead.messages.v1 is to forget what a lead wrote, and what was answered."""
    return Outgoing(LEAD_MESSAGES, str(lead_id), None)


def _announced(work: Work, said: Mapping[str, Any], *, demo: bool) -> Outgoing:
    value = {
        "lead_id": work.lead_id,
        **said,
        # A subject that is an address would be personal data, which lead.scored.v1 does not carry.
        "external_ids": [
            {"source": source, "subject": subject}
            for source, subject in work.state.subjects().items()
            if "@" not in str(subject)
        ],
        "status": work.status,
        **({"merged_into": work.merged_into} if work.merged_into else {}),
        "demo": demo,
    }
    return Outgoing(LEAD_SCORED, str(work.lead_id), orjson.dumps(value))


def message(intake: Intake, work: Work, grade: str | None) -> Outgoing | None:
    """What a person wrote, for the responder. Declared history is not answered: it was, or it is too late."""
    event, state = intake.event, work.state
    written = event.type == "crm.message.received" and event.data.get("text")
    if not written or intake.history or state.status == "erased":
        return None
    value = {
        "lead_id": work.lead_id,
        "message": {
            "source": event.source,
            "id": event.id,
            "occurred_at": event.occurred_at,
            **{name: event.data.get(name) for name in ("channel", "subject", "text", "thread_id")},
        },
        "language": event.data.get("language") or state.value("language"),
        "grade": grade,
        "stage": state.value("stage"),
        "lead": {
            **{name: state.value(name) for name in ("name", "company", "email")},
            "attributes": state.attributes(),
        },
        "traceparent": intake.traceparent,
    }
    return Outgoing(LEAD_MESSAGES, str(work.lead_id), orjson.dumps(value))


def conflict(intake: Intake) -> Outgoing:
    """An event's id that came with another content."""
    return rejection.rejected(
        intake.record.value or b"",
        source=intake.event.source,
        connector=intake.record.topic,
        reason=ID_REUSED,
        detail="An event with this source and id was already taken with another content; the first counts.",
        event_key=f"{intake.event.source}|{intake.event.id}",
    )
