"""How each vendor proves who it is and says things: one module a vendor, with `verify` and `translate`.

Both are pure, but for the `verify` of Standard Webhooks, whose library reads the clock. `translate` never
raises, whatever JSON it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.ingest.connectors import (
    calendly,
    dynamics,
    hubspot,
    intercom,
    mail,
    odoo,
    pipedrive,
    salesforce,
    segment,
    standard,
    typeform,
)
from services.ingest.connectors.reading import Translated
from services.ingest.connectors.signing import basic_secret, standard_secret, token_secret
from services.ingest.connectors.webhook_call import Acknowledgement, Event, Untranslatable, WebhookCall
from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_json

Told = Sequence[dict[str, Any]]


def parse_body(call: WebhookCall) -> object:
    """The body as JSON. Raises InvalidEvent."""
    return parse_json(call.body)


def acknowledge(accepted: int, rejected: Told) -> Acknowledgement:
    """202, with how many events were taken and what was not, and why."""
    body = orjson.dumps({"accepted": accepted, "rejected": rejected})
    return Acknowledgement(202, "application/json", body)


@dataclass(frozen=True, slots=True)
class Connector:
    """`verify(call, secret)` raises SignatureRefused, or SecretUnusable when `secret` cannot be one.

    `parse(call)` reads the body and raises InvalidEvent. `translate(payload, call)` gives valid events, and
    an Untranslatable for each notification that is authentic but not understood. `acknowledge(accepted,
    rejected)` is the answer that the vendor wants. `attachments`: a body may be larger than an event,
    because most of it is left out. `new_secret()` makes one, where the vendor takes what it is given; None
    where the vendor gives its own.
    """

    verify: Callable[[WebhookCall, str], None]
    translate: Callable[[Any, WebhookCall], Translated]
    parse: Callable[[WebhookCall], object] = parse_body
    acknowledge: Callable[[int, Told], Acknowledgement] = acknowledge
    attachments: bool = False
    new_secret: Callable[[], str] | None = None


CONNECTORS = {
    "calendly": Connector(calendly.verify, calendly.translate, new_secret=token_secret),
    "dynamics": Connector(dynamics.verify, dynamics.translate, new_secret=token_secret),
    "hubspot": Connector(hubspot.verify, hubspot.translate),
    "intercom": Connector(intercom.verify, intercom.translate),
    "mail": Connector(
        mail.verify, mail.translate, parse=mail.parse, attachments=True, new_secret=basic_secret
    ),
    "odoo": Connector(odoo.verify, odoo.translate, new_secret=token_secret),
    "pipedrive": Connector(pipedrive.verify, pipedrive.translate, new_secret=basic_secret),
    "salesforce": Connector(
        salesforce.verify,
        salesforce.translate,
        parse=salesforce.parse,
        acknowledge=salesforce.acknowledge,
    ),
    "segment": Connector(segment.verify, segment.translate, new_secret=token_secret),
    "standard": Connector(standard.verify, standard.translate, new_secret=standard_secret),
    "typeform": Connector(typeform.verify, typeform.translate, new_secret=token_secret),
}


def read_call(connector: Connector, call: WebhookCall) -> list[tuple[bytes, Callable[[], object]]]:
    """The events of a call as `accept` takes them: raw bytes, and how to read them. What could not be read or
    translated is refused there."""
    try:
        payload = connector.parse(call)
    except InvalidEvent as error:
        return [_item(Untranslatable(error.message, call.body))]
    return [_item(one) for one in connector.translate(payload, call)]


def _item(one: Event | Untranslatable) -> tuple[bytes, Callable[[], object]]:
    if not isinstance(one, Untranslatable):
        return orjson.dumps(one), lambda: one

    def refuse() -> object:
        raise InvalidEvent(one.reason)

    return one.raw, refuse
