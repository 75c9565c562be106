"""The quarantine over HTTP: list, look, replay, dismiss. A source's key sees its own source only."""

import base64
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.ingest import store
from services.ingest.accept import Sender
from services.ingest.quarantine import Rejection, decision, shown_body
from services.ingest.replays import replay
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.http import Problem, answer, cursor_values, principal, requires
from shared.paging import page
from shared.postgres import Connection, Pool

log = structlog.get_logger()

MOST_REPLAYED = 10_000
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Wanted(BaseModel):
    """Which rejections; what is left out is not looked at."""

    source: Words | None = None
    reason: Words | None = None
    text: Words | None = Field(None, description="Part of the detail, in any case.")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class ListQuery(Wanted):
    status: str | None = Field(None, pattern="^(waiting|replayed|dismissed)$")
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


class RejectedPath(BaseModel):
    rejected_id: int = Field(ge=1, lt=2**63)


class ReplayPath(BaseModel):
    replay_id: UUID


class ReplayBody(BaseModel):
    """`body` (text) or `body_base64` replaces what is sent; the original stays beside it."""

    model_config = ConfigDict(extra="forbid")
    body: str | None = None
    body_base64: str | None = None
    new_id: bool = False


class ReplayMany(Wanted):
    model_config = ConfigDict(extra="forbid")
    most: int = Field(MOST_REPLAYED, ge=1, le=MOST_REPLAYED)


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Words


def create_blueprint(pool: Pool) -> APIBlueprint:
    api = APIBlueprint("rejected", __name__, url_prefix="/v1/rejected")

    @api.get("")
    @requires("rejected:read")
    def listing(query: ListQuery) -> Response:
        """What was refused and why, the latest first, with how many there are of each kind."""
        (before,) = cursor_values(query.cursor, _id)
        with pool.connection() as connection:
            rows = store.list_rejected(connection, _wanted(query), before=before, limit=query.limit + 1)
            counts = store.count_rejected(connection, principal().source)
        shown, cursor = page(rows, query.limit, lambda row: [row["rejected_id"]])
        return answer({"rejected": shown, "next_cursor": cursor, "counts": counts})

    @api.get("/<int:rejected_id>")
    @requires("rejected:read")
    def one(path: RejectedPath) -> Response:
        """One of them: raw, as it would be replayed, and what was done with it."""
        with pool.connection() as connection:
            return answer(_shown(connection, path.rejected_id))

    @api.post("/<int:rejected_id>/replay")
    @requires("rejected:write")
    def replay_one(path: RejectedPath, body: ReplayBody) -> Response:
        """Send it again the way it came. However often this is asked, it has one effect."""
        edited = _edited(body)
        with pool.connection() as connection, connection.transaction():
            rejection = _locked(connection, path.rejected_id)
            if rejection.status == "replayed" and edited is None:
                return answer({"rejected_id": path.rejected_id, "status": "replayed", "events": 0})
            _must_wait(rejection)
            if edited is not None:
                if not rejection.editable:
                    raise Problem(409, "This cannot be edited", "A service wrote it: replay it as it is.")
                store.add_edit(connection, path.rejected_id, edited, _who())
                rejection = _locked(connection, path.rejected_id)
            done = replay(connection, rejection, _sender(), _who(), new_id=body.new_id)
        if done.refused is not None:
            raise Problem(
                409 if done.refused.reason == "id_reused" else 422,
                "It is still refused, and stays in quarantine",
                str(done.refused),
                reason=done.refused.reason,
                new_id_possible=done.refused.reason == "id_reused",
            )
        log.info("rejection_replayed", rejected_id=path.rejected_id, by=principal().name)
        return answer({"rejected_id": path.rejected_id, "status": "replayed", "events": len(done.outgoing)})

    @api.post("/replay")
    @requires("rejected:write")
    def replay_many(body: ReplayMany) -> Response:
        """Replay all that wait and are wanted, the oldest first, in the background."""
        wanted = _wanted(body) | {"status": "waiting"}
        with pool.connection() as connection:
            job = store.request_replay(connection, wanted, _sender(), _who(), limit=body.most)
        log.info("replay_requested", replay_id=str(job["replay_id"]), total=job["total"], by=principal().name)
        return answer(job, 202)

    @api.get("/replays/<replay_id>")
    @requires("rejected:read")
    def replay_progress(path: ReplayPath) -> Response:
        """How far a replay of many is."""
        with pool.connection() as connection:
            job = store.replay(connection, path.replay_id)
        if job is None or principal().source not in (None, job["filter"].get("source")):
            raise Problem(404, "No such replay")
        job.pop("sender")
        return answer(job)

    @api.post("/<int:rejected_id>/dismiss")
    @requires("rejected:write")
    def dismiss(path: RejectedPath, body: Reason) -> Response:
        """Say that it needs nothing. It stays kept, and can be taken back."""
        return _move(path.rejected_id, "waiting", "dismissed", "dismissed", why=body.reason)

    @api.post("/<int:rejected_id>/reopen")
    @requires("rejected:write")
    def reopen(path: RejectedPath) -> Response:
        """Take a dismissal back."""
        return _move(path.rejected_id, "dismissed", "waiting", "reopened")

    def _move(rejected_id: int, before: str, after: str, action: str, **said: str) -> Response:
        with pool.connection() as connection, connection.transaction():
            rejection = _locked(connection, rejected_id)
            if rejection.status == before:
                store.settle(connection, [decision(rejection, after, action, **said)], _who())
            elif rejection.status != after:
                raise Problem(409, f"It was {rejection.status} already")
        return answer({"rejected_id": rejected_id, "status": after})

    return api


def _id(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value


def _wanted(query: Wanted) -> dict[str, str]:
    """As is_wanted (SQL) takes it. Raises Problem when a source's key asks for another one."""
    own = principal().source
    if own is not None and query.source not in (None, own):
        raise Problem(403, "Not allowed", f"This key sees only {own!r}.")
    found = query.model_dump(include={"source", "reason", "status", "text", "since", "until"})
    found["source"] = query.source or own
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in found.items()
        if value is not None
    }


def _who() -> store.Who:
    caller = principal()
    return caller.actor, caller.called


def _sender() -> Sender:
    caller = principal()
    return Sender(source=caller.source, history="events:history" in caller.scopes)


def _edited(body: ReplayBody) -> bytes | None:
    """The edited body of a call; None when it gives none."""
    raw = None
    try:
        if body.body_base64 is not None:
            raw = base64.b64decode(body.body_base64, validate=True)
        elif body.body is not None:
            raw = body.body.encode()
    except ValueError as error:  # no base64, or a lone surrogate, which is no text
        raise Problem(422, "The body cannot be read", "body_base64 is base64, body is text.") from error
    if raw is not None and len(raw) >= MAX_EVENT_BYTES:
        raise Problem(413, "The body is too large", f"At most {MAX_EVENT_BYTES - 1:,} bytes.")
    return raw


def _locked(connection: Connection, rejected_id: int) -> Rejection:
    found = store.rejection(connection, rejected_id, principal().source, lock=True)
    if found is None:
        raise Problem(404, "No such rejection")
    return found[0]


def _must_wait(rejection: Rejection) -> None:
    match rejection.status:
        case "dismissed":
            raise Problem(409, "It was dismissed", "Take the dismissal back first: POST …/reopen.")
        case "replayed":
            raise Problem(409, "It was replayed already", "Nothing was changed. Post a new event instead.")


def _shown(connection: Connection, rejected_id: int) -> dict[str, Any]:
    found = store.rejection(connection, rejected_id, principal().source)
    if found is None:
        raise Problem(404, "No such rejection")
    rejection, raw = found
    decisions = store.decisions(connection, rejected_id)
    for made in decisions:
        made["body"] = None if made["body"] is None else shown_body(made["body"])
    return {
        "rejected_id": rejected_id,
        "received_at": rejection.received_at,
        "source": rejection.source,
        "connector": rejection.connector,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "status": rejection.status,
        "event_key": rejection.event_key,
        "content_type": rejection.content_type,
        "raw_base64": base64.b64encode(raw).decode(),
        "raw": shown_body(raw),
        "body": shown_body(rejection.body),
        "edited": rejection.edited,
        "editable": rejection.editable,
        "decisions": decisions,
    }
