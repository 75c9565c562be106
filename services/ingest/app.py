"""Composition root of the ingest API. gunicorn calls it after the fork, where a producer must be made."""

from flask import Flask

from services.ingest import store
from services.ingest.api import add_asyncapi, create_blueprint
from services.ingest.imports.api import create_blueprint as create_imports_blueprint
from services.ingest.settings import IngestSettings
from shared import logs
from shared.auth.verify import connect_verifier
from shared.http import create_api
from shared.kafka.publisher import Publisher
from shared.postgres import connect_pool
from shared.settings import load


def create_app(settings: IngestSettings | None = None) -> Flask:
    settings = settings or load(IngestSettings)
    logs.configure("ingest", settings.log_level)
    publisher = Publisher(
        settings.kafka_bootstrap_servers,
        prefix=settings.topic_prefix,
        max_in_flight=settings.ingest_max_in_flight,
    )
    pool = connect_pool(settings.database_url, schema=store.SCHEMA, max_size=2)
    verifier, auth_pool = connect_verifier(settings.database_url, settings.token_secret.get_secret_value())
    # Ready without Postgres: events are taken while it is down, from keys that were verified before.
    app = create_api(
        "ingest", verifier, ready={"kafka": publisher.ready}, resources=[publisher, pool, auth_pool]
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.ingest_max_body_bytes
    add_asyncapi(app)
    app.register_api(create_blueprint(publisher, pool, settings))
    app.register_api(create_imports_blueprint(pool, settings))
    return app
