"""What happened to a lead, one event in one sentence."""

from dataclasses import dataclass
from typing import Any

from flask_babel import format_decimal

from services.console.answers import Event
from services.console.catalogue import gettext, ngettext


@dataclass(frozen=True, slots=True)
class Told:
    """One event in words. `text` is what was written, when the event holds a message."""

    event: Event
    sentence: str
    text: str | None = None


def tell(event: Event) -> Told:
    text = event.data.get("text")
    return Told(event, _sentence(event.type, event.data), str(text) if text else None)


def _sentence(event_type: str, data: dict[str, Any]) -> str:
    kind = event_type.removeprefix("crm.")
    area, _, what = kind.partition(".")
    match area:
        case "message":
            return _message(what, data)
        case "email":
            return _email(what, data)
        case "meeting" | "call":
            return _conversation(kind, data)
        case "lead" | "stage" | "consent":
            return _record(kind, data)
        case _:
            return _activity(kind, data)


def _message(what: str, data: dict[str, Any]) -> str:
    subject = data.get("subject")
    if what == "received":
        return gettext("Wrote: %(subject)s", subject=subject) if subject else gettext("Wrote a message")
    return gettext("Was written to: %(subject)s", subject=subject) if subject else gettext("Was written to")


def _email(what: str, data: dict[str, Any]) -> str:
    campaign = data.get("campaign")
    match what, bool(campaign):
        case "opened", True:
            return gettext("Opened the e-mail “%(campaign)s”", campaign=campaign)
        case "opened", False:
            return gettext("Opened an e-mail")
        case "clicked", True:
            return gettext("Followed a link of “%(campaign)s”", campaign=campaign)
        case "clicked", False:
            return gettext("Followed a link of an e-mail")
        case "bounced", _:
            return gettext("An e-mail did not reach its address")
        case _:
            return gettext("Unsubscribed from e-mails")


def _minutes(data: dict[str, Any]) -> str | None:
    seconds = data.get("duration_s")
    if not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return gettext("%(minutes)s min", minutes=max(1, round(seconds / 60)))


def _conversation(kind: str, data: dict[str, Any]) -> str:
    said = {
        "meeting.booked": gettext("Booked a meeting"),
        "meeting.held": gettext("Meeting held"),
        "meeting.cancelled": gettext("Meeting cancelled"),
        "call.logged": gettext("Call"),
    }.get(kind, kind)
    details = [detail for detail in (_minutes(data), data.get("outcome")) if detail]
    return (
        gettext("%(what)s: %(details)s", what=said, details=", ".join(map(str, details))) if details else said
    )


def _record(kind: str, data: dict[str, Any]) -> str:
    match kind:
        case "lead.created":
            channel = data.get("source_channel")
            return (
                gettext("Became known through %(channel)s", channel=channel)
                if channel
                else gettext("Became known")
            )
        case "lead.updated":
            return gettext("Record updated")
        case "lead.converted":
            amount = data.get("amount")
            return (
                gettext("Became a customer, for %(amount)s", amount=format_decimal(amount))
                if isinstance(amount, int | float)
                else gettext("Became a customer")
            )
        case "lead.lost":
            reason = data.get("reason")
            return gettext("Lost: %(reason)s", reason=reason) if reason else gettext("Lost")
        case "stage.changed":
            return gettext(
                "Moved from “%(before)s” to “%(after)s”",
                before=data.get("from", "–"),
                after=data.get("to", "–"),
            )
        case "consent.changed":
            purpose = data.get("purpose") or "–"
            return (
                gettext("Agreed to: %(purpose)s", purpose=purpose)
                if data.get("granted")
                else gettext("Withdrew the agreement to: %(purpose)s", purpose=purpose)
            )
        case _:
            return kind


def _activity(kind: str, data: dict[str, Any]) -> str:
    match kind:
        case "page.viewed":
            return gettext("Viewed the page %(url)s", url=_short(data.get("url")))
        case "form.submitted":
            fields = len(data.get("fields") or {})
            form = data.get("form") or "–"
            filled = gettext("Filled in the form “%(form)s”", form=form)
            count = ngettext("%(num)s field", "%(num)s fields", fields)
            return f"{filled} ({count})" if fields else filled
        case "activity.logged":
            return str(data.get("activity") or gettext("Activity")).replace("_", " ")
        case _:
            return kind


def _short(url: object) -> str:
    """The path of a web address, without the host that every page shares and without its query."""
    text = str(url or "–")
    _, separator, rest = text.partition("://")
    path = "/" + rest.partition("/")[2] if separator else text
    return path.partition("?")[0] or "/"
