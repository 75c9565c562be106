"""Pages for what went wrong: what happened, what was kept, what to do."""

import structlog
from flask import Flask, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from services.console.access import wants_fragment
from services.console.catalogue import gettext
from services.console.refusals import refusal
from services.console.services import NotAllowed, NotFound, ServiceDown, ServiceError
from services.console.sessions import PeopleUnavailable
from services.console.wording import service_name, still_works

log = structlog.get_logger()
Answer = tuple[str, int]


def error_pages(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def on_csrf(_error: CSRFError) -> Answer | Response:
        if request.endpoint == "sign_in.sign_in":
            return redirect(url_for("sign_in.form", expired=1))
        return _page(
            400,
            gettext("This page was open for too long"),
            gettext("Nothing was done. Go back, reload the page and try again."),
        )

    @app.errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Answer:
        status = error.code or 500
        match status:
            case 403:
                return _forbidden()
            case 404:
                return _not_found()
            case 401:
                return _page(401, gettext("Your session has ended"), gettext("Sign in again to go on."))
            case _:
                return _page(
                    status,
                    gettext("This did not work"),
                    gettext("Nothing was changed. Go back and try again."),
                )

    @app.errorhandler(ServiceError)
    def on_service_error(error: ServiceError) -> Answer:
        match error:
            case NotAllowed():
                return _forbidden()
            case NotFound():
                return _not_found()
            case ServiceDown():
                log.warning("service_down", called=error.service)
                return _page(
                    503,
                    gettext("%(service)s does not answer", service=service_name(error.service)),
                    " ".join(
                        (
                            gettext("Nothing is lost: what comes in is kept and read later."),
                            still_works(error.service),
                            gettext("Try again in a minute."),
                        )
                    ),
                )
            case _:
                return _page(422, gettext("This was not accepted"), refusal(error.detail))

    @app.errorhandler(PeopleUnavailable)
    def on_people_unavailable(_error: PeopleUnavailable) -> Answer:
        return _page(
            503,
            gettext("Accounts cannot be read for now"),
            gettext("The database does not answer. Nothing is lost; try again in a minute."),
        )

    @app.errorhandler(Exception)
    def on_error(error: Exception) -> Answer:
        log.error("page_failed", endpoint=request.endpoint, exc_info=error)
        return _page(
            500,
            gettext("Something failed here"),
            gettext("It was recorded and nothing was sent. Go back and try again."),
        )


def _forbidden() -> Answer:
    return _page(
        403,
        gettext("Your role does not give access to this"),
        gettext("Ask an administrator if you need it for your work."),
    )


def _not_found() -> Answer:
    return _page(
        404,
        gettext("There is nothing here"),
        gettext("The link may be old, or this lead may have been merged or erased."),
    )


def _page(status: int, title: str, detail: str) -> Answer:
    template = "_problem.html" if wants_fragment() else "error.html"
    return render_template(template, status=status, title=title, detail=detail, error_page=True), status
