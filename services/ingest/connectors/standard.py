"""Standard Webhooks: a signed JSON body with `type`, `timestamp` and `data` as in the event contract.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Iterator
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from services.ingest.connectors.reading import NotUnderstood, Translated, translate_each
from services.ingest.connectors.webhook_call import Event, SecretUnusable, SignatureRefused, WebhookCall

SOURCE = "standard"


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused, and SecretUnusable when the secret is not base64."""
    try:
        webhook = Webhook(secret)
    except (ValueError, EmptyWebhookSecretError) as error:
        raise SecretUnusable("write it as whsec_ and base64, as the sender shows it") from error
    try:
        webhook.verify(call.body, dict(call.headers), json_parse=False)
    # Malformed headers and bodies come out of the library as ValueErrors of several kinds.
    except (WebhookVerificationError, ValueError) as error:
        raise SignatureRefused(
            "webhook-id, webhook-timestamp or webhook-signature is missing, stale or does not match"
        ) from error


def translate(payload: Any, call: WebhookCall) -> Translated:
    """The one event of the body; its id is the webhook's."""

    def events(body: Any) -> Iterator[Event]:
        if not isinstance(body, dict) or not {"type", "timestamp", "data"} <= body.keys():
            raise NotUnderstood("the body is a JSON object with type, timestamp and data")
        event = {
            "specversion": "1.0",
            "id": call.headers.get("webhook-id"),
            "source": SOURCE,
            "type": body["type"],
            "time": body["timestamp"],
            "data": body["data"],
        }
        yield event if body.get("subject") is None else {**event, "subject": body["subject"]}

    return translate_each([payload], events, call)
