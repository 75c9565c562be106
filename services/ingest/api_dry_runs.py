"""What a payload would become: translated and checked, nothing published."""

from datetime import UTC, datetime

import orjson
from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel

from services.ingest.accept import SINGLE, Accepted, Sender, accept, split
from services.ingest.api_rejected import Words
from services.ingest.connectors import read_call
from services.ingest.connectors.webhook_call import WebhookCall
from services.ingest.sources.registry import Registry, SourcesUnread
from shared.contracts.errors import InvalidEvent
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.http import Problem, answer, principal, requires, unavailable

MOST_EVENTS = 50


class DryRunQuery(BaseModel):
    source: Words | None = None
    """Whose payload it is; without, it is read as CloudEvents."""


def create_blueprint(sources: Registry) -> APIBlueprint:
    api = APIBlueprint("dry_runs", __name__, url_prefix="/v1")

    @api.post("/dry-runs")
    @requires("dry-runs:run")
    def dry_run(query: DryRunQuery) -> Response:
        """The events of a body as they would be published, and what would be refused. Signatures are not
        looked at. Give the events to POST /v1/dry-runs of scoring to see what they would change."""
        if request.content_length is None:
            raise Problem(411, "Length required", "Send the body with its Content-Length.")
        if request.content_length > MAX_EVENT_BYTES:
            raise Problem(413, "The body is too large", f"At most {MAX_EVENT_BYTES:,} bytes.")
        body = request.get_data(cache=False)
        accepted = _call(body, query.source, sources) if query.source else _events(body)
        return answer(
            {
                "events": [orjson.loads(one.value or b"null") for one in accepted.outgoing[:MOST_EVENTS]],
                "left_out": max(0, len(accepted.outgoing) - MOST_EVENTS),
                "duplicates": accepted.duplicates,
                "rejected": [
                    {"index": one.index, "id": one.id, "error": one.error}
                    for one in accepted.refused[:MOST_EVENTS]
                ],
            }
        )

    return api


def _sender() -> Sender:
    caller = principal()
    return Sender(source=caller.source, history="events:history" in caller.scopes)


def _call(body: bytes, name: str, sources: Registry) -> Accepted:
    try:
        source = sources.find(name)
    except SourcesUnread as error:
        raise unavailable("The database does not answer, so this source is not known yet.") from error
    if source is None:
        raise Problem(404, "No such source", "Leave source out for CloudEvents.")
    now = datetime.now(UTC)
    headers = {name.lower(): value for name, value in request.headers.items()}
    # A sample rarely comes with the header that names it.
    call = WebhookCall("POST", "", {"webhook-id": "dry-run", **headers}, body, now)
    return accept(read_call(source.connector, call), _sender(), now)


def _events(body: bytes) -> Accepted:
    try:
        return accept(split(body, request.mimetype or SINGLE), _sender(), datetime.now(UTC))
    except InvalidEvent as error:
        raise Problem(400, "The body cannot be read", error.message) from error
