"""Deliveries: what became of each, and what was refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in, wants_fragment
from services.console.catalogue import gettext
from services.console.deliveries import (
    MOST_REPLAYED,
    Arrivals,
    Deliveries,
    Done,
    Effect,
    IngestStatus,
    Path,
    Rejected,
    RejectedList,
    Translated,
    try_events,
)
from services.console.layout import laid_out
from services.console.refusals import refusal
from services.console.services import Conflict, NotFound, Refused, ServiceDown
from services.console.wording import service_name

FILTERS = ("source", "reason", "status", "text")
MAX_WORDS = 200

pages = Blueprint("deliveries", __name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What the page shows; a part that could not be read is empty and its service in `down`."""

    rejected: RejectedList
    status: IngestStatus
    path: Path | None
    latest: Arrivals | None
    down: list[str]


@pages.get("/data/deliveries")
@signed_in
def listing() -> str:
    """Find one delivery; and what was refused, filtered."""
    wanted = _wanted()
    found = _found(wanted, request.args.get("cursor"))
    return render_template(
        "deliveries.html",
        found=found,
        wanted=wanted,
        asked=_asked(),
        may_write=_may_write(),
        continued="cursor" in request.args,
        most_replayed=MOST_REPLAYED,
    )


@pages.get("/data/deliveries/<int:rejected_id>")
@signed_in
def rejection(rejected_id: int) -> str:
    return _one(_ingest().one(rejected_id))


@pages.post("/data/deliveries/<int:rejected_id>/replay")
@signed_in
def replay(rejected_id: int) -> Response | tuple[str, int]:
    """Replay as it is or as edited; what was typed is never lost."""
    typed = request.form.get("body")
    rejected = _ingest().one(rejected_id)
    # Browsers send lines ended by CR LF: a body that is otherwise unchanged was not edited.
    body = None if typed is None else typed.replace("\r\n", "\n")
    came = (rejected.body.text or "").replace("\r\n", "\n")
    same = body in (came, laid_out(came))
    try:
        done = _ingest().replay(
            rejected_id, body=None if same else body, new_id=request.form.get("new_id") == "1"
        )
    except (Conflict, Refused) as error:
        return _one(_ingest().one(rejected_id), problem=refusal(error.detail), typed=body), 422
    except ServiceDown:
        words = gettext("Nothing was sent: the service does not answer. Your text is kept; try again.")
        return _one(rejected, problem=words, typed=body), 503
    flash(
        gettext("Replayed. It has its effect in a moment.")
        if done.events
        else gettext("It was replayed already: nothing was sent a second time.")
    )
    return redirect(url_for("deliveries.rejection", rejected_id=rejected_id))


@pages.post("/data/deliveries/<int:rejected_id>/dismiss")
@signed_in
def dismiss(rejected_id: int) -> Response | tuple[str, int]:
    reason = request.form.get("reason", "").strip()[:MAX_WORDS]
    if not reason:
        return _one(_ingest().one(rejected_id), problem=gettext("Say why it needs nothing.")), 422
    return _moved(
        rejected_id,
        lambda: _ingest().dismiss(rejected_id, reason),
        gettext("Dismissed. It stays kept, and you can take this back."),
    )


@pages.post("/data/deliveries/<int:rejected_id>/reopen")
@signed_in
def reopen(rejected_id: int) -> Response:
    return _moved(
        rejected_id, lambda: _ingest().reopen(rejected_id), gettext("The dismissal was taken back.")
    )


@pages.post("/data/deliveries/replay")
@signed_in
def replay_all() -> Response:
    """Replay all that wait and that the filters let through."""
    wanted = {
        name: request.form[name][:MAX_WORDS]
        for name in ("source", "reason", "text")
        if request.form.get(name)
    }
    job = _ingest().replay_all(wanted)
    return redirect(url_for("deliveries.progress", replay_id=job.replay_id))


@pages.get("/data/deliveries/replays/<uuid:replay_id>")
@signed_in
def progress(replay_id: UUID) -> str:
    template = "_replay.html" if wants_fragment() else "replay.html"
    return render_template(template, replay=_ingest().progress(str(replay_id)))


@pages.get("/data/deliveries/try")
@signed_in
def try_form() -> str:
    return render_template("try_payload.html", tried=None, payload="", source="", problem=None)


@pages.post("/data/deliveries/try")
@signed_in
def try_payload() -> str | tuple[str, int]:
    """What a payload would do; nothing is kept."""
    payload, source = request.form.get("payload", ""), request.form.get("source", "").strip()[:MAX_WORDS]
    try:
        translated = _ingest().translate(payload, source or None)
        effects = try_events(sessions.scoring().service, translated.events)
    except (Refused, NotFound, ServiceDown) as error:
        words = (
            refusal(error.detail)
            if isinstance(error, Refused | NotFound)
            else gettext(
                "%(service)s does not answer. What you wrote is kept; try again.",
                service=service_name(error.service),
            )
        )
        page = render_template("try_payload.html", tried=None, payload=payload, source=source, problem=words)
        return page, 503 if isinstance(error, ServiceDown) else 422
    tried = _tried(translated, effects)
    return render_template("try_payload.html", tried=tried, payload=payload, source=source, problem=None)


def _tried(translated: Translated, effects: Sequence[Effect]) -> dict[str, object]:
    pairs = list(zip(translated.events, effects, strict=True))
    return {"events": pairs, "rejected": translated.rejected}


def _ingest() -> Deliveries:
    return Deliveries(sessions.ingest().service)


def _moved(rejected_id: int, act: Callable[[], Done], done: str) -> Response:
    """Back to the rejection, with what came of it: someone else may have decided first."""
    try:
        act()
        flash(done)
    except Conflict:
        flash(gettext("Nothing was changed: someone decided before you. This is how it stands."))
    return redirect(url_for("deliveries.rejection", rejected_id=rejected_id))


def _may_write() -> bool:
    return bool(current_user.may("rejected:write"))


def _wanted() -> dict[str, str]:
    """The filters, those that wait unless another state is asked for."""
    found = {name: request.args.get(name, "").strip()[:MAX_WORDS] for name in FILTERS}
    found["status"] = found["status"] or "waiting"
    if found["status"] not in ("waiting", "replayed", "dismissed"):
        abort(404)
    return {name: value for name, value in found.items() if value}


def _asked() -> dict[str, str]:
    """The delivery that is looked for."""
    return {name: request.args.get(name, "").strip()[:400] for name in ("of", "id")}


def _found(wanted: dict[str, str], cursor: str | None) -> Found:
    ingest, asked = _ingest(), _asked()
    try:
        rejected = ingest.rejected(wanted, cursor)
        status = ingest.status() if current_user.may("status:read") else IngestStatus()
        path = latest = None
        if asked["of"] and current_user.may("deliveries:read"):
            if asked["id"]:
                path = ingest.path(asked["of"], asked["id"])
            else:
                latest = ingest.latest(asked["of"], request.args.get("before"))
        return Found(rejected, status, path, latest, [])
    except ServiceDown as error:
        return Found(RejectedList(), IngestStatus(), None, None, [error.service])


def _one(rejected: Rejected, *, problem: str | None = None, typed: str | None = None) -> str:
    of, _, event_id = (rejected.event_key or "").partition("|")
    return render_template(
        "rejection.html",
        rejected=rejected,
        problem=problem,
        typed=typed,
        may_write=_may_write(),
        follow={"of": of, "id": event_id} if event_id and current_user.may("deliveries:read") else None,
    )
