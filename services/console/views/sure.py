"""Sure replies, read one under the other and approved together; and what can still be taken back."""

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in
from services.console.answers import Draft, Problem, SentenceSource
from services.console.catalogue import gettext, ngettext
from services.console.composing import content_of, passages
from services.console.services import Conflict, NotAllowed, NotFound, Refused, ServiceDown
from services.console.wording import draft_lead

MOST = 50

pages = Blueprint("sure", __name__)


@dataclass(frozen=True, slots=True)
class SurePanel:
    draft: Draft
    sources: list[SentenceSource]


@pages.get("/drafts/sure")
@signed_in
def listing() -> str:
    """Each message and its reply, whole."""
    try:
        drafts = sessions.responder().drafts(status="waiting", limit=MOST, sure="true")
    except ServiceDown as error:
        return render_template("drafts_sure.html", panels=[], down=[error.service])
    panels = [SurePanel(draft, passages(draft)) for draft in drafts]
    return render_template("drafts_sure.html", panels=panels, down=[])


@pages.post("/drafts/sure")
@signed_in
def approve() -> Response:
    """Approve what was ticked; the hash of what stood on the page goes along, so that nothing else is."""
    shown = [_shown(one) for one in request.form.getlist("shown")[:MOST]]
    if not shown:
        flash(gettext("Nothing was ticked, so nothing was approved."))
        return redirect(url_for("sure.listing"))
    responder = sessions.responder()
    try:
        drafts = {draft_id: responder.draft(draft_id) for draft_id, _ in shown}
        outcomes = responder.approve_together(
            [(content_of(drafts[draft_id]), sha256) for draft_id, sha256 in shown]
        )
    except ServiceDown:
        flash(gettext("The service does not answer. Look here what was approved before you try again."))
        return redirect(url_for("sure.leaving"))
    except NotAllowed:
        flash(gettext("Your role does not allow deciding on replies. Ask an administrator."))
        return redirect(url_for("sure.listing"))
    approved = sum(outcome.problem is None for outcome in outcomes)
    if approved:
        flash(ngettext("%(num)s reply approved.", "%(num)s replies approved.", approved))
    for outcome in outcomes:
        if outcome.problem:
            name, why = draft_lead(drafts[outcome.draft_id]), _why(outcome.problem)
            flash(gettext("Not approved, nothing was sent to %(name)s: %(why)s", name=name, why=why))
    return redirect(url_for("sure.leaving" if approved else "sure.listing"))


@pages.get("/drafts/leaving")
@signed_in
def leaving() -> str:
    try:
        drafts, down = sessions.responder().drafts(recallable="true", limit=MOST), []
    except ServiceDown as error:
        drafts, down = [], [error.service]
    return render_template("drafts_leaving.html", drafts=drafts, down=down)


@pages.post("/drafts/leaving")
@signed_in
def take_back() -> Response:
    """Take one back, or all that the page listed."""
    responder, back, late = sessions.responder(), 0, 0
    for one in request.form.getlist("one") or request.form.getlist("all")[:MOST]:
        draft_id, version = _version(one)
        try:
            responder.take_back(draft_id, version=version)
            back += 1
        except (Conflict, NotFound, Refused):
            late += 1
        except (ServiceDown, NotAllowed):
            flash(gettext("Nothing more was taken back: try again at once, or ask someone who may."))
            break
    if back:
        flash(
            ngettext(
                "%(num)s reply taken back: it was not sent.",
                "%(num)s replies taken back: they were not sent.",
                back,
            )
        )
    if late:
        flash(
            ngettext(
                "%(num)s could not be taken back any more.", "%(num)s could not be taken back any more.", late
            )
        )
    return redirect(url_for("sure.leaving"))


def _shown(value: str) -> tuple[str, str]:
    """(draft id, SHA-256 of what stood on the page)."""
    draft_id, _, sha256 = value.partition(":")
    if not sha256:
        abort(400)
    return draft_id, sha256


def _version(value: str) -> tuple[str, int]:
    draft_id, _, version = value.partition(":")
    if not version.isdigit():
        abort(400)
    return draft_id, int(version)


def _why(problem: Problem) -> str:
    if problem.superseded_by:
        return gettext("they wrote again.")
    match problem.status:
        case 409 | 404:
            return gettext("it was changed or decided on meanwhile.")
        case 422:
            return gettext("it is not sure enough to go out with others: read it alone.")
        case _:
            return gettext("the service did not answer.")
