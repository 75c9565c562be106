"""How far scoring is."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from services.scoring import model_store, store, views
from shared.contracts.topics import CRM_EVENTS
from shared.http import answer, requires, unavailable
from shared.kafka import pauses
from shared.kafka.admin import LogEnds
from shared.kafka.errors import BrokerUnavailable
from shared.postgres import Pool


def register(api: APIBlueprint, pool: Pool, log_ends: LogEnds, topic_prefix: str) -> None:
    @api.get("/status")
    @requires("status:read")
    def status() -> Response:
        """How many events wait to be scored, how many leads there are and which model scores; `model_refused`
        while the one published last does not load."""
        try:
            ends = log_ends.of(CRM_EVENTS)
        except BrokerUnavailable as error:
            raise unavailable("Kafka does not answer.") from error
        with pool.connection() as connection:
            read_to = store.stored_offsets(connection, topic_prefix + CRM_EVENTS)
            totals = store.lead_totals(connection)
            version = model_store.serving_version(connection)
            refused = model_store.refused(connection)
            paused = pauses.paused(connection)
        return answer(
            {
                "events_waiting": sum(max(0, end - read_to.get(number, 0)) for number, end in ends.items()),
                **{f"leads_{name}": count for name, count in totals.items()},
                "model_version": version,
                "model_refused": views.model_refused(refused),
                "paused": paused,
            }
        )
