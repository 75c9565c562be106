"""The console's composition root: pages for people, which hold nothing and call the services."""

import time
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, g, jsonify, request
from flask_babel import Babel, format_decimal
from flask_wtf.csrf import CSRFProtect
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from secure import Secure
from secure.headers import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)

from services.console import delivery_words, wording
from services.console.access import deny_by_default
from services.console.composing import shown_hash
from services.console.errors import error_pages
from services.console.refusals import refusal
from services.console.services import Connections
from services.console.sessions import (
    LANGUAGES,
    Parts,
    People,
    install_sign_in,
    language,
    session_secret,
)
from services.console.settings import ConsoleSettings
from services.console.views import (
    data,
    deciding,
    deliveries,
    duplicates,
    house_style,
    imports,
    knowledge,
    leads,
    learning,
    model,
    quality,
    reference,
    results,
    sign_in,
    sources,
    studio_editor,
    sure,
    today,
)
from shared.auth.store import SCHEMA
from shared.auth.verify import PersonTokens
from shared.http import LATENCY, REQUESTS, RESOURCES, Closable, public
from shared.logs import configure
from shared.postgres import connect_pool
from shared.settings import load

# A working day: a session is not prolonged by a page that refreshes itself.
SESSION = timedelta(hours=12)
MAX_FORM_BYTES = 1_000_000


def create_app(settings: ConsoleSettings | None = None, *, people: People | None = None) -> Flask:
    """Make the application; `people` stands in for those in Postgres."""
    if settings is None:
        settings = load(ConsoleSettings)
        configure("console", settings.log_level)
    secret = settings.token_secret.get_secret_value()
    app = Flask("services.console", root_path=str(Path(__file__).parent))
    app.config.update(
        SECRET_KEY=session_secret(secret),
        SESSION_COOKIE_NAME="eclaireur_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.console_secure_cookies,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION,
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a draft may stay open over lunch
        BABEL_DEFAULT_LOCALE="en",
        BABEL_DEFAULT_TIMEZONE=settings.time_zone,
        BABEL_TRANSLATION_DIRECTORIES=str(Path(__file__).parent / "locale"),
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    connections = Connections(
        ingest_url=settings.ingest_url, scoring_url=settings.scoring_url, responder_url=settings.responder_url
    )
    resources: list[Closable] = [connections]
    if people is None:
        pool = connect_pool(settings.database_url, schema=SCHEMA, max_size=4)
        people, resources = People(pool), [connections, pool]
    app.extensions[RESOURCES] = resources
    app.extensions["console"] = Parts(
        people=people,
        tokens=PersonTokens(secret),
        connections=connections,
        replies_are_sent=settings.replies_are_sent,
    )
    Babel(app, locale_selector=language)
    install_sign_in(app)
    deny_by_default(app)
    _allow_files(app)
    CSRFProtect(app)
    _guard_headers(app, https=settings.console_secure_cookies)
    _words(app, settings)
    error_pages(app)
    for pages in (
        sign_in,
        today,
        leads,
        deciding,
        data,
        quality,
        sources,
        deliveries,
        imports,
        duplicates,
        house_style,
        learning,
        results,
        reference,
        model,
        studio_editor,
        sure,
    ):
        app.register_blueprint(pages.pages)
    sign_in.limit_attempts(app)
    _operations(app)
    app.view_functions["static"] = public(app.view_functions["static"])
    return app


def _allow_files(app: Flask) -> None:
    """Let the forms that carry a file be larger than the others; before anything reads them."""
    most = {
        "imports.upload": imports.MAX_FILE_BYTES,
        "knowledge.add_document": knowledge.MAX_FILE_BYTES + MAX_FORM_BYTES,
    }

    @app.before_request
    def allow() -> None:
        request.max_content_length = most.get(request.endpoint or "", MAX_FORM_BYTES)


def _guard_headers(app: Flask, *, https: bool) -> None:
    headers = Secure(
        csp=ContentSecurityPolicy()
        .default_src("'self'")
        .script_src("'self'")
        .style_src("'self'")
        .object_src("'none'")
        .base_uri("'none'")
        .form_action("'self'")
        .frame_ancestors("'none'"),
        coop=CrossOriginOpenerPolicy().same_origin(),
        hsts=StrictTransportSecurity().max_age(31_536_000) if https else None,
        permissions=PermissionsPolicy().geolocation().microphone().camera(),
        # Flask-WTF compares the referrer with the host when the page came by https.
        referrer=ReferrerPolicy().same_origin(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    )

    @app.after_request
    def guard(response: Response) -> Response:
        headers.set_headers(response)
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response


def _words(app: Flask, settings: ConsoleSettings) -> None:
    app.jinja_env.filters.update(
        chances=wording.chances,
        percent=wording.percent,
        share=wording.share,
        duration=wording.duration,
        said=wording.said,
        in_full=wording.in_full,
        clock=wording.clock,
        seconds_left=wording.seconds_left,
        draft_lead=wording.draft_lead,
        likely=wording.likely,
        kept_words=wording.kept_words,
        shown_hash=shown_hash,
        strength=wording.strength,
        unscored=wording.unscored,
        trend=wording.trend,
        lead_title=wording.lead_title,
        lead_status=wording.lead_status,
        source_name=wording.source_name,
        identity_kind=wording.identity_kind,
        field_label=wording.field_label,
        shortened=wording.shortened,
        draft_status=wording.draft_status,
        card_field=wording.card_field,
        not_said=wording.not_said,
        source_kind=wording.source_kind,
        passage_kind=wording.passage_kind,
        day=wording.day,
        iso_day=wording.iso_day,
        planned=wording.planned,
        span=wording.span,
        source_kind_name=wording.source_kind_name,
        source_state=wording.source_state,
        service_name=wording.service_name,
        still_works=wording.still_works,
        sentence=wording.sentence,
        who=wording.who,
        vendor_name=wording.vendor_name,
        refusal=refusal,
        rejection_reason=delivery_words.reason,
        delivery_step=delivery_words.step,
        delivery_status=delivery_words.status,
        delivery_statuses=delivery_words.several,
        decision=delivery_words.decision,
        dry_run_outcome=delivery_words.outcome,
        numberformat=format_decimal,
        decimalformat=format_decimal,
    )
    app.jinja_env.globals.update(
        headline=wording.headline,
        language=language,
        data_pages=data.visible,
        languages=LANGUAGES,
        demo=settings.demo,
        company_name=settings.company_name,
        replies_are_sent=settings.replies_are_sent,
        per_hundred=wording.per_hundred,
        points=wording.points,
        times=wording.times,
        share=wording.share,
        whole=wording.whole,
    )


def _operations(app: Flask) -> None:
    """Health and metrics, as every service has them."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def measure(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        REQUESTS.labels("console", endpoint, response.status_code).inc()
        if "started" in g:
            LATENCY.labels("console", endpoint).observe(time.perf_counter() - g.started)
        return response

    @app.get("/healthz")
    @public
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get("/readyz")
    @public
    def readyz() -> tuple[Response, int]:
        # The services are not part of it: a page says which one is down and shows the rest.
        ready: Parts = app.extensions["console"]
        answers = ready.people.answer()
        return jsonify(postgres=answers), 200 if answers else 503

    @app.get("/metrics")
    @public
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
