"""Composition root of the responder API. It embeds nothing: the model is the worker's."""

from pathlib import Path

from flask import Flask

from services.responder import store
from services.responder.api import create_blueprint
from services.responder.documents import api as documents
from services.responder.settings import ResponderSettings
from services.responder.style import api as style
from services.responder.tuning import api as tuning
from services.responder.value import api as value
from shared import logs
from shared.auth.verify import connect_verifier
from shared.http import create_api
from shared.kafka import pauses
from shared.openapi import serve
from shared.postgres import answers, connect_pool
from shared.settings import load

MAX_BODY_BYTES = 4 * 1024 * 1024

NOTES = Path(__file__).parent / "api.yaml"


def create_app(settings: ResponderSettings | None = None) -> Flask:
    settings = settings or load(ResponderSettings)
    logs.configure("responder", settings.log_level)
    pool = connect_pool(settings.database_url, schema=store.SCHEMA, max_size=8)
    verifier, auth_pool = connect_verifier(settings.database_url, settings.token_secret.get_secret_value())
    app = create_api(
        "responder",
        verifier,
        ready={"postgres": lambda: answers(pool)},
        resources=[pool, auth_pool],
        paused=lambda: pauses.count(pool),
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.register_api(create_blueprint(pool, settings))
    app.register_api(documents.create_blueprint(pool))
    app.register_api(style.create_blueprint(pool, house_name=settings.company_name))
    app.register_api(value.create_blueprint(pool))
    app.register_api(tuning.create_blueprint(pool))
    serve(app, NOTES, port=8083)
    return app
