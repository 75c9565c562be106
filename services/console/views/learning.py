"""Learning: what did approved replies teach? One learns, reads what it brought, and takes it back."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in
from services.console.answers import Tuning
from services.console.catalogue import gettext
from services.console.services import NotFound, ServiceDown

pages = Blueprint("learning", __name__)


@pages.get("/knowledge/learning")
@signed_in
def page() -> str:
    try:
        tunings = sessions.responder().tunings()
    except ServiceDown as error:
        return render_template("learning.html", down=[error.service], tunings=[], title=_title([]))
    return render_template(
        "learning.html",
        down=[],
        tunings=tunings,
        title=_title(tunings),
        may_write=current_user.may("knowledge:write"),
    )


@pages.post("/knowledge/learning")
@signed_in
def learn() -> Response:
    sessions.responder().ask_tuning()
    flash(gettext("Learning has begun: reload this page in a minute."))
    return redirect(url_for("learning.page"))


@pages.post("/knowledge/learning/use")
@signed_in
def use_tuning() -> Response:
    """Use one that was learnt, or (without an id) none."""
    tuning_id = request.form.get("tuning_id") or None
    comment = request.form.get("comment", "").strip()
    try:
        sessions.responder().use_tuning(tuning_id, comment=comment)
    except NotFound:
        flash(gettext("Nothing was changed: that one is not known any more."))
    else:
        flash(
            gettext("In use from the next message on.")
            if tuning_id
            else gettext("No longer used, from the next message on.")
        )
    return redirect(url_for("learning.page"))


def _title(tunings: list[Tuning]) -> str:
    """The answer to the page's question."""
    used = next((one for one in tunings if one.in_use), None)
    if used is not None and used.top1_before is not None and used.top1_after is not None:
        return gettext(
            "The right reply comes first for %(after)s messages in 100, %(before)s before",
            after=round(100 * used.top1_after),
            before=round(100 * used.top1_before),
        )
    if tunings and tunings[0].status == "asked":
        return gettext("Learning from approved replies")
    return gettext("Nothing learnt from approvals is used yet")
