"""The scoring service over HTTP."""

from flask_openapi3.blueprint import APIBlueprint

from services.scoring.api import (
    absences,
    conditions,
    dry_runs,
    duplicates,
    leads,
    learning,
    policies,
    priorities,
    quality,
    simulations,
    status,
)
from shared.kafka.admin import LogEnds
from shared.postgres import Pool


def create_blueprint(pool: Pool, log_ends: LogEnds, topic_prefix: str, *, demo: bool) -> APIBlueprint:
    api = APIBlueprint("scoring", __name__, url_prefix="/v1")
    leads.register(api, pool)
    duplicates.register(api, pool, demo=demo)
    priorities.register(api, pool)
    learning.register(api, pool)
    policies.register(api, pool)
    absences.register(api, pool)
    simulations.register(api, pool)
    conditions.register(api, pool)
    quality.register(api, pool)
    dry_runs.register(api, pool)
    status.register(api, pool, log_ends, topic_prefix)
    return api
