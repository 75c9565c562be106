"""Standard Webhooks: a signed JSON body with `type`, `timestamp` and `data` as in the event contract.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from services.ingest.connectors.webhook_call import SignatureRefused, Untranslatable, WebhookCall

SOURCE = "standard"


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused."""
    webhook = Webhook(secret)
    try:
        webhook.verify(call.body, dict(call.headers), json_parse=False)
    # Malformed headers and bodies come out of the library as ValueErrors of several kinds.
    except (WebhookVerificationError, ValueError) as error:
        raise SignatureRefused(
            "webhook-id, webhook-timestamp or webhook-signature is missing, stale or does not match"
        ) from error


def translate(payload: Any, call: WebhookCall) -> list[dict[str, Any]]:
    """The one event of the body; its id is the webhook's. Raises Untranslatable."""
    if not isinstance(payload, dict) or not {"type", "timestamp", "data"} <= payload.keys():
        raise Untranslatable("the body is a JSON object with type, timestamp and data")
    event = {
        "specversion": "1.0",
        "id": call.headers["webhook-id"],
        "source": SOURCE,
        "type": payload["type"],
        "time": payload["timestamp"],
        "data": payload["data"],
    }
    if payload.get("subject") is not None:
        event["subject"] = payload["subject"]
    return [event]
