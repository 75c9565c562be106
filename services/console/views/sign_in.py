"""Signing in and out, and the language."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, redirect, render_template, request, session, url_for
from flask_babel import refresh
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from services.console.access import local_path, signed_in
from services.console.catalogue import gettext
from services.console.sessions import LANGUAGES, SignedIn, parts
from shared.http import public

# In memory, per process: enough to make guessing slow on one box, and argon2 makes each guess dear.
PER_ACCOUNT = "5 per 5 minutes"
PER_ADDRESS = "20 per 5 minutes"
# Longer than any password: argon2 must not be fed a megabyte.
MAX_FIELD = 1_000

View = Callable[..., Any]
pages = Blueprint("sign_in", __name__)


@pages.get("/login")
@public
def form() -> str | AnyResponse:
    if current_user.is_authenticated:
        return redirect(local_path(request.args.get("next")) or url_for("today.page"))
    notice = gettext("Your session has ended. Sign in again to go on.") if "expired" in request.args else None
    return _page(notice=notice)


@pages.post("/login")
@public
def sign_in() -> str | AnyResponse | tuple[str, int]:
    email, password = request.form.get("email", ""), request.form.get("password", "")
    if max(len(email), len(password)) > MAX_FIELD:
        return _refused()
    person = parts().people.sign_in(email, password)
    if person is None:
        return _refused()
    chosen = session.get("language")
    session.clear()  # nothing of the visitor before is carried into the session of a person
    session.permanent = True
    if chosen:
        session["language"] = chosen
    login_user(SignedIn(person))
    return redirect(local_path(request.form.get("next")) or url_for("today.page"))


@pages.post("/logout")
@signed_in
def sign_out() -> AnyResponse:
    chosen = session.get("language")
    logout_user()
    session.clear()
    if chosen:
        session["language"] = chosen
    return redirect(url_for("sign_in.form"))


@pages.post("/language")
@public
def choose_language() -> AnyResponse:
    chosen = request.form.get("language")
    if chosen in LANGUAGES:
        session["language"] = chosen
        if current_user.is_authenticated:
            parts().people.set_language(current_user.person.person_id, chosen)
        refresh()
    return redirect(local_path(request.form.get("next")) or url_for("today.page"))


def limit_attempts(app: Flask) -> None:
    """Slow guessing down; only refused attempts count, so nobody is kept out by signing in often."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", strategy="moving-window")

    def account() -> str:
        return request.form.get("email", "").strip().lower()[:MAX_FIELD]

    def too_many(_limit: RequestLimit) -> Response:
        words = gettext("Too many attempts. Wait five minutes, then try again.")
        return app.make_response((_page(error=words), 429))

    def limited(view: View, limit: str, key: Callable[[], str]) -> View:
        return limiter.limit(limit, key_func=key, deduct_when=_was_refused, on_breach=too_many)(view)

    view = limited(app.view_functions["sign_in.sign_in"], PER_ADDRESS, get_remote_address)
    app.view_functions["sign_in.sign_in"] = limited(view, PER_ACCOUNT, account)


def _was_refused(response: Response) -> bool:
    return response.status_code == 401


def _refused() -> tuple[str, int]:
    return _page(
        error=gettext("This address and password do not go together. Check both and try again.")
    ), 401


def _page(*, notice: str | None = None, error: str | None = None) -> str:
    return render_template(
        "login.html",
        notice=notice,
        error=error,
        email=request.form.get("email", "")[:MAX_FIELD],
        next=local_path(request.values.get("next")) or "",
    )
