"""A decision that was not taken: why, with what the person typed kept."""

from flask import request

from services.console import sessions
from services.console.answers import Draft
from services.console.catalogue import gettext
from services.console.services import Conflict, NotAllowed, Refused, ServiceDown, ServiceError
from services.console.views.detail import panel_of
from services.console.views.drafts import lead_of, show_panel
from services.console.wording import said


def failed(draft_id: str, error: ServiceError) -> tuple[str, int]:
    match error:
        case Conflict():
            return _conflict(draft_id)
        case ServiceDown():
            return again(
                draft_id,
                gettext("Nothing was decided: the service does not answer. Your text is kept; try again."),
                503,
            )
        case NotAllowed():
            return again(
                draft_id, gettext("Your role does not allow deciding on replies. Ask an administrator."), 403
            )
        case Refused() if set(error.fields) <= {"recipients", "sender", "body"} and error.fields:
            told = dict.fromkeys(unfinished("gap" if field == "body" else field) for field in error.fields)
            return again(draft_id, " ".join(told), 422)
        case Refused():
            return again(draft_id, gettext("Nothing was decided. %(detail)s", detail=error.detail), 422)
        case _:
            raise error


def again(draft_id: str, words: str, status: int) -> tuple[str, int]:
    """The same draft with what was typed and what to do; from the form alone when the responder is down."""
    try:
        draft = sessions.responder().draft(draft_id)
    except ServiceDown:
        draft = _from_form(draft_id)
    return _told(draft, words, status, editing=True)


def too_late(draft_id: str) -> tuple[str, int]:
    """Say why there is nothing to take back; the page then shows what became of it."""
    draft = sessions.responder().draft(draft_id)
    if draft.undecided:
        words = gettext("Somebody took it back before you. Nothing was sent.")
    elif draft.superseded_by or draft.status == "rejected":
        words = gettext("There is nothing to take back: it was not sent.")
    else:
        words = gettext("Too late to take it back: it is on its way. Write to them again if it was wrong.")
    return _told(draft, words, 409)


def _conflict(draft_id: str) -> tuple[str, int]:
    """Say who was first; if they wrote again or it changed, keep what was typed beside the new."""
    draft = sessions.responder().draft(draft_id)
    newer = sessions.responder().draft(draft.superseded_by) if draft.superseded_by else None
    if newer and newer.undecided:
        draft = newer
        words = gettext(
            "They wrote again while you were reading. Nothing was sent: read what they say now. "
            "Your text is kept."
        )
    elif newer:
        words = gettext("They wrote again, and that newer message was dealt with. Nothing more was sent.")
    elif draft.undecided:
        words = gettext(
            "The draft changed while you were reading. Nothing was sent: read it again, then decide."
        )
    else:
        words = _who_was_first(draft)
    return _told(draft, words, 409, editing=draft.undecided)


def _who_was_first(draft: Draft) -> str:
    who = draft.decided_by or gettext("Someone else")
    when = said(draft.decided_at) if draft.decided_at else ""
    if draft.status == "rejected":
        return gettext(
            "%(who)s rejected this draft first (%(when)s). Nothing more was sent.", who=who, when=when
        )
    return gettext("%(who)s approved this draft first (%(when)s). Nothing more was sent.", who=who, when=when)


def _told(draft: Draft, words: str, status: int, *, editing: bool = False) -> tuple[str, int]:
    """The draft with what happened; `editing`: in its fields, with what was typed."""
    typed = _typed() if editing else None
    panel = panel_of(draft, lead=lead_of(draft), editing=editing, typed=typed, problem=words)
    return show_panel(panel), status


def _typed() -> dict[str, str] | None:
    """What stood in the fields, gaps filled as far as they were; None when the form had no text."""
    if "body" not in request.form:
        return None
    typed = {
        name: request.form.get(name, "") for name in ("subject", "body", "recipients", "sender", "keep_as")
    }
    for marker, fill in zip(request.form.getlist("marker"), request.form.getlist("fill"), strict=False):
        if fill.strip():
            typed = {name: text.replace(marker, fill.strip()) for name, text in typed.items()}
    return typed


def _from_form(draft_id: str) -> Draft:
    form = request.form
    return Draft(
        draft_id=draft_id,
        version=form.get("version", 0, type=int),
        lead_id=form.get("lead_id", ""),
        status="waiting",
        channel=form.get("channel", "email"),
        sender=form.get("sender", ""),
        subject=form.get("subject"),
        body=form.get("body", ""),
        gaps=form.getlist("marker"),
    )


def unfinished(problem: str) -> str:
    match problem:
        case "gap":
            return gettext("Some information is still missing: fill in what is between brackets.")
        case "body":
            return gettext("The message is empty.")
        case "sender":
            return gettext("Say which address it is sent from; REPLY_SENDER sets it for everyone.")
        case _:
            return gettext("Check the recipients: each is an e-mail address.")
