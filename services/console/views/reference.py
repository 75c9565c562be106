"""The services' own descriptions: a browser reaches the console, and not always the services."""

from collections.abc import Callable, Mapping
from typing import Final

from flask import Blueprint, Response, abort

from services.console import sessions
from services.console.access import signed_in
from services.console.services import Service

pages = Blueprint("reference", __name__, url_prefix="/reference")

PARTS: Final = {
    "docs": "text/html; charset=utf-8",
    "docs/style.css": "text/css; charset=utf-8",
    "openapi.json": "application/json",
    "asyncapi.json": "application/json",
}
SERVICES: Final[Mapping[str, Callable[[], Service]]] = {
    "ingest": lambda: sessions.ingest().service,
    "scoring": lambda: sessions.scoring().service,
    "responder": lambda: sessions.responder().service,
}


@pages.get("/<service>/<path:name>")
@signed_in
def part(service: str, name: str) -> Response:
    """One part of a service's description, as the service serves it at the same path."""
    if service not in SERVICES or name not in PARTS:
        abort(404)
    return Response(SERVICES[service]().download(f"/{name}"), content_type=PARTS[name])
