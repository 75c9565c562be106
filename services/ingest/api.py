"""The ingest service over HTTP: events and webhooks in, quarantine out.

202 means: held by Kafka, or by this host's spool until Kafka holds it.

Salesforce is told 200 instead, with the acknowledgement that it waits for.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.ingest.accept import (
    BATCH,
    CONTENT_TYPES,
    NDJSON,
    SINGLE,
    Accepted,
    Refused,
    Sender,
    accept,
    split,
)
from services.ingest.bodies import ENCODINGS, BodyTooLarge, BodyUnreadable, EncodingUnknown, read_body
from services.ingest.connectors import Connector, read_call
from services.ingest.connectors.signing import check_usable
from services.ingest.connectors.webhook_call import (
    KEPT_HEADERS,
    SecretUnusable,
    SignatureRefused,
    WebhookCall,
)
from services.ingest.durable import DurablePublisher
from services.ingest.rate_limit import Limits
from services.ingest.settings import IngestSettings
from services.ingest.sources.registry import Registry, Source, SourcesUnread
from shared.contracts.errors import InvalidEvent
from shared.contracts.rejection import rejected
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.http import Problem, answer, principal, public, requires, unavailable
from shared.kafka.errors import BrokerUnavailable, RecordTooLarge
from shared.records import Outgoing

log = structlog.get_logger()
SECRETS = "INGEST_WEBHOOK_SECRETS"
# To the others a 4xx is final: what they are told to send later must be a 503.
SENDS_AGAIN_AFTER_429 = frozenset({"hubspot", "standard"})
SIGNED = "standard"


class SourcePath(BaseModel):
    source: str = Field(max_length=100)


def _publish(publisher: DurablePublisher, records: Sequence[Outgoing]) -> None:
    try:
        publisher.publish(records)
    except BrokerUnavailable as error:
        log.warning("publish_refused", records=len(records))
        raise unavailable(
            "It could not be kept. Send the same again, with the same ids: what was kept all the same has "
            "no second effect."
        ) from error
    except RecordTooLarge as error:
        raise Problem(413, "An event is too large", "Leave attachments out.") from error


def _quarantined(
    refused: Sequence[Refused],
    source: str,
    connector: str,
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> list[Outgoing]:
    return [
        rejected(
            one.raw,
            source=source,
            connector=connector,
            reason=one.reason,
            detail=one.error,
            content_type=content_type,
            headers=headers,
        )
        for one in refused
    ]


def _told(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    return [{"index": one.index, "id": one.id, "error": one.error} for one in refused]


def _body(most: int) -> bytes:
    """The whole body, decoded. One without a length is counted as it comes, or its end would be cut off."""
    too_large = Problem(413, "The body is too large", f"At most {most:,} bytes; send it in smaller batches.")
    if (request.content_length or 0) > most:
        raise too_large
    stream = request.environ["wsgi.input"] if request.content_length is None else request.stream
    try:
        return read_body(stream, request.headers.get("Content-Encoding", "identity"), most)
    except BodyTooLarge as error:
        raise too_large from error
    except BodyUnreadable as error:
        raise Problem(
            400, "Body not readable", "It is not what its Content-Encoding says, or its end is missing."
        ) from error
    except EncodingUnknown as error:
        known = ", ".join(ENCODINGS)
        raise Problem(
            415,
            "Content-Encoding not known",
            f"Send it as it is, or as one of {known}.",
            headers={"Accept-Encoding": known},
        ) from error


def _too_fast(wait_s: float, status: int) -> Problem:
    """429, or the 503 that a vendor understands. Whole seconds, at least one."""
    seconds = str(max(1, math.ceil(wait_s)))
    return Problem(
        status,
        "Too many events",
        f"Nothing was taken. Send it again in {seconds} s.",
        headers={"Retry-After": seconds},
    )


def _read_events(sender: Sender, received_at: datetime, most_bytes: int) -> Accepted:
    content_type = request.mimetype
    if content_type not in CONTENT_TYPES:
        raise Problem(415, "Content type not known", f"Send one of {', '.join(sorted(CONTENT_TYPES))}.")
    try:
        return accept(split(_body(most_bytes), content_type), sender, received_at)
    except InvalidEvent as error:
        raise Problem(400, "The body cannot be read", error.message) from error


def _read_signed_batch(call: WebhookCall) -> Accepted:
    """CloudEvents under one signature, as /v1/events takes them; a sender signs for its own source only."""
    try:
        return accept(split(call.body, request.mimetype), Sender(SIGNED, history=False), call.received_at)
    except InvalidEvent as error:
        raise Problem(400, "The body cannot be read", error.message) from error


def _verify(connector: Connector, source: str, call: WebhookCall, secrets: Sequence[str]) -> None:
    """Accepted when one of the secrets fits: two are valid while they are rotated.

    Where none fits and one could not be used at all, the fault may be ours: never a 4xx, which vendors do
    not send again.
    """
    refusal = SignatureRefused()
    unusable = []
    for position, secret in enumerate(secrets, start=1):
        try:
            check_usable(secret)
            return connector.verify(call, secret)
        except SignatureRefused as error:
            refusal = error
        except SecretUnusable as error:
            unusable.append(f"secret {position} of {source!r}: {error}")
    if unusable:
        log.error("webhook_secret_unusable", source=source, setting=SECRETS, problems=unusable)
        raise unavailable(f"{SECRETS}: {'; '.join(unusable)}.")
    raise Problem(401, "Signature refused", str(refusal)) from refusal


def _source(sources: Registry, name: str) -> Source:
    try:
        found = sources.find(name)
    except SourcesUnread as error:
        raise unavailable("The database does not answer, so this source is not known yet.") from error
    if found is None:
        raise Problem(404, "No such source", "`eclaireur sources list` shows those that there are.")
    return found


def create_blueprint(
    publisher: DurablePublisher, settings: IngestSettings, sources: Registry, limits: Limits
) -> APIBlueprint:
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
        if wait_s := limits.keys.wait_s(caller.name):
            raise _too_fast(wait_s, 429)
        accepted = _read_events(sender, datetime.now(UTC), settings.ingest_max_body_bytes)
        limits.keys.count(caller.name, accepted.events)
        if accepted.refused and not accepted.outgoing:
            raise Problem(
                422,
                "No event was taken",
                accepted.refused[0].error,
                pointer=accepted.refused[0].pointer,
                rejected=_told(accepted.refused),
            )
        # The caller is told of each; one too large for a record is in no place but theirs.
        kept = [one for one in accepted.refused if len(one.raw) <= MAX_EVENT_BYTES]
        quarantined = _quarantined(kept, caller.source or caller.called, "events", SINGLE)
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
        source = _source(sources, path.source)
        if not source.secrets:
            # Never a 4xx, which vendors do not send again: the secret may be set in a minute.
            raise unavailable(f"{source.name!r} has no secret yet: `eclaireur sources rotate` makes one.")
        if wait_s := limits.webhooks.wait_s(f"webhook:{source.name}"):
            raise _too_fast(wait_s, 429 if source.name in SENDS_AGAIN_AFTER_429 else 503)
        call = WebhookCall(
            method=request.method,
            url=settings.ingest_public_url.rstrip("/") + request.full_path.rstrip("?"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=_body(settings.ingest_max_body_bytes),
            received_at=datetime.now(UTC),
        )
        _verify(source.connector, source.name, call, source.secrets)
        return _take(source.connector, source.name, call)

    @api.get("/webhooks/<source>")
    @public  # it says no more than the documentation does
    def webhook_address(path: SourcePath) -> Response:
        """Whether this is an address for webhooks: Intercom asks (HEAD) before it saves one."""
        return answer({"source": _source(sources, path.source).name})

    def _take(connector: Connector, source: str, call: WebhookCall) -> Response:
        """What is authentic is kept: as events, or raw in quarantine. A vendor would not send it again."""
        batch = source == SIGNED and request.mimetype in (NDJSON, BATCH)
        if batch:
            accepted = _read_signed_batch(call)
        elif len(call.body) > MAX_EVENT_BYTES and not connector.attachments:
            raise Problem(413, "The call is too large", f"At most {MAX_EVENT_BYTES} bytes.")
        else:
            items = read_call(connector, call)
            accepted = accept(items, Sender(None, history=False), call.received_at)
        limits.webhooks.count(f"webhook:{source}", accepted.events)
        # Of a mail that is too large the beginning is kept: it says whose it is.
        content_type = call.headers.get("content-type", "application/octet-stream")[:200]
        kept = {name: call.headers[name] for name in KEPT_HEADERS if name in call.headers}
        # What is refused of a batch is an event by itself, and is replayed as one.
        read_as = ("events", SINGLE) if batch else (source, content_type)
        quarantined = _quarantined(accepted.refused, source, *read_as, kept)
        _publish(publisher, [*accepted.outgoing, *quarantined])
        sources.count(source, len(accepted.outgoing), len(accepted.refused))
        told = connector.acknowledge(len(accepted.outgoing), _told(accepted.refused))
        return Response(told.body, status=told.status, content_type=told.content_type)

    return api
