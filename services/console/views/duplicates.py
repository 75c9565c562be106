"""Duplicates: are these two the same?"""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in
from services.console.answers import Done
from services.console.catalogue import gettext
from services.console.refusals import refusal
from services.console.services import Conflict, NotAllowed, NotFound, Refused, ServiceDown, ServiceError

pages = Blueprint("duplicates", __name__)

FIELDS = ("name", "company", "email", "phone", "owner", "source")


@pages.get("/data/duplicates")
@signed_in
def page() -> str:
    """One pair, the likeliest first; `done` and `dismissed` name what may be undone."""
    down: list[str] = []
    found = None
    try:
        found = sessions.scoring().duplicates(limit=1, cursor=request.args.get("cursor"))
    except ServiceDown as error:
        down.append(error.service)
    return render_template(
        "duplicates.html",
        found=found,
        pair=found.duplicates[0] if found and found.duplicates else None,
        down=down,
        fields=FIELDS,
        may_decide=current_user.may("leads:merge"),
    )


@pages.post("/data/duplicates/<uuid:duplicate_id>")
@signed_in
def decide(duplicate_id: UUID) -> Response:
    """`keep` names the lead that stays; without, the two are not the same."""
    scoring, pair = sessions.scoring(), str(duplicate_id)
    keep = request.form.get("keep")
    if keep:
        done = _told(lambda: scoring.merge_duplicate(pair, keep))
        return _back(done=done.regrouping_id) if done else _back()
    done = _told(lambda: scoring.settle_duplicate(pair, "dismiss"))
    return _back(dismissed=pair) if done else _back()


@pages.post("/data/duplicates/<uuid:duplicate_id>/reopen")
@signed_in
def reopen(duplicate_id: UUID) -> Response:
    if _told(lambda: sessions.scoring().settle_duplicate(str(duplicate_id), "reopen")):
        flash(gettext("The pair waits again."))
    return _back()


@pages.post("/regroupings/<uuid:regrouping_id>/undo")
@signed_in
def undo(regrouping_id: UUID) -> Response:
    """Undo a merge or a split; back to the lead when one is named."""
    if _told(lambda: sessions.scoring().undo_regrouping(str(regrouping_id))):
        flash(gettext("Undone. Each lead is again what its own events make of it."))
    return _back_to_lead()


@pages.post("/leads/<uuid:lead_id>/split")
@signed_in
def split(lead_id: UUID) -> Response:
    """Give what came by the chosen identifiers a lead of its own."""
    chosen = request.form.getlist("identity", type=int)
    if not chosen:
        flash(gettext("Nothing was split: choose at least one identifier."))
        return redirect(url_for("leads.page", lead_id=lead_id))
    done = _told(lambda: sessions.scoring().split(str(lead_id), chosen))
    if done and done.new_lead_id:
        flash(gettext("Split. This is the new lead; the other one keeps the rest."))
        return redirect(url_for("leads.page", lead_id=done.new_lead_id))
    return redirect(url_for("leads.page", lead_id=lead_id))


def _told(act: Callable[[], Done]) -> Done | None:
    """What was done; None when it could not be, which is said on the next page."""
    try:
        return act()
    except Conflict as error:
        flash(gettext("Nothing was changed. %(detail)s", detail=refusal(error.detail)))
    except NotFound:
        flash(gettext("Nothing was changed: it is not there any more."))
    except NotAllowed:
        flash(gettext("Your role does not allow deciding which leads are one. Ask an administrator."))
    except Refused:
        abort(400)
    except ServiceError:
        flash(gettext("Nothing was changed: the service does not answer. Try again."))
    return None


def _back(*, done: str | None = None, dismissed: str | None = None) -> Response:
    cursor = request.form.get("cursor") or None
    return redirect(url_for("duplicates.page", cursor=cursor, done=done, dismissed=dismissed))


def _back_to_lead() -> Response:
    try:
        lead = UUID(request.form.get("lead", ""))
    except ValueError:
        return _back()
    return redirect(url_for("leads.page", lead_id=lead))
