"""Composition root of the scoring API."""

from flask import Flask

from services.scoring import store
from services.scoring.api import create_blueprint
from services.scoring.settings import ScoringSettings
from shared import logs
from shared.auth.store import SCHEMA as AUTH_SCHEMA
from shared.auth.verify import PersonTokens, Verifier
from shared.http import create_api
from shared.postgres import answers, connect_pool
from shared.settings import load


def create_app(settings: ScoringSettings | None = None) -> Flask:
    settings = settings or load(ScoringSettings)
    logs.configure("scoring", settings.log_level)
    pool = connect_pool(settings.database_url, schema=store.SCHEMA, max_size=8)
    auth_pool = connect_pool(settings.database_url, schema=AUTH_SCHEMA, max_size=2)
    verifier = Verifier(auth_pool, PersonTokens(settings.token_secret.get_secret_value()))
    app = create_api(
        "scoring", verifier, ready={"postgres": lambda: answers(pool)}, resources=[pool, auth_pool]
    )
    app.register_api(create_blueprint(pool, settings))
    return app
