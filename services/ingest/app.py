"""Composition root of the ingest API. gunicorn calls it after the fork, where a producer must be made."""

from importlib.metadata import version
from pathlib import Path

from flask import Flask

from services.ingest import api_deliveries, api_dry_runs, api_rejected, store
from services.ingest.api import create_blueprint
from services.ingest.durable import Drain, DurablePublisher
from services.ingest.imports.api import create_blueprint as create_imports_blueprint
from services.ingest.rate_limit import Limits, RateLimit, SharedTable
from services.ingest.settings import IngestSettings
from services.ingest.sources.api import create_blueprint as sources_blueprint
from services.ingest.sources.registry import Registry
from services.ingest.sources.sealing import Sealer
from services.ingest.spool import Spool
from shared import logs
from shared.auth.verify import connect_verifier
from shared.contracts.asyncapi import asyncapi
from shared.http import create_api
from shared.kafka import pauses
from shared.kafka.admin import LogEnds
from shared.kafka.publisher import Publisher
from shared.openapi import serve
from shared.postgres import connect_pool
from shared.settings import load

NOTES = Path(__file__).parent / "api.yaml"
PUBLISH_TIMEOUT_MS = 2000
"""Connecting may take as long, then confirming: with the spool's fsync an answer comes in about 4 s."""


def create_app(settings: IngestSettings | None = None) -> Flask:
    settings = settings or load(IngestSettings)
    logs.configure("ingest", settings.log_level)
    publisher = Publisher(
        settings.kafka_bootstrap_servers,
        prefix=settings.topic_prefix,
        max_in_flight=settings.ingest_max_in_flight,
        timeout_ms=PUBLISH_TIMEOUT_MS,
    )
    folder = settings.ingest_state_dir
    spool = drain = None
    if folder and settings.ingest_spool_max_bytes:
        spool = Spool(folder, settings.ingest_spool_max_bytes)
        drain = Drain(spool, publisher, folder / "drain.lock")
        drain.start()
    durable = DurablePublisher(publisher, spool)
    durable.measure()
    table = SharedTable(folder / "rate-limits" if folder else None)
    pool = connect_pool(settings.database_url, schema=store.SCHEMA, max_size=4)
    token_secret = settings.token_secret.get_secret_value()
    verifier, auth_pool = connect_verifier(settings.database_url, token_secret)
    sealer = Sealer(token_secret)
    sources = Registry(pool, sealer, settings.webhook_secrets)
    sources.start()
    log_ends = LogEnds(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)
    # Ready without Postgres: events are taken while it is down, from keys that were verified before.
    app = create_api(
        "ingest",
        verifier,
        ready={"events": durable.ready},
        told=durable.told,
        resources=[
            sources,
            *(one for one in (drain, spool) if one),
            publisher,
            pool,
            auth_pool,
            table,
            log_ends,
        ],
        paused=lambda: pauses.count(pool),
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.ingest_max_body_bytes
    limits = Limits(
        keys=RateLimit(table, settings.ingest_key_events_per_s),
        webhooks=RateLimit(table, settings.ingest_webhook_events_per_s),
    )
    for blueprint in (
        create_blueprint(durable, settings, sources, limits),
        sources_blueprint(pool, sealer, settings),
        create_imports_blueprint(pool, settings),
        api_rejected.create_blueprint(pool),
        api_deliveries.create_blueprint(pool, log_ends, settings.topic_prefix),
        api_dry_runs.create_blueprint(sources),
    ):
        app.register_api(blueprint)
    serve(app, NOTES, port=8081, asyncapi=asyncapi(version("eclaireur")))
    return app
