"""Today: whom now, and why?"""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in, wants_fragment
from services.console.answers import Queue, Status
from services.console.services import NotAllowed, NotFound, Refused, ServiceDown
from services.console.views.detail import Detail, gather

PAGE = 50
MOST = 200
GRADES: Final = ("A", "B", "C", "D")

pages = Blueprint("today", __name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What part of the queue is asked for."""

    grade: str | None
    cursor: str | None
    shown: int
    lead_id: str | None

    @classmethod
    def from_request(cls) -> "Asked":
        grade = request.args.get("grade")
        shown = request.args.get("shown", PAGE, type=int)
        return cls(
            grade if grade in GRADES else None,
            request.args.get("cursor"),
            min(max(shown, PAGE), MOST),
            request.args.get("lead"),
        )


@dataclass(frozen=True, slots=True)
class Filled:
    """The queue as far as it could be read."""

    queue: Queue | None
    status: Status | None
    down: list[str]

    @property
    def first_use(self) -> bool:
        return self.status is not None and self.status.leads_total == 0

    @property
    def scored(self) -> bool:
        return self.queue is not None and self.queue.model.version is not None


@pages.get("/")
@signed_in
def page() -> str | Response:
    """The whole page; for a script, the queue alone, or with a cursor the next rows alone. Who may not read
    leads begins with the data."""
    if not current_user.may("leads:read"):
        return redirect(url_for("data.page"))
    asked = Asked.from_request()
    filled = read(asked)
    if wants_fragment():
        template = "_more.html" if asked.cursor else "_queue.html"
        return render_template(template, asked=asked, filled=filled)
    leads = filled.queue.leads if filled.queue else []
    detail = chosen(asked.lead_id or (leads[0].lead_id if leads else None)) if filled.queue else None
    return render_template("today.html", asked=asked, filled=filled, detail=detail)


def read(asked: Asked) -> Filled:
    """Read the queue and the state of the stream. Raises NotAllowed: without the queue there is no page."""
    scoring = sessions.scoring()
    try:
        queue = scoring.queue(grade=asked.grade, limit=asked.shown, cursor=asked.cursor)
    except ServiceDown as error:
        return Filled(None, None, [error.service])
    try:
        status = scoring.status()
    except (ServiceDown, NotAllowed):
        status = None  # only the number of events that wait is unknown: the queue itself can be read
    return Filled(queue, status, [])


def chosen(lead_id: str | None) -> Detail | None:
    """The lead beside the list; a link to one that is gone shows the list alone."""
    if lead_id is None:
        return None
    try:
        return gather(lead_id)
    except (NotFound, Refused, ServiceDown):
        return None
