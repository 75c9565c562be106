"""A definition tried on a sample before it is saved: each event it would make, or why not. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.ingest.connectors.webhook_call import Untranslatable, WebhookCall
from services.ingest.sources.definition import Definition, SqlSource
from services.ingest.sources.registry import connector_of
from shared.contracts.errors import InvalidEvent


@dataclass(slots=True)
class Trial:
    """`refused` says why, item by item of the sample that made no event."""

    events: list[Mapping[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def try_sample(definition: Definition, body: bytes, content_type: str, now: datetime) -> Trial:
    """What `body` becomes. Nothing is verified and nothing is kept; of an SQL source `body` is a row, or
    several."""
    connector = connector_of(definition)
    headers = {"content-type": content_type, "webhook-id": "sample"}
    address = f"https://sample.invalid/v1/webhooks/{definition.name}"
    call = WebhookCall("POST", address, headers, body, now)
    try:
        payload = connector.parse(call)
    except InvalidEvent as error:
        return Trial(refused=[f"the sample cannot be read: {error.message}"])
    if isinstance(definition, SqlSource) and not isinstance(payload, dict | list):
        return Trial(refused=["the sample of a query is a row as JSON: an object, or a list of them"])
    trial = Trial()
    for one in connector.translate(payload, call):
        if isinstance(one, Untranslatable):
            trial.refused.append(one.reason)
        else:
            trial.events.append(one)
    return trial
