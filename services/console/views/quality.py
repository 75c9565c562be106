"""Quality: is anything missing? What to mend first, who answers for it, and every field of every source."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from services.console import sessions
from services.console.access import signed_in
from services.console.answers import Quality, QualityField
from services.console.catalogue import gettext, ngettext
from services.console.services import Refused, ServiceDown

pages = Blueprint("quality", __name__)

FIELDS_A_PAGE = 50
FIELDS_A_CALL = 1_000
FINDINGS_SHOWN = 8
SORTS = ("cost", "field", "missing", "problems", "conflicts", "age")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("source", "field", "records", "missing", "completeness", "invalid", "conflicts", "last_at", "cost")


@pages.get("/data/quality")
@signed_in
def page() -> str:
    try:
        quality = _read(limit=FIELDS_A_PAGE, findings=500, cursor=request.args.get("cursor"))
    except ServiceDown as error:
        return render_template("quality.html", down=[error.service], quality=None)
    return render_template(
        "quality.html",
        down=[],
        quality=quality,
        title=headline(quality),
        asked=_asked(),
        sort=_sort(),
        source=request.args.get("source"),
        shown=FINDINGS_SHOWN,
    )


@pages.post("/data/quality/owner")
@signed_in
def set_owner() -> AnyResponse:
    """Name the owner of a source or of a field; an empty name takes the owner away."""
    source, field = request.form["source"], request.form.get("field") or None
    name, email = request.form["name"].strip(), request.form.get("email", "").strip() or None
    try:
        sessions.scoring().set_owner(source=source, field=field, name=name, email=email)
    except Refused:
        flash(gettext("Not kept: this is not an e-mail address."))
    else:
        flash(
            gettext("Kept: %(name)s answers for it.", name=name)
            if name
            else gettext("Nobody answers for it any more.")
        )
    return redirect(url_for("quality.page", **_asked()))


@pages.get("/data/quality.json")
@signed_in
def as_json() -> Response:
    """The whole report, every field."""
    whole = _read(limit=1, findings=500)
    body = whole.model_copy(update={"fields": list(_every_field()), "next_cursor": None}).model_dump_json()
    return _download(body, "application/json", "json")


@pages.get("/data/quality.csv")
@signed_in
def as_csv() -> Response:
    """Every field with its figures and its owner, for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "owner"])
    for row in _every_field():
        cells = [getattr(row, name) for name in COLUMNS] + [row.owner.name if row.owner else None]
        writer.writerow([plain_cell(cell) for cell in cells])
    return _download("\ufeff" + text.getvalue(), "text/csv", "csv")


def plain_cell(value: object) -> str:
    """The cell's text; one that a spreadsheet would run as a formula begins with an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def headline(quality: Quality) -> str:
    """The answer to the page's question."""
    if quality.as_of is None:
        return gettext("Being counted") if quality.pending else gettext("Nothing has come in yet")
    if not quality.findings:
        return gettext("Nothing is missing that can be seen")
    return ngettext(
        "%(num)s thing to mend: %(first)s",
        "%(num)s things to mend, first of all %(first)s",
        quality.findings_total,
        first=quality.findings[0].text,
    )


def _read(**query: str | int | None) -> Quality:
    return sessions.scoring().quality(sort=_sort(), source=request.args.get("source"), **query)


def _asked() -> dict[str, Any]:
    """What the address says of this page, to come back to it."""
    return {name: request.args[name] for name in ("source", "sort", "cursor") if name in request.args}


def _sort() -> str:
    asked = request.args.get("sort")
    return asked if asked in SORTS else SORTS[0]


def _every_field() -> Iterator[QualityField]:
    cursor: str | None = None
    while True:
        part = _read(limit=FIELDS_A_CALL, findings=0, cursor=cursor)
        yield from part.fields
        if (cursor := part.next_cursor) is None:
            return


def _download(body: str, mimetype: str, ending: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename=quality.{ending}"}
    return Response(body, mimetype=mimetype, headers=headers)
