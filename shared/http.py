"""What every HTTP API of the suite has in common: problem+json, authorization, health, metrics, OpenAPI."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import orjson
import psycopg
import structlog
from flask import Flask, Response, g, jsonify, request
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from psycopg_pool import PoolTimeout
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from shared.auth.verify import AuthUnavailable, Principal, Verifier
from shared.paging import InvalidCursor, read_cursor

log = structlog.get_logger()
F = TypeVar("F", bound=Callable[..., Any])
ReadinessCheck = Callable[[], bool]


class Closable(Protocol):
    def close(self) -> None: ...


PUBLIC = "public"
RESOURCES = "eclaireur.resources"
RETRY_AFTER_S = 5
NOT_STORABLE: Final = (None, "22003", "22008", "22009", "22021", "22P05")
"""SQLSTATE of what the sender's value is to blame for: U+0000 (never sent), a number, a time or an offset out
of range, a character that the encoding lacks. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

REQUESTS = Counter("http_requests_total", "Answers", ["service", "endpoint", "status"])
LATENCY = Histogram("http_request_seconds", "Time to answer", ["service", "endpoint"])
PAUSED = Gauge("workers_paused", "Workers that take no records because too many failed", ["service"])


class Problem(Exception):
    """An answer that says what happened, what was kept and what to do (RFC 9457)."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail
        self.headers, self.members = dict(headers or {}), members

    def body(self) -> dict[str, Any]:
        body = {"type": "about:blank", "title": self.title, "status": self.status}
        return body | ({"detail": self.detail} if self.detail else {}) | self.members


def answer(body: Any, status: int = 200) -> Response:
    """`body` as JSON: times, UUIDs and dataclasses included."""
    return Response(orjson.dumps(body), status=status, content_type="application/json")


def cursor_values(cursor: str | None, *readers: Callable[[Any], Any]) -> list[Any]:
    """As `shared.paging.read_cursor`, with a 400 for a cursor that is none."""
    try:
        return read_cursor(cursor, *readers)
    except InvalidCursor as error:
        raise Problem(400, "Cursor not valid", "Use next_cursor as it was given.") from error


def unavailable(detail: str) -> Problem:
    """503 with Retry-After: nothing was taken, send it again."""
    return Problem(503, "Not available for now", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def problem_response(problem: Problem) -> Response:
    return Response(
        orjson.dumps(problem.body()),
        status=problem.status,
        headers=problem.headers,
        content_type="application/problem+json",
    )


def requires(scope: str) -> Callable[[F], F]:
    """Let a route be called by principals that hold `scope`. A route without a rule answers 403."""

    def mark(view: F) -> F:
        view.authorization_rule = scope  # type: ignore[attr-defined]
        return view

    return mark


def public(view: F) -> F:
    """Let a route be called by anyone. For health, metrics, the API's description and signed webhooks."""
    view.authorization_rule = PUBLIC  # type: ignore[attr-defined]
    return view


def authorization_rule(app: Flask, endpoint: str) -> str | None:
    rule: str | None = getattr(app.view_functions[endpoint], "authorization_rule", None)
    return rule


def principal() -> Principal:
    """The caller of the current request; only within a route that `requires` a scope."""
    caller: Principal = g.principal
    return caller


def named_person() -> tuple[str, str]:
    """(id, name) of the person who answers for this call; a machine's key is refused with 403."""
    caller = principal()
    if caller.user_id is None or caller.user_name is None:
        raise Problem(
            403,
            "A person must decide this",
            "This key belongs to no person. Use a personal key, or sign in to the console.",
        )
    return caller.user_id, caller.user_name


def _authorize(app: Flask, verifier: Verifier) -> None:
    if request.endpoint is None:
        return  # no such route: the 404 follows
    rule = authorization_rule(app, request.endpoint)
    if rule == PUBLIC:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(
            401,
            "Sign in first",
            "Send an API key: `Authorization: Bearer <key>`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    try:
        caller = verifier.verify(token.strip())
    except AuthUnavailable as error:
        raise unavailable("Keys cannot be verified for now. Nothing was taken.") from error
    if caller is None:
        raise Problem(401, "Key not accepted", "It is unknown, revoked or expired.")
    if rule is None or rule not in caller.scopes:
        raise Problem(403, "Not allowed", f"This needs the scope {rule!r}." if rule else "")
    g.principal = caller


def validation_problem(error: ValidationError) -> Problem:
    """422 that names each field that is not right."""
    errors = [
        {"field": ".".join(str(part) for part in issue["loc"]), "error": issue["msg"]}
        for issue in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return Problem(422, "Some fields are not right", errors=errors)


def create_api(
    service: str,
    verifier: Verifier,
    *,
    ready: Mapping[str, ReadinessCheck],
    told: Callable[[], Mapping[str, Any]] = dict,
    resources: Sequence[Closable] = (),
    version: str = "1",
    paused: Callable[[], float] | None = None,
) -> OpenAPI:
    """An application whose routes deny by default. `ready` names what it needs and how to ask for it; `told`
    is what /readyz says besides; `resources` are what `close` closes; `paused` counts the service's paused
    workers."""
    app = OpenAPI(
        service,
        info=Info(title=f"Éclaireur {service}", version=version),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer"}},
        doc_ui=False,
        static_folder=None,
        validation_error_callback=lambda error: problem_response(validation_problem(error)),
    )

    @app.before_request
    def authorize() -> None:
        g.started = time.perf_counter()
        _authorize(app, verifier)

    @app.after_request
    def measure(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        REQUESTS.labels(service, endpoint, response.status_code).inc()
        LATENCY.labels(service, endpoint).observe(time.perf_counter() - g.started)
        return response

    @app.errorhandler(Problem)
    def on_problem(problem: Problem) -> Response:
        return problem_response(problem)

    @app.errorhandler(psycopg.OperationalError)
    @app.errorhandler(PoolTimeout)
    def on_database_away(error: Exception) -> Response:
        log.warning("database_away", endpoint=request.endpoint, error=type(error).__name__)
        return problem_response(unavailable("The database does not answer. Nothing was taken."))

    @app.errorhandler(psycopg.DataError)
    @app.errorhandler(UnicodeEncodeError)
    def on_not_storable(error: Exception) -> Response:
        """What no model refused and Postgres does not hold: U+0000, half a character, 9e99999."""
        if isinstance(error, psycopg.Error) and error.sqlstate not in NOT_STORABLE:
            return on_error(error)
        log.warning("value_not_storable", endpoint=request.endpoint, error=type(error).__name__)
        return problem_response(
            Problem(
                422,
                "A value cannot be stored",
                "It holds U+0000, half of a character, or a number or time out of range. Nothing was taken.",
            )
        )

    @app.errorhandler(RecursionError)
    def on_too_deep(_error: RecursionError) -> Response:
        return problem_response(Problem(400, "The body cannot be read", "It is nested too deep."))

    @app.errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Response:
        return problem_response(Problem(error.code or 500, error.name, error.description or ""))

    @app.errorhandler(Exception)
    def on_error(error: Exception) -> Response:
        log.error("request_failed", endpoint=request.endpoint, exc_info=error)
        return problem_response(Problem(500, "Something failed here", "It was recorded; nothing was taken."))

    @app.route("/healthz")
    @public
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.route("/readyz")
    @public
    def readyz() -> tuple[Response, int]:
        checks = {name: check() for name, check in ready.items()}
        return jsonify({**told(), **checks}), 200 if all(checks.values()) else 503

    @app.route("/metrics")
    @public
    def metrics() -> Response:
        if paused is not None:
            PAUSED.labels(service).set(paused())
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    app.extensions[RESOURCES] = resources
    return app


def close(app: Flask) -> None:
    """Close the connections of an application; a server's process ends with its own."""
    for resource in app.extensions.get(RESOURCES, ()):
        resource.close()
