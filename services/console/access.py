"""Every route has a rule, and what has none is refused."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from services.console.sessions import PeopleUnavailable
from shared.http import PUBLIC, authorization_rule

F = TypeVar("F", bound=Callable[..., Any])
SIGNED_IN = "signed in"


def signed_in(view: F) -> F:
    """Let a page be read by anyone who is signed in; the services decide what is in it."""
    view.authorization_rule = SIGNED_IN  # type: ignore[attr-defined]
    return view


def wants_fragment() -> bool:
    """Whether a script of ours asks, to put the answer into a page that is already open."""
    return request.headers.get("X-Fragment") == "1"


def local_path(target: str | None) -> str | None:
    """`target` when it is a path of this console; None for anything that could lead elsewhere."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    # Browsers read a backslash as a slash and drop control characters before they resolve a link.
    if "\\" in target or any(ord(character) < 0x20 for character in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def deny_by_default(app: Flask) -> None:
    @app.before_request
    def authorize() -> Response | None:
        if request.endpoint is None:
            return None  # no such page: the 404 follows
        rule = authorization_rule(app, request.endpoint)
        if rule == PUBLIC:
            return None
        if not current_user.is_authenticated:
            if "people_unavailable" in g:
                raise PeopleUnavailable
            if wants_fragment():
                abort(401)
            came_back = request.full_path.rstrip("?") if request.method == "GET" else None
            # A cookie that no longer opens a session is how an ended one shows; a first visit has none.
            ended = "_user_id" in session or (
                not session and app.config["SESSION_COOKIE_NAME"] in request.cookies
            )
            return redirect(url_for("sign_in.form", next=came_back, expired=1 if ended else None))
        if rule != SIGNED_IN:
            abort(403)
        return None
