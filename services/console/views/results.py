"""Results: what did drafted replies give back? In groups for who may read them, one's own for everyone."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from services.console import sessions
from services.console.access import signed_in
from services.console.answers import Consultation, Value, ValueGroup
from services.console.catalogue import gettext, ngettext
from services.console.services import Refused, ServiceDown
from services.console.views.quality import plain_cell
from services.console.wording import span

pages = Blueprint("results", __name__)

PERIODS_DAYS: Final = (7, 30, 90, 365)
USUAL_DAYS: Final = 30
GROUPINGS: Final = ("intent", "language", "week")
COLUMNS: Final = tuple(ValueGroup.model_fields)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page tells: of everyone, by group, and of the reader; None where they may not read it."""

    everyone: ValueGroup | None
    grouped: Value | None
    own: ValueGroup | None
    assumed: dict[str, float]
    consultations: list[Consultation]


@pages.get("/results")
@signed_in
def page() -> str:
    if not (current_user.may("value:read") or current_user.may("drafts:decide")):
        abort(403)
    try:
        shown = _shown()
    except ServiceDown as error:
        return render_template("results.html", down=[error.service], shown=None, days=_days(), by=_by())
    return render_template(
        "results.html",
        down=[],
        shown=shown,
        title=_title(shown.everyone or shown.own),
        periods=PERIODS_DAYS,
        days=_days(),
        by=_by(),
    )


@pages.get("/results.csv")
@signed_in
def as_csv() -> Response:
    """The groups that the page shows, for a spreadsheet; what is withheld there is empty here."""
    value = sessions.responder().value(since=_since(), by=_by())
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for group in value.groups:
        writer.writerow([plain_cell(getattr(group, name)) for name in COLUMNS])
    headers = {"Content-Disposition": "attachment; filename=results.csv"}
    return Response("\ufeff" + text.getvalue(), mimetype="text/csv", headers=headers)


@pages.post("/results/consultation")
@signed_in
def record() -> AnyResponse:
    """Record that the staff was consulted, or, without a day, that it no longer holds."""
    held_on, note = request.form.get("held_on") or None, request.form.get("note", "").strip()
    try:
        sessions.responder().record_consultation(held_on=held_on, note=note)
    except Refused:
        flash(gettext("Not recorded: give a day that is over, and with whom it was held."))
    else:
        flash(gettext("Recorded, with your name.") if held_on else gettext("Taken back, with your name."))
    return redirect(url_for("results.page", days=_days(), by=_by()))


def _shown() -> Shown:
    responder, since = sessions.responder(), _since()
    everyone = grouped = own = None
    assumed: dict[str, float] = {}
    consultations: list[Consultation] = []
    if current_user.may("value:read"):
        whole, grouped = responder.value(since=since), responder.value(since=since, by=_by())
        everyone, assumed = _only(whole), whole.assumed
        consultations = responder.consultations()
    if current_user.may("drafts:decide"):
        mine = responder.value(since=since, mine=True)
        own, assumed = _only(mine), mine.assumed
    return Shown(everyone, grouped, own, assumed, consultations)


def _only(value: Value) -> ValueGroup | None:
    return value.groups[0] if value.groups else None


def _title(group: ValueGroup | None) -> str:
    """The answer to the page's question."""
    if group is None or not group.approved:
        return gettext("No reply was approved yet")
    if group.first_reply_median_h is None:
        return ngettext("%(num)s reply approved", "%(num)s replies approved", group.approved)
    return ngettext(
        "%(num)s reply approved, %(span)s after the message",
        "%(num)s replies approved, half of them within %(span)s",
        group.approved,
        span=span(group.first_reply_median_h),
    )


def _days() -> int:
    asked = request.values.get("days", type=int)
    return asked if asked in PERIODS_DAYS else USUAL_DAYS


def _by() -> str:
    asked = request.values.get("by")
    return asked if asked in GROUPINGS else GROUPINGS[0]


def _since() -> str:
    return (datetime.now(UTC) - timedelta(days=_days())).isoformat()
