"""Decisions on a draft: approve, reject, answer with another text, take back."""

from uuid import UUID

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import local_path, signed_in, wants_fragment
from services.console.answers import Draft
from services.console.catalogue import gettext
from services.console.composing import Unfinished, approved_content
from services.console.services import Conflict, Refused, ServiceDown, ServiceError
from services.console.views.detail import panel_of
from services.console.views.drafts import pages
from services.console.views.not_decided import again, failed, too_late, unfinished
from services.console.wording import kept_words

MAX_REASON = 500
MAX_TITLE = 200
WHY_REJECTED = ("wrong_answer", "no_reply_needed", "other")


@pages.post("/drafts/<uuid:draft_id>/answer")
@signed_in
def answer_with(draft_id: UUID) -> Response | str | tuple[str, int]:
    """Draft the reply anew from a text that the person chose; they read it, then approve."""
    version, passage_id = request.form.get("version", type=int), request.form.get("passage_id", type=UUID)
    if version is None or passage_id is None:
        abort(400)
    try:
        draft = sessions.responder().answer_with(str(draft_id), version=version, passage_id=str(passage_id))
    except Refused:
        words = gettext("This text can no longer be answered with: choose another, or write the reply.")
        return again(str(draft_id), words, 422)
    except ServiceError as error:
        return failed(str(draft_id), error)
    words = gettext("Drafted from the text you chose: read it, then approve.")
    return _done(draft, words, then=url_for("drafts.page", draft_id=draft_id))


@pages.post("/drafts/<uuid:draft_id>/approve")
@signed_in
def approve(draft_id: UUID) -> Response | str | tuple[str, int]:
    """Approve what the person saw and, in the form, wrote. What was written is never lost."""
    form = request.form
    try:
        content = approved_content(str(draft_id), form, form.getlist("marker"), form.getlist("fill"))
    except Unfinished as error:
        return again(str(draft_id), " ".join(map(unfinished, error.problems)), 422)
    except ValueError:
        abort(400)
    try:
        draft = sessions.responder().approve(
            content, keep="keep" in form, keep_as=form.get("keep_as", "").strip()[:MAX_TITLE] or None
        )
    except ServiceError as error:
        return failed(str(draft_id), error)
    if form.getlist("fill"):  # of a gap that was filled nobody expects that it is kept
        draft = draft.model_copy(update={"not_kept": None})
    approved = (
        gettext("Reply approved. It can still be taken back.")
        if draft.sends_at
        else gettext("Reply approved.")
    )
    return _done(draft, " ".join(filter(None, (approved, kept_words(draft)))), then=_onward(draft))


@pages.post("/drafts/<uuid:draft_id>/reject")
@signed_in
def reject(draft_id: UUID) -> Response | str | tuple[str, int]:
    version = request.form.get("version", type=int)
    if version is None:
        abort(400)
    reason = request.form.get("reason", "").strip()[:MAX_REASON] or None
    kind = request.form.get("kind")
    if kind not in (None, *WHY_REJECTED):
        abort(400)
    try:
        draft = sessions.responder().reject(str(draft_id), version=version, reason=reason, kind=kind)
    except ServiceError as error:
        return failed(str(draft_id), error)
    return _done(draft, gettext("Draft rejected. Nothing was sent."), then=_onward(draft))


@pages.post("/drafts/<uuid:draft_id>/recall")
@signed_in
def take_back(draft_id: UUID) -> Response | str | tuple[str, int]:
    """Take an approval back; what was approved is open again, to be changed."""
    version = request.form.get("version", type=int)
    if version is None:
        abort(400)
    try:
        draft = sessions.responder().take_back(str(draft_id), version=version)
    except Conflict:
        return too_late(str(draft_id))
    except ServiceDown:
        words = gettext("Nothing was taken back: the service does not answer. Try again at once.")
        return again(str(draft_id), words, 503)
    except ServiceError as error:
        return failed(str(draft_id), error)
    if wants_fragment():
        words = gettext("Taken back: nothing was sent.")
        return render_template("_draft.html", panel=panel_of(draft), announce=words)
    return redirect(url_for("drafts.page", draft_id=draft_id))


def _done(draft: Draft, words: str, *, then: str) -> Response | str:
    """The draft as it is now, for a script; else the page `then`, with what was done."""
    if wants_fragment():
        return render_template("_draft.html", panel=panel_of(draft), announce=words)
    flash(words)
    return redirect(then)


def _onward(draft: Draft) -> str:
    return local_path(request.form.get("next")) or url_for("leads.page", lead_id=draft.lead_id)
