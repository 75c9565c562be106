"""Studio: what is in force, and what would happen if it were something else?"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import get_timezone
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in, wants_fragment
from services.console.catalogue import gettext
from services.console.layout import laid_out
from services.console.policy.answers import Absence, Policies, PolicyVersion
from services.console.policy.changes import changes
from services.console.policy.client import PolicyApi
from services.console.policy.places import line_of, resolved
from services.console.policy.typed import as_json, strict_json
from services.console.policy.words import parts
from services.console.refusals import refusal
from services.console.services import Conflict, Refused, ServiceDown
from services.console.wording import planned

pages = Blueprint("studio", __name__, url_prefix="/studio")
SHOWN = 50


def api() -> PolicyApi:
    """The scoring service, in the name of the person signed in."""
    return PolicyApi(sessions.scoring().service)


def in_force(listing: Policies) -> PolicyVersion | None:
    return api().policy(listing.in_force) if listing.in_force is not None else None


@pages.get("/")
@signed_in
def page() -> str:
    try:
        listing = api().policies(limit=1)
        current = in_force(listing)
        actions = api().vocabulary().words
    except ServiceDown as error:
        return render_template("studio.html", down=[error.service], listing=None, current=None)
    return render_template(
        "studio.html",
        down=[],
        listing=listing,
        current=current,
        parts=parts(current.policy, actions, current.cuts) if current else [],
        published=next((one for one in listing.publications if one.published_at), None),
    )


@pages.get("/versions")
@signed_in
def versions() -> str:
    try:
        listing = api().policies(limit=SHOWN, cursor=request.args.get("cursor"))
    except ServiceDown as error:
        return render_template("studio_versions.html", down=[error.service], listing=Policies())
    return render_template("studio_versions.html", down=[], listing=listing)


@pages.get("/compare")
@signed_in
def compare() -> str | Response:
    """Two versions side by side, in words; `a` before `b`."""
    a, b = (request.args.get(name, type=int) for name in "ab")
    if a is None or b is None:
        return redirect(url_for("studio.versions"))
    before, after = api().policy(a), api().policy(b)
    told = changes(before.policy, after.policy, api().vocabulary().words)
    return render_template("studio_compare.html", before=before, after=after, changed=told)


@pages.get("/versions/<int:version>")
@signed_in
def version(version: int) -> str:
    return _version(version)


@pages.get("/versions/<int:version>/effect")
@signed_in
def effect(version: int) -> str:
    """What publishing it now would change; on its own page without a script."""
    shown = api().policy(version)
    simulated, problem = None, ""
    try:
        simulated = api().simulate(shown.policy)
    except Conflict as error:
        problem = refusal(error.detail)
    template = "_effect.html" if wants_fragment() else "studio_effect.html"
    return render_template(template, shown=shown, effect=simulated, problem=problem)


@pages.post("/versions/<int:version>/publish")
@signed_in
def publish(version: int) -> str | Response | tuple[str, int]:
    """Now, or at a time of the page's time zone."""
    comment = request.form.get("comment", "").strip()
    later = request.form.get("when") == "later"
    at = moment_of(request.form.get("at", "")) if later else None
    if later and (at is None or at <= datetime.now(UTC)):
        return _version(version, error=gettext("Give a day and a time that are still to come.")), 422
    try:
        done = api().publish(
            version, comment=comment, at=at, on_top_of=request.form.get("on_top_of", type=int)
        )
    except Conflict as error:
        return _version(version, error=gettext("Not published. %(why)s", why=refusal(error.detail))), 409
    except Refused:
        return _version(version, error=gettext("Say why, in at most 500 characters.")), 422
    if done.published:
        flash(gettext("Version %(version)s is in force. Open leads are being graded again.", version=version))
    else:
        moment = done.due_at or datetime.now(UTC)
        flash(
            gettext("Version %(version)s will be in force %(when)s.", version=version, when=planned(moment))
        )
    return redirect(url_for("studio.page"))


@pages.post("/publications/<int:publication_id>/call-off")
@signed_in
def call_off(publication_id: int) -> Response:
    try:
        api().call_off(publication_id)
    except Conflict as error:
        flash(gettext("Nothing was changed. %(detail)s", detail=refusal(error.detail)))
    else:
        flash(gettext("Called off. The version is kept, and nothing changes."))
    return redirect(url_for("studio.page"))


@pages.route("/json", methods=["GET", "POST"])
@signed_in
def as_text() -> str | Response | tuple[str, int]:
    """The whole document as JSON: for those who want it, and for what the form does not show."""
    if request.method == "GET":
        listing = api().policies(limit=1)
        asked = request.args.get("from", type=int) or listing.in_force
        document = api().policy(asked).policy if asked is not None else listing.defaults
        return render_template(
            "studio_json.html", text=laid_out(as_json(document)), version=asked, problems=[]
        )
    text = request.form.get("text", "").replace("\r\n", "\n")
    parsed, problems = read_json(text)
    if not problems:
        try:
            kept = api().keep(parsed, request.form.get("comment", "").strip())
        except Refused as error:
            problems = pointed(text, parsed, error)
        else:
            flash(kept_words(kept.version))
            return redirect(url_for("studio.version", version=kept.version))
    return render_template("studio_json.html", text=text, version=None, problems=problems), 422


def kept_words(version: int) -> str:
    return gettext(
        "Version %(version)s is kept as a draft. It has no effect until it is published.", version=version
    )


@pages.get("/absences")
@signed_in
def absences() -> str:
    return _absences()


@pages.post("/absences")
@signed_in
def add_absence() -> str | Response | tuple[str, int]:
    typed = {
        name: request.form.get(name, "").strip() for name in ("owner", "first_day", "last_day", "stand_in")
    }
    try:
        api().add_absence({name: value or None for name, value in typed.items()})
    except Refused as error:
        return _absences(typed, error=refusal(error.reasons[0].removeprefix("Value error, "))), 422
    flash(gettext("The absence is noted. Deadlines and next actions follow it."))
    return redirect(url_for("studio.absences"))


@pages.post("/absences/<int:absence_id>/remove")
@signed_in
def remove_absence(absence_id: int) -> Response:
    api().remove_absence(absence_id)
    flash(gettext("The absence is taken back."))
    return redirect(url_for("studio.absences"))


def _absences(typed: dict[str, str] | None = None, *, error: str = "") -> str:
    today = datetime.now(UTC).date()
    down: list[str] = []
    found: Sequence[Absence] = ()
    try:
        found = api().absences().absences
    except ServiceDown as problem:
        down = [problem.service]
    return render_template(
        "studio_absences.html", down=down, absences=found, today=today, typed=typed or {}, error=error
    )


def _version(version: int, *, error: str = "") -> str:
    """One version, what would change, and how to put it in force."""
    listing = api().policies(limit=1)
    shown, current = api().policy(version), in_force(listing)
    actions = api().vocabulary().words
    is_current = shown.version == listing.version_in_force
    return render_template(
        "studio_version.html",
        listing=listing,
        shown=shown,
        is_current=is_current,
        parts=parts(shown.policy, actions, shown.cuts),
        changed=changes(current.policy, shown.policy, actions) if current and not is_current else [],
        times=[
            one
            for one in listing.publications
            if one.version == shown.version and one.published_by != "worker"
        ],
        error=error,
        typed=request.form,
    )


def moment_of(typed: str) -> datetime | None:
    """What a field for a local day and time holds, in the page's time zone; None when it is none."""
    try:
        local = datetime.fromisoformat(typed)
    except ValueError:
        return None
    # Not as it is: where pytz is installed Babel answers its zones, whose own offset is that of 1891.
    return local if local.tzinfo else local.replace(tzinfo=ZoneInfo(str(get_timezone() or UTC)))


def read_json(text: str) -> tuple[Any, list[dict[str, Any]]]:
    """The document, or why it is none: [{line, field, error}]."""
    try:
        parsed = strict_json(text)
    except RecursionError:
        return None, [{"line": 1, "field": "", "error": gettext("It is nested too deep.")}]
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        why = gettext("Not JSON here: a comma, a bracket or a quotation mark is missing or too many.")
        return None, [{"line": line, "field": "", "error": why}]
    return parsed, []


def pointed(text: str, parsed: Any, error: Refused) -> list[dict[str, Any]]:
    """What the service says of a document, with the line it is about."""
    told = []
    for one in error.problems or [{"field": "", "error": error.detail}]:
        path = resolved(parsed, str(one["field"]).split(".")[1:])
        why = refusal(str(one["error"]).removeprefix("Value error, "))
        told.append({"line": line_of(text, path), "field": ".".join(map(str, path)), "error": why})
    return told
