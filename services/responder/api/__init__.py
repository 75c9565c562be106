"""The responder over HTTP: drafts to decide on, and the knowledge they are made from."""

from flask_openapi3.blueprint import APIBlueprint

from services.responder.api import decisions, drafts, knowledge
from services.responder.settings import ResponderSettings
from shared.postgres import Pool


def create_blueprint(pool: Pool, settings: ResponderSettings) -> APIBlueprint:
    api = APIBlueprint("responder", __name__, url_prefix="/v1")
    drafts.register(api, pool, settings)
    decisions.register(api, pool, settings)
    knowledge.register(api, pool)
    return api
