"""The language of a policy: what its conditions may name, and which leads fulfil one now."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from services.scoring.api.leads import language
from services.scoring.policy import store
from services.scoring.policy.conditions import AT_WORK, OPERATORS, PREFIXES, flags, known_fields, leaves
from services.scoring.policy.document import DEFAULT_ACTIONS, Nested
from services.scoring.policy.population import Population, read_of
from services.scoring.wording import action_in_words
from shared.http import Problem, answer, principal, requires
from shared.postgres import Pool


class Tested(BaseModel):
    """`when`: a condition. `limit`: how many of the leads that fulfil it are shown."""

    model_config = ConfigDict(extra="forbid")
    when: Nested
    limit: int = Field(10, ge=0, le=100)


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/conditions")
    @requires("thresholds:read")
    def vocabulary() -> Response:
        """Fields, operators and actions that a policy may name; of fields that leads have, common values."""
        with pool.connection() as connection:
            seen = {row["field"]: row["values"] for row in store.fields_seen(connection)}
        own = (name for name in seen if name.startswith(PREFIXES))
        codes = dict.fromkeys(str(action["action"]) for action in DEFAULT_ACTIONS)
        return answer(
            {
                "fields": [{"field": name, "values": seen.get(name, [])} for name in (*known_fields(), *own)],
                "operators": [{"op": name, "takes": one.takes} for name, one in OPERATORS.items()],
                "actions": [{"code": code, "text": action_in_words(code, language())} for code in codes],
            }
        )

    @api.post("/conditions/matches")
    @requires("thresholds:read")
    def matches(body: Tested) -> Response:
        """How many open leads fulfil a condition now, and the most likely of them.

        `grade` is the present one. They are named to those who may read leads.
        """
        fields = {leaf.field for leaf in leaves(body.when)}
        if not fields.isdisjoint(AT_WORK):
            raise Problem(422, "Some fields are not right", errors=[{"field": "when", "error": SHOWN_ONLY}])
        features = read_of(fields)
        with pool.connection() as connection:
            leads = Population.of(store.population(connection, features), features)
            fulfilled = flags(body.when, leads.columns, leads.count).nonzero()[0]
            probabilities = leads.columns["probability"]
            shown = fulfilled[(-probabilities[fulfilled]).argsort(kind="stable")][: body.limit].tolist()
            told = [
                {
                    "lead_id": leads.columns["lead_id"][at],
                    "probability": float(probabilities[at]),
                    "grade": leads.columns["grade"][at],
                }
                for at in shown
            ]
            if "leads:read" in principal().scopes:
                names = store.names_of(connection, [lead["lead_id"] for lead in told])
                told = [lead | names.get(lead["lead_id"], {}) for lead in told]
        return answer({"open": leads.count, "matches": len(fulfilled), "leads": told})


SHOWN_ONLY = "status and draft_status change with the work: only scores and fields can be tried"
