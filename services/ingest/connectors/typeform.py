"""Typeform webhooks: a form was filled in.

https://www.typeform.com/developers/webhooks/secure-your-webhooks/
"""

from collections.abc import Iterator
from typing import Any

from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    as_list,
    as_object,
    attributes,
    event,
    field,
    identity,
    is_scalar,
    required,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import check_header, hmac_base64
from services.ingest.connectors.webhook_call import Event, WebhookCall

SOURCE = "typeform"
PROFILE = ("email", "phone", "name", "company")


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused."""
    check_header(call, "typeform-signature", f"sha256={hmac_base64(secret, call.body)}")


def translate(payload: Any, call: WebhookCall) -> Translated:
    """One crm.form.submitted; the lead is the first e-mail address and phone number that were answered."""
    return translate_each([payload], lambda one: _events(one, call.received_at.isoformat()), call)


def _events(payload: Any, received_at: str) -> Iterator[Event]:
    kind = field(payload, "event_type")
    if kind != "form_response":
        raise NotUnderstood(f"event type {short(kind)} is not handled")
    response = as_object(field(payload, "form_response"))
    form = required(identity(response.get("form_id")), "form_response.form_id")
    # The token names the response: the same one sent again by hand has another event_id.
    token = required(identity(response.get("token")), "form_response.token")
    hidden = as_object(response.get("hidden"))
    answers = [as_object(answer) for answer in as_list(response.get("answers"))]
    lead = {name: text(hidden.get(name)) for name in PROFILE}
    lead["email"] = _first(answers, "email") or lead["email"]
    lead["phone"] = _first(answers, "phone_number") or lead["phone"]
    yield event(
        "crm.form.submitted",
        source=SOURCE,
        event_id=f"{form}:{token}",
        time=text(response.get("submitted_at")) or received_at,
        lead={**lead, "attributes": attributes(hidden, leave_out=PROFILE)},
        form=text(field(response, "definition", "title")) or form,
        fields=_fields(response, answers),
    )


def _first(answers: list[Any], kind: str) -> str | None:
    return next((found for answer in answers if (found := text(answer.get(kind)))), None)


def _fields(response: Any, answers: list[Any]) -> dict[str, Any]:
    """What was answered, by the question's title, or by its reference when the title is not there."""
    questions = [as_object(question) for question in as_list(field(response, "definition", "fields"))]
    titles = {identity(question.get("id")): text(question.get("title")) for question in questions}
    fields: dict[str, Any] = {}
    for answer in answers:
        asked = as_object(answer.get("field"))
        name = titles.get(identity(asked.get("id"))) or text(asked.get("ref")) or text(asked.get("id"))
        value = _value(answer)
        if name is not None and value is not None:
            fields[name] = value
    return fields


def _value(answer: Any) -> Any:
    """`type` names the member that holds the value; a choice has a label, several have labels."""
    value = answer.get(answer.get("type")) if isinstance(answer.get("type"), str) else None
    if isinstance(value, dict):
        value = value.get("label") or value.get("labels") or value.get("other")
    if isinstance(value, list):
        return ", ".join(label for label in value if isinstance(label, str)) or None
    return value if is_scalar(value) else None
