"""The ingest service over HTTP: events and webhooks in, quarantine out. 202 means: held by Kafka."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.ingest import store
from services.ingest.accept import (
    CONTENT_TYPES,
    Accepted,
    Refused,
    Sender,
    accept,
    split,
)
from services.ingest.connectors import CONNECTORS, Connector
from services.ingest.connectors.webhook_call import SignatureRefused, Untranslatable, WebhookCall
from services.ingest.settings import IngestSettings
from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_json
from shared.contracts.rejection import rejected
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.http import Problem, answer, cursor_values, principal, public, requires, unavailable
from shared.kafka.errors import BrokerUnavailable, RecordTooLarge
from shared.kafka.publisher import Publisher
from shared.paging import page
from shared.postgres import Pool
from shared.records import Outgoing

log = structlog.get_logger()


class SourcePath(BaseModel):
    source: str = Field(max_length=100)


class PageQuery(BaseModel):
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


def _publish(publisher: Publisher, records: Sequence[Outgoing]) -> None:
    try:
        publisher.publish(records)
    except BrokerUnavailable as error:
        log.warning("publish_refused", records=len(records))
        raise unavailable(
            "Kafka did not confirm. Send the same again, with the same ids: what was kept all the same has "
            "no second effect."
        ) from error
    except RecordTooLarge as error:
        raise Problem(413, "An event is too large", "Leave attachments out.") from error


def _quarantined(refused: Sequence[Refused], source: str, connector: str) -> list[Outgoing]:
    # The caller is told of each; one too large for a record is in no place but theirs.
    return [
        rejected(one.raw, source=source, connector=connector, reason="invalid_event", detail=one.error)
        for one in refused
        if len(one.raw) <= MAX_EVENT_BYTES
    ]


def _told(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    return [{"index": one.index, "id": one.id, "error": one.error} for one in refused]


def _read_events(sender: Sender, received_at: datetime) -> Accepted:
    content_type = request.mimetype
    if content_type not in CONTENT_TYPES:
        raise Problem(415, "Content type not known", f"Send one of {', '.join(sorted(CONTENT_TYPES))}.")
    try:
        return accept(split(request.get_data(cache=False), content_type), sender, received_at)
    except InvalidEvent as error:
        raise Problem(400, "The body cannot be read", error.message) from error


def _verify(connector: Connector, call: WebhookCall, secrets: Sequence[str]) -> None:
    """Accepted when one of the secrets fits: two are valid while they are rotated."""
    refusal = SignatureRefused()
    for secret in secrets:
        try:
            return connector.verify(call, secret)
        except SignatureRefused as error:
            refusal = error
    raise Problem(401, "Signature refused", str(refusal)) from refusal


def create_blueprint(publisher: Publisher, pool: Pool, settings: IngestSettings) -> APIBlueprint:
    api = APIBlueprint("ingest", __name__, url_prefix="/v1")

    @api.post("/events")
    @requires("events:write")
    def events() -> Response:
        """One CloudEvent, a batch, or NDJSON. One bad event never costs the others."""
        caller = principal()
        sender = Sender(
            source=caller.source,
            history="events:history" in caller.scopes,
            traceparent=request.headers.get("traceparent"),
        )
        accepted = _read_events(sender, datetime.now(UTC))
        if accepted.refused and not accepted.outgoing:
            raise Problem(
                422,
                "No event was taken",
                accepted.refused[0].error,
                pointer=accepted.refused[0].pointer,
                rejected=_told(accepted.refused),
            )
        quarantined = _quarantined(accepted.refused, caller.source or caller.name, "events")
        _publish(publisher, [*accepted.outgoing, *quarantined])
        return answer(
            {
                "accepted": len(accepted.outgoing),
                "duplicates": accepted.duplicates,
                "rejected": _told(accepted.refused),
            },
            202,
        )

    @api.post("/webhooks/<source>")
    @public  # the signature authorizes it
    def webhook(path: SourcePath) -> Response:
        """A vendor's own payload, verified with that source's secret."""
        connector = CONNECTORS.get(path.source)
        if connector is None:
            raise Problem(404, "No such source", f"Known sources: {', '.join(sorted(CONNECTORS))}.")
        secrets = [s.get_secret_value() for s in settings.ingest_webhook_secrets.get(path.source, ())]
        if not secrets:
            # Never a 4xx, which vendors do not send again: the secret may be set in a minute.
            raise unavailable(f"No secret is set for {path.source!r} (INGEST_WEBHOOK_SECRETS).")
        call = WebhookCall(
            method=request.method,
            url=settings.ingest_public_url.rstrip("/") + request.full_path.rstrip("?"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(cache=False),
            received_at=datetime.now(UTC),
        )
        _verify(connector, call, secrets)
        return _take(connector, path.source, call)

    def _take(connector: Connector, source: str, call: WebhookCall) -> Response:
        """What is authentic is kept: as events, or raw in quarantine. A vendor would not send it again."""
        if len(call.body) > MAX_EVENT_BYTES:
            raise Problem(413, "The call is too large", f"At most {MAX_EVENT_BYTES} bytes.")
        try:
            translated = connector.translate(parse_json(call.body), call)
            items = [(orjson.dumps(event), lambda event=event: event) for event in translated]
            accepted = accept(items, Sender(None, history=False), call.received_at)
        except (InvalidEvent, Untranslatable) as error:
            accepted = Accepted(refused=[Refused(0, None, str(error), "", call.body)])
        quarantined = _quarantined(accepted.refused, source, source)
        _publish(publisher, [*accepted.outgoing, *quarantined])
        return answer({"accepted": len(accepted.outgoing), "rejected": _told(accepted.refused)}, 202)

    @api.get("/rejected")
    @requires("rejected:read")
    def list_rejected(query: PageQuery) -> Response:
        """What was refused, raw and with the reason, the latest first."""
        (before,) = cursor_values(query.cursor, int)
        with pool.connection() as connection:
            rows = store.list_rejected(connection, before=before, limit=query.limit + 1)
        shown, cursor = page(rows, query.limit, lambda row: [row["rejected_id"]])
        return answer({"rejected": shown, "next_cursor": cursor})

    return api
