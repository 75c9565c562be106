"""Data: is anything missing? The pages of what comes in, under one heading."""

from dataclasses import dataclass

from flask import Blueprint, abort, redirect, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from services.console.access import signed_in
from services.console.catalogue import gettext

pages = Blueprint("data", __name__)


@dataclass(frozen=True, slots=True)
class DataPage:
    """One page under the heading: its endpoint, its name, and the scope without which it is not shown."""

    endpoint: str
    label: str
    scope: str

    @property
    def section(self) -> str:
        """The blueprint that draws it."""
        return self.endpoint.split(".")[0]


def _pages() -> tuple[DataPage, ...]:
    return (
        DataPage("quality.page", gettext("Quality"), "quality:read"),
        DataPage("sources.page", gettext("Sources"), "sources:read"),
        DataPage("deliveries.listing", gettext("Deliveries"), "rejected:read"),
        DataPage("imports.page", gettext("Imports"), "imports:read"),
        DataPage("duplicates.page", gettext("Duplicates"), "leads:read"),
    )


def visible() -> list[DataPage]:
    """The pages that the person signed in may read, in order."""
    return [page for page in _pages() if current_user.may(page.scope)]


@pages.get("/data")
@signed_in
def page() -> Response:
    """The first of the pages that this person may read."""
    shown = visible()
    if not shown:
        abort(403)
    return redirect(url_for(shown[0].endpoint))
