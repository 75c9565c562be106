"""How each vendor signs and says things: one module a vendor, with `verify` and `translate`.

`translate` is pure. So is HubSpot's `verify`; that of Standard Webhooks is its library's, which reads the
clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.ingest.connectors import hubspot, standard
from services.ingest.connectors.webhook_call import WebhookCall

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Connector:
    """`verify(call, secret)` raises SignatureRefused. `translate(payload, call)` gives the events,
    and raises Untranslatable for what is authentic but not understood."""

    verify: Callable[[WebhookCall, str], None]
    translate: Callable[[Any, WebhookCall], Sequence[Event]]


CONNECTORS = {
    "hubspot": Connector(hubspot.verify, hubspot.translate),
    "standard": Connector(standard.verify, standard.translate),
}
