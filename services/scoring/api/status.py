"""How far scoring is."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from services.scoring import model_store, store
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
        """How many events wait to be scored, and how many leads there are."""
        try:
            ends = log_ends.of(CRM_EVENTS)
        except BrokerUnavailable as error:
            raise unavailable("Kafka does not answer.") from error
        with pool.connection() as connection:
            read_to = store.stored_offsets(connection, topic_prefix + CRM_EVENTS)
            totals = store.lead_totals(connection)
            version = model_store.published_version(connection)
            paused = pauses.paused(connection)
        return answer(
            {
                "events_waiting": sum(max(0, end - read_to.get(number, 0)) for number, end in ends.items()),
                **{f"leads_{name}": count for name, count in totals.items()},
                "model_version": version,
                "paused": paused,
            }
        )
