"""How each vendor signs and says things: one module a vendor, with `verify` and `translate`, both pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.ingest.connectors import hubspot, standard
from services.ingest.connectors.delivery import Delivery

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Connector:
    """`verify(delivery, secret)` raises SignatureRefused. `translate(payload, delivery)` gives the events,
    and raises Untranslatable for what is authentic but not understood."""

    verify: Callable[[Delivery, str], None]
    translate: Callable[[Any, Delivery], Sequence[Event]]


CONNECTORS = {
    "hubspot": Connector(hubspot.verify, hubspot.translate),
    "standard": Connector(standard.verify, standard.translate),
}
