"""Ingest's answers about deliveries, as the pages read them, and the calls that give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import Field

from services.console.answers import Answer
from services.console.layout import laid_out
from services.console.services import Service

PAGE = 50
LATEST = 20
MOST_REPLAYED = 10_000
"""How many ingest replays at once, the oldest first."""


class Count(Answer):
    source: str
    reason: str
    status: str
    count: int


class RejectedRow(Answer):
    rejected_id: int
    received_at: datetime
    source: str
    connector: str
    reason: str
    detail: str
    status: str


class RejectedList(Answer):
    rejected: tuple[RejectedRow, ...] = ()
    next_cursor: str | None = None
    counts: tuple[Count, ...] = ()

    def count(self, wanted: Mapping[str, str]) -> int | None:
        """How many there are of what is wanted; None when part of their text is: those are not counted."""
        if "text" in wanted:
            return None
        return sum(
            one.count
            for one in self.counts
            if all(getattr(one, name) == value for name, value in wanted.items())
        )


class Body(Answer):
    """A body as text, or, when it is none, its beginning in hexadecimal."""

    text: str | None = None
    hex: str | None = None
    bytes: int = 0

    @property
    def laid_out(self) -> str:
        return laid_out(self.text or "")


class Decision(Answer):
    at: datetime
    by_name: str
    action: str
    detail: dict[str, Any] = Field(default_factory=dict)


class Rejected(RejectedRow):
    content_type: str | None = None
    event_key: str | None = None
    raw: Body
    body: Body
    edited: bool = False
    editable: bool = True
    decisions: tuple[Decision, ...] = ()


class Done(Answer):
    status: str
    events: int = 0


class Replay(Answer):
    replay_id: str
    total: int
    replayed: int
    refused: int
    finished_at: datetime | None = None


class Step(Answer):
    step: str
    at: datetime
    outcome: str | None = None
    lead_id: str | None = None
    why_not: str | None = None
    rejected_id: int | None = None
    reason: str | None = None
    status: str | None = None
    destination: str | None = None


class Path(Answer):
    status: str
    steps: tuple[Step, ...] = ()
    events_waiting: int | None = None


class Arrival(Answer):
    """One event that came from a source; `unscored` says why it led to no score."""

    id: str
    at: datetime
    outcome: str
    lead_id: str | None = None
    score_version: int | None = None
    unscored: str | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is known of it: what it was, and whether its lead was scored."""
        stored = Step(step="stored", at=self.at, outcome=self.outcome)
        if self.outcome != "new":
            return (stored,)
        scored = "scored" if self.score_version is not None else "not_scored"
        return (stored, Step(step="scored", at=self.at, outcome=scored, why_not=self.unscored))


class Arrivals(Answer):
    deliveries: tuple[Arrival, ...] = ()
    next_cursor: str | None = None


class Paused(Answer):
    failed: int
    looked_at: int


class IngestStatus(Answer):
    rejected_waiting: int = 0
    paused: tuple[Paused, ...] = ()


class RefusedEvent(Answer):
    index: int
    id: str | None = None
    error: str


class Translated(Answer):
    events: tuple[dict[str, Any], ...] = ()
    rejected: tuple[RefusedEvent, ...] = ()


class Change(Answer):
    field: str
    before: Any = None
    after: Any = None


class TriedLead(Answer):
    lead_id: str
    new: bool


class TriedScore(Answer):
    grade: str
    probability: float


class ScoreChange(Answer):
    before: TriedScore | None = None
    after: TriedScore | None = None
    why_not: str | None = None


class Effect(Answer):
    outcome: str
    error: str | None = None
    lead: TriedLead | None = None
    changes: tuple[Change, ...] = ()
    score: ScoreChange | None = None


class Effects(Answer):
    events: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What ingest knows of deliveries. Raises as Service does."""

    ingest: Service

    def rejected(self, wanted: Mapping[str, str], cursor: str | None) -> RejectedList:
        return self.ingest.get(RejectedList, "/v1/rejected", **wanted, limit=PAGE, cursor=cursor)

    def one(self, rejected_id: int) -> Rejected:
        return self.ingest.get(Rejected, f"/v1/rejected/{rejected_id}")

    def replay(self, rejected_id: int, *, body: str | None, new_id: bool) -> Done:
        edited = {} if body is None else {"body": body}
        return self.ingest.post(Done, f"/v1/rejected/{rejected_id}/replay", {**edited, "new_id": new_id})

    def replay_all(self, wanted: Mapping[str, str]) -> Replay:
        return self.ingest.post(Replay, "/v1/rejected/replay", wanted)

    def progress(self, replay_id: str) -> Replay:
        return self.ingest.get(Replay, f"/v1/rejected/replays/{quote(replay_id, safe='')}")

    def dismiss(self, rejected_id: int, reason: str) -> Done:
        return self.ingest.post(Done, f"/v1/rejected/{rejected_id}/dismiss", {"reason": reason})

    def reopen(self, rejected_id: int) -> Done:
        return self.ingest.post(Done, f"/v1/rejected/{rejected_id}/reopen", {})

    def path(self, source: str, event_id: str) -> Path:
        return self.ingest.get(Path, "/v1/deliveries", source=source, id=event_id)

    def latest(self, source: str, cursor: str | None) -> Arrivals:
        return self.ingest.get(Arrivals, "/v1/deliveries", source=source, limit=LATEST, cursor=cursor)

    def status(self) -> IngestStatus:
        return self.ingest.get(IngestStatus, "/v1/status")

    def translate(self, payload: str, source: str | None) -> Translated:
        return self.ingest.post_raw(Translated, "/v1/dry-runs", payload.encode(), source=source)


def try_events(scoring: Service, events: Sequence[dict[str, Any]]) -> Sequence[Effect]:
    """What these events would do at scoring."""
    return scoring.post(Effects, "/v1/dry-runs", {"events": events}).events if events else ()
