"""Composition root of the scoring API."""

from pathlib import Path

from flask import Flask

from services.scoring import store
from services.scoring.api import create_blueprint
from services.scoring.settings import ScoringSettings
from shared import logs
from shared.auth.verify import connect_verifier
from shared.http import create_api
from shared.kafka import pauses
from shared.kafka.admin import LogEnds
from shared.openapi import serve
from shared.postgres import answers, connect_pool
from shared.settings import load

NOTES = Path(__file__).parent / "api.yaml"


def create_app(settings: ScoringSettings | None = None) -> Flask:
    settings = settings or load(ScoringSettings)
    logs.configure("scoring", settings.log_level)
    pool = connect_pool(settings.database_url, schema=store.SCHEMA, max_size=8)
    verifier, auth_pool = connect_verifier(settings.database_url, settings.token_secret.get_secret_value())
    log_ends = LogEnds(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)
    app = create_api(
        "scoring",
        verifier,
        ready={"postgres": lambda: answers(pool)},
        resources=[pool, auth_pool, log_ends],
        paused=lambda: pauses.count(pool),
    )
    app.register_api(create_blueprint(pool, log_ends, settings.topic_prefix, demo=settings.demo))
    serve(app, NOTES, port=8082)
    return app
