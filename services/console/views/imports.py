"""Imports: a file in, its columns confirmed, checked in words, then followed to its end."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import (
    Blueprint,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_babel import format_decimal
from markupsafe import Markup
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in, wants_fragment
from services.console.answers import ColumnDoubt, Import
from services.console.catalogue import gettext
from services.console.refusals import in_words, refusal
from services.console.services import Conflict, Refused, ServiceDown

pages = Blueprint("imports", __name__)

MAX_FILE_BYTES = 1_000_000_000
SHOWN = 20
DATES = frozenset({"created", "closed", "occurred_at"})
NUMBERS = frozenset({"attribute", "amount"})
# The cells of a row that is too wide come joined to one: it must not break the download half-way.
csv.field_size_limit(MAX_FILE_BYTES)


def roles(kind: str) -> dict[str, str]:
    """What a column may be, in words, in the order of the choice."""
    who = {
        "key": gettext("Identifier of the lead"),
        "email": gettext("E-mail"),
        "phone": gettext("Phone"),
        "name": gettext("Full name"),
        "first_name": gettext("First name"),
        "last_name": gettext("Last name"),
        "company": gettext("Company"),
        "siren": gettext("SIREN or SIRET"),
    }
    lead = {"created": gettext("Date of creation"), "closed": gettext("Date of the outcome")}
    event = {
        "occurred_at": gettext("Date of the event"),
        "type": gettext("Kind of event"),
        "event_id": gettext("Identifier of the event"),
        "subject": gettext("Subject"),
        "text": gettext("Text"),
        "url": gettext("Page or link"),
        "stage": gettext("Stage"),
        "channel": gettext("Channel"),
        "campaign": gettext("Campaign"),
    }
    rest = {
        "amount": gettext("Amount"),
        "attribute": gettext("Describes the lead"),
        "ignore": gettext("Leave out"),
    }
    return who | (event if kind == "events" else lead) | rest


def status_words(status: str) -> str:
    return {
        "received": gettext("Waits for you"),
        "checking": gettext("Being checked"),
        "checked": gettext("Checked, not started"),
        "running": gettext("Under way"),
        "done": gettext("Done"),
        "failed": gettext("Stopped"),
        "cancelled": gettext("Cancelled"),
        "expired": gettext("Never confirmed"),
    }.get(status, status)


@pages.get("/data/imports")
@signed_in
def page() -> str:
    return _listing(error=None)


@pages.post("/data/imports")
@signed_in
def upload() -> str | Response | tuple[str, int]:
    file = request.files.get("file")
    if file is None or not file.filename:
        return _listing(error=gettext("Choose a file first.")), 422
    try:
        one = sessions.ingest().upload(
            file.filename, file.stream, source=request.form.get("source", "").strip()
        )
    except Refused as error:
        return _listing(error=refusal(error.detail)), 422
    return redirect(url_for("imports.one", import_id=one.import_id))


@pages.get("/data/imports/<uuid:import_id>")
@signed_in
def one(import_id: object) -> str:
    found = sessions.ingest().read_import(str(import_id))
    return _one(found, error=None)


@pages.post("/data/imports/<uuid:import_id>")
@signed_in
def decide(import_id: object) -> str | Response | tuple[str, int]:
    """Check, start or cancel, as the button that was pressed says."""
    ingest = sessions.ingest()
    action = request.form.get("action", "check")
    found = ingest.read_import(str(import_id))
    mapping = found.mapping if found.mapping and "kind" not in request.form else chosen(found, request.form)
    if request.form.get("outcome") and "won" not in mapping and action != "cancel":
        # Left unsaid, the column that tells the outcome would describe the lead and give the answer away.
        words = gettext("Say which values are those won, or that the outcome is not in this file.")
        return _one(found.model_copy(update={"mapping": mapping}), error=words, change=True), 422
    try:
        match action:
            case "cancel":
                ingest.cancel_import(found.import_id)
            case "start":
                ingest.start_import(found.import_id, mapping)
            case _:
                ingest.check_import(found.import_id, mapping)
    except Refused as error:
        words = Markup(" ").join(refusal(one) for one in error.reasons)
        return _one(found.model_copy(update={"mapping": mapping}), error=words, change=True), 422
    except Conflict as error:
        flash(refusal(error.detail))
    return redirect(url_for("imports.one", import_id=import_id))


@pages.get("/data/imports/<uuid:import_id>/errors.csv")
@signed_in
def errors(import_id: object) -> Response:
    name = gettext("rows to mend")
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    rows = with_reasons_in_words(sessions.ingest().import_errors(str(import_id)))
    return Response(stream_with_context(rows), content_type="text/csv; charset=utf-8", headers=headers)


def with_reasons_in_words(pieces: Iterable[bytes]) -> Iterator[str]:
    """A file of refused rows with the reason of each, which is its last cell, in the page's language."""
    line = io.StringIO()
    writer = csv.writer(line)
    for *cells, reason in csv.reader(_lines(pieces)):
        writer.writerow([*cells, in_words(reason) or reason])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = ""
    for text in codecs.iterdecode(pieces, "utf-8"):
        *whole, rest = (rest + text).split("\n")
        yield from (f"{line}\n" for line in whole)
    if rest:
        yield rest


def chosen(one: Import, form: Mapping[str, str]) -> dict[str, Any]:
    """The mapping that the form says. A column's fields are numbered as the columns are."""
    columns: dict[str, dict[str, str]] = {}
    for number, name in enumerate(one.detected.columns):
        column = {"as": form.get(f"role-{number}", "ignore")}
        for about in ("date_order", "number"):
            if said := form.get(f"{about}-{number}"):
                column[about] = said
        columns[name] = column
    kind = form.get("kind", "leads")
    mapping: dict[str, Any] = {"kind": kind, "source": form.get("source", "").strip(), "columns": columns}
    if kind == "events":
        return mapping | {"types": one.proposed.mapping.get("types", {})}
    outcome = form.get("outcome", "")
    for which in ("won", "lost", "open"):
        values = [value.strip() for value in form.get(which, "").split(",") if value.strip()]
        if outcome and values:
            mapping[which] = {"column": outcome, "values": values}
    return mapping


def _matters(doubt: ColumnDoubt, mapping: dict[str, Any]) -> bool:
    """Whether the question is still open: the order of dates is none in a column that is no date."""
    column = mapping["columns"].get(doubt.column, {"as": "ignore"})
    if doubt.about == "role":
        return True
    wanted = DATES if doubt.about == "date_order" else NUMBERS
    return column["as"] in wanted and not column.get(doubt.about)


def _listing(error: str | None) -> str:
    try:
        imports = sessions.ingest().imports(limit=SHOWN).imports
        down = []
    except ServiceDown as failure:
        imports, down = [], [failure.service]
    return render_template("imports.html", imports=imports, down=down, error=error, status_words=status_words)


def _one(found: Import, error: str | None, change: bool = False) -> str:
    mapping = found.mapping or found.proposed.mapping
    kind = str(mapping.get("kind", "leads"))
    shown = {
        "one": found,
        "mapping": mapping,
        "doubts": [doubt for doubt in found.proposed.doubts if _matters(doubt, mapping)],
        "roles": roles(kind),
        "error": error,
        "asking": change
        or found.status == "received"
        or (found.status == "checked" and "change" in request.args),
        "status_words": status_words,
        "said_values": lambda which: ", ".join((mapping.get(which) or {}).get("values", ())),
        "number": format_decimal,
    }
    return render_template("_import.html" if wants_fragment() else "import.html", **shown)
