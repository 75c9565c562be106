"""A lead: what do I need to know before I call?"""

from uuid import UUID

from flask import Blueprint, render_template, request

from services.console import sessions
from services.console.access import signed_in, wants_fragment
from services.console.timeline import tell
from services.console.views.detail import EVENTS_A_PAGE, gather

pages = Blueprint("leads", __name__)


@pages.get("/leads/<uuid:lead_id>")
@signed_in
def page(lead_id: UUID) -> str:
    detail = gather(str(lead_id), cursor=request.args.get("cursor"))
    return render_template("_lead.html" if wants_fragment() else "lead.html", detail=detail)


@pages.get("/leads/<uuid:lead_id>/events")
@signed_in
def older_events(lead_id: UUID) -> str:
    """The next events, older than those shown, for a script."""
    timeline = sessions.scoring().timeline(
        str(lead_id), limit=EVENTS_A_PAGE, cursor=request.args.get("cursor")
    )
    events = [tell(event) for event in timeline.events]
    return render_template("_events.html", lead_id=lead_id, events=events, older=timeline.next_cursor)
