"""Odoo's "Send Webhook Notification" action: a flat JSON object. The secret is in the address: `?secret=`.

https://www.odoo.com/documentation/18.0/applications/studio/automated_actions.html
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    amount,
    as_object,
    attributes,
    event,
    from_naive,
    hydrate,
    identity,
    required,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import in_query, same
from services.ingest.connectors.webhook_call import Event, SignatureRefused, WebhookCall

SOURCE = "odoo"
ENVELOPE = {"_id", "_model", "_action", "id"}
NAMES = ("contact_name", "partner_name", "name", "email_from", "email", "email_normalized", "phone", "mobile")
# Odoo's own score is 0 or 100 of what is archived, too: it tells the outcome, and not even rightly.
OUTCOME = {
    "probability", "automated_probability", "won_status", "active", "stage_id", "lost_reason_id",
    "date_closed", "day_close", "expected_revenue", "prorated_revenue",
}  # fmt: skip
BOOKKEEPING = {
    "write_date", "create_date", "write_uid", "create_uid", "user_id", "display_name", "__last_update",
    "partner_id", "company_id", "message_ids", "date_last_stage_update",
}  # fmt: skip


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused."""
    if not same(in_query(call, "secret"), secret):
        raise SignatureRefused("the address has no ?secret=, or another one")


def translate(payload: Any, call: WebhookCall) -> Translated:
    """One event about the record, with the fields that the action was told to send."""
    return translate_each([payload], lambda one: _events(one, call), call)


def _events(payload: Any, call: WebhookCall) -> Iterator[Event]:
    # An empty field is false.
    told = {name: value for name, value in as_object(payload).items() if value is not False}
    model = told.get("_model")
    record = required(identity(told.get("_id")), "_id")
    if model not in ("crm.lead", "res.partner"):
        raise NotUnderstood(f"model {short(model)} is not handled")
    changed = from_naive(told.get("write_date"))
    base: dict[str, Any] = {
        "source": SOURCE,
        "event_id": _event_id(str(model), record, changed, call),
        "time": changed or call.received_at.isoformat(),
        "subject": f"{model}:{record}",
    }
    if told.get("won_status") == "won":
        yield event("crm.lead.converted", **base, amount=amount(told.get("expected_revenue")))
        return
    if told.get("won_status") == "lost":
        yield event("crm.lead.lost", **base, amount=amount(told.get("expected_revenue")))
        return
    yield event(
        "crm.lead.updated",
        **base,
        lead=_lead(str(model), told),
        owner=identity(told.get("user_id")),
        amount=amount(told.get("expected_revenue")),
        hydrate=hydrate("odoo", str(model), record) if told.keys() <= ENVELOPE else None,
    )


def _event_id(model: str, record: str, changed: str | None, call: WebhookCall) -> str:
    """Odoo gives no id and never sends twice. With write_date the content tells one call from another.

    Without it, a lead that goes back to what it was would look like a repeat: the moment of receipt is added.
    """
    content = hashlib.sha256(call.body).hexdigest()[:32]
    return f"{model}:{record}:{changed or call.received_at.isoformat()}:{content}"


def _lead(model: str, told: Any) -> dict[str, Any]:
    name, company = ("contact_name", "partner_name") if model == "crm.lead" else ("name", "parent_name")
    kept = attributes(told, leave_out={*ENVELOPE, *NAMES, *OUTCOME, *BOOKKEEPING, company})
    # The number of a linked record is a name: no quantity.
    kept |= {name: identity(value) for name, value in kept.items() if name.endswith("_id")}
    return {
        "email": text(told.get("email_from")) or text(told.get("email")),
        "phone": text(told.get("phone")) or text(told.get("mobile")),
        "name": text(told.get(name)),
        "company": text(told.get(company)),
        "attributes": kept,
    }
