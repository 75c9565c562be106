"""What a policy would change, before it is published."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from services.scoring.policy import publishing, store
from services.scoring.policy.absences import Absences
from services.scoring.policy.document import Policy
from services.scoring.policy.population import NoLeads, Population, features_read, settle
from services.scoring.policy.showing import UNPUBLISHED
from services.scoring.policy.simulation import Draft, simulate
from shared.http import Problem, answer, principal, requires
from shared.postgres import Connection, Pool


class Simulation(BaseModel):
    """`days`: how far back leads that came in are looked at, by the day on which they did."""

    model_config = ConfigDict(extra="forbid")
    policy: Policy
    days: int = Field(14, ge=1, le=90)


def register(api: APIBlueprint, pool: Pool) -> None:
    policies = publishing.Policies()

    @api.get("/scores/distribution")
    @requires("thresholds:read")
    def distribution() -> Response:
        """How open leads are spread over probabilities, by hundredth: what a cut counts.

        Before rules move any. From `variance` follows the interval of the wins to expect: ±1.96 √Σ.
        """
        with pool.connection() as connection:
            rows = store.distribution(connection)
        return answer({"step": 0.01, "leads": sum(row["leads"] for row in rows), "hundredths": rows})

    @api.post("/simulations")
    @requires("thresholds:read")
    def simulate_policy(body: Simulation) -> Response:
        """Grades, moves, expected wins, work and deadlines as if this policy were published. Nothing is kept.

        Who moves is named to those who may read leads.
        """
        with pool.connection() as connection:
            told = _simulated(connection, policies, body)
            if "leads:read" in principal().scopes:
                moved = told["moves"]["leads"] + told["queue"]["leads"]
                names = store.names_of(connection, [lead["lead_id"] for lead in moved])
                for lead in moved:
                    lead.update(names.get(lead["lead_id"], {}))
        return answer(told)


def _simulated(connection: Connection, policies: publishing.Policies, body: Simulation) -> dict[str, Any]:
    now = datetime.now(UTC)
    leads = publishing.population(connection, body.policy)
    try:
        cuts = settle(body.policy, leads, store.model_cuts(connection))
    except NoLeads as error:
        raise Problem(409, "Not possible now", error.detail) from error
    features = features_read(body.policy)
    zone = body.policy.deadlines.working_hours.time_zone
    came = store.arrivals(connection, features, since=now - timedelta(days=body.days), time_zone=zone)
    current = policies.in_force(connection)
    decider = current.decider if current else UNPUBLISHED
    absences = Absences.of(store.absences(connection, now.date()), now.date())
    draft = Draft.of(body.policy, cuts)
    told = simulate(draft, decider, leads, Population.of(came, features), now, absences)
    return {"as_of": now, "leads": leads.count, **told}
