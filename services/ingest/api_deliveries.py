"""What became of deliveries, and how the ingest worker is doing."""

from datetime import datetime
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.ingest import store, trace, trace_store
from services.ingest.api_rejected import Words
from shared.contracts.topics import CRM_EVENTS, DELIVERY_STEPS, SCORING_GROUP
from shared.http import Problem, answer, cursor_values, principal, requires
from shared.kafka import pauses
from shared.kafka.admin import LogEnds
from shared.kafka.errors import BrokerUnavailable
from shared.paging import page
from shared.postgres import Connection, Pool


class DeliveriesQuery(BaseModel):
    source: Words
    id: str | None = Field(None, min_length=1, max_length=400, pattern=r"^[^\x00]*$")
    outcome: str | None = Field(None, pattern="^(new|repeated|conflict)$")
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


def create_blueprint(pool: Pool, log_ends: LogEnds, topic_prefix: str) -> APIBlueprint:
    api = APIBlueprint("deliveries", __name__, url_prefix="/v1")

    @api.get("/deliveries")
    @requires("deliveries:read")
    def deliveries(query: DeliveriesQuery) -> Response:
        """With `id`: the path of one delivery. Without: what came from a source, the latest first."""
        own = principal().source
        if own not in (None, query.source):
            raise Problem(403, "Not allowed", f"This key sees only {own!r}.")
        with pool.connection() as connection:
            if query.id is None:
                return answer(_recent(connection, query))
            events = trace_store.event_steps(connection, query.source, query.id)
            rejections = trace_store.rejections_of(connection, query.source, query.id)
            scored = trace.first_scored(events) or trace_store.first_score(
                connection, {event["lead_id"] for event in events if event["unscored"] == trace.NO_MODEL}
            )
            written = (
                trace_store.writeback_steps(connection, scored["lead_id"], scored["score_version"])
                if scored
                else []
            )
            waiting = _events_waiting(connection)
        return answer(
            {
                "source": query.source,
                "id": query.id,
                "status": trace.status(events, rejections, scored, written, waiting or 0),
                "steps": trace.path(events, rejections, scored, written),
                "events_waiting": waiting,
            }
        )

    @api.get("/status")
    @requires("status:read")
    def status() -> Response:
        """How much is in quarantine, and whether the worker is paused."""
        with pool.connection() as connection:
            counts = store.count_rejected(connection, principal().source)
            paused = pauses.paused(connection)
            waiting = _events_waiting(connection)
        total = sum(row["count"] for row in counts if row["status"] == "waiting")
        return answer({"rejected_waiting": total, "events_waiting": waiting, "paused": paused})

    def _events_waiting(connection: Connection) -> int | None:
        """Events that scoring has still to read, and what it told and is still to be stored; None when Kafka
        does not say."""
        try:
            unread = log_ends.waiting(CRM_EVENTS, SCORING_GROUP)
            ends = log_ends.of(DELIVERY_STEPS)
        except BrokerUnavailable:
            return None
        read_to = store.stored_offsets(connection, topic_prefix + DELIVERY_STEPS)
        return unread + sum(max(0, end - read_to.get(number, 0)) for number, end in ends.items())

    return api


def _recent(connection: Connection, query: DeliveriesQuery) -> dict[str, Any]:
    before = cursor_values(query.cursor, datetime.fromisoformat, int)
    rows = trace_store.recent_steps(
        connection, query.source, outcome=query.outcome, before=(before[0], before[1]), limit=query.limit + 1
    )
    shown, cursor = page(rows, query.limit, lambda row: [row["at"], row["seq"]])
    return {
        "deliveries": [{k: v for k, v in row.items() if k != "seq"} for row in shown],
        "next_cursor": cursor,
    }
