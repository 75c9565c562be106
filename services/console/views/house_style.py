"""Knowledge → House style: how do replies sound? A form of one document, with a letter as it would read."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_login import current_user
from werkzeug.wrappers import Response

from services.console import sessions, style_form
from services.console.access import signed_in, wants_fragment
from services.console.answers import HouseStyle, Letter
from services.console.catalogue import gettext
from services.console.refusals import refusal
from services.console.services import Conflict, Refused, ServiceDown
from services.console.views.knowledge import pages

GREETING_SLOTS = ("lead.address", "lead.first_name", "lead.name", "house.name")
SIGNING_SLOTS = ("rep.name", "rep.role", "rep.phone", "house.name", "house.phone", "house.calendar")
Problems = Sequence[tuple[str, str]]


@pages.get("/knowledge/style")
@signed_in
def style() -> str:
    try:
        held = sessions.responder().style()
    except ServiceDown as down:
        return render_template("style.html", style=None, down=[down.service])
    return _page(held.style, held)


@pages.post("/knowledge/style")
@signed_in
def change_style() -> str | Response | tuple[str, int]:
    """`do`: "show" the letter that the form would give, or "save" what it says."""
    typed = style_form.read(request.form)
    if request.form.get("do") != "save":
        letter, problems = _letter(typed)
        if wants_fragment():
            return render_template("_letter.html", letter=letter, problems=problems, example=_example())
        return _page(typed, sessions.responder().style(), shown=(letter, problems))
    on_top_of = request.form.get("on_top_of", 0, type=int)
    try:
        held = sessions.responder().change_style(typed, on_top_of=on_top_of)
    except Refused as error:
        return _page(typed, sessions.responder().style(), shown=(None, _told(error))), 422
    except Conflict:
        held = sessions.responder().style()
        overtaken = gettext(
            "Somebody changed the house style while you did. Nothing was kept yet: what you typed stands "
            "below, and “Write so from now on” puts it in the place of their version %(version)s.",
            version=held.version,
        )
        return _page(typed, held, error=overtaken), 409
    flash(gettext("From now on drafts are written so (version %(version)s).", version=held.version))
    return redirect(url_for("knowledge.style"))


def _page(
    shown_style: Mapping[str, Any],
    held: HouseStyle,
    *,
    shown: tuple[Letter | None, Problems] | None = None,
    error: str = "",
) -> str:
    letter, problems = shown or _letter(shown_style)
    return render_template(
        "style.html",
        style=shown_style,
        version=held.version,
        created_at=held.created_at,
        created_name=held.created_name,
        letter=letter,
        problems=problems,
        error=error,
        down=[],
        example=_example(),
        asked=style_form.asked(shown_style),
        labels={one["name"]: one["label"][str(get_locale())] for one in shown_style["fields"]},
        greeting_slots=GREETING_SLOTS,
        signing_slots=SIGNING_SLOTS,
        may_write=current_user.may("knowledge:write"),
    )


def _letter(typed: Mapping[str, Any]) -> tuple[Letter | None, Problems]:
    try:
        return sessions.responder().style_example(typed, **_example()), ()
    except Refused as error:
        return None, _told(error)


def _told(error: Refused) -> Problems:
    """The part of the form that each problem is about, and what is wrong in the page's language."""
    if not error.problems:
        return [("", refusal(error.detail))]
    parts = style_form.sections(error.problems)
    return [(part, refusal(words.removeprefix("Value error, "))) for part, words in parts]


def _example() -> dict[str, str]:
    """Whom the letter is for: what was chosen, else somebody who writes in the page's language."""
    said = {name: request.form.get(f"example.{name}", "").strip() for name in ("language", "grade", "stage")}
    if said["language"] not in style_form.LANGUAGES:
        said["language"] = str(get_locale())
    return said
