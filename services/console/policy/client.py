"""The part of the scoring service's API that the Studio calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from services.console.answers import Answer
from services.console.policy.answers import (
    Absences,
    Distribution,
    Matches,
    Policies,
    PolicyVersion,
    Published,
    Simulation,
    Vocabulary,
)
from services.console.services import Service

# Hundreds of thousands of leads take seconds.
PATIENCE = httpx.Timeout(60.0, connect=1.0)


@dataclass(frozen=True, slots=True)
class PolicyApi:
    service: Service

    def policies(self, *, limit: int, cursor: str | None = None) -> Policies:
        return self.service.get(Policies, "/v1/policies", limit=limit, cursor=cursor)

    def policy(self, version: int) -> PolicyVersion:
        return self.service.get(PolicyVersion, f"/v1/policies/{version}")

    def keep(self, policy: Mapping[str, Any], comment: str) -> PolicyVersion:
        return self.service.post(PolicyVersion, "/v1/policies", {"policy": policy, "comment": comment})

    def publish(self, version: int, *, comment: str, at: datetime | None, on_top_of: int | None) -> Published:
        body = {"comment": comment, "at": at.isoformat() if at else None, "on_top_of": on_top_of}
        return self.service.post(Published, f"/v1/policies/{version}/publish", body)

    def call_off(self, publication_id: int) -> None:
        self.service.post(Answer, f"/v1/policies/publications/{publication_id}/call-off", {})

    def vocabulary(self) -> Vocabulary:
        return self.service.get(Vocabulary, "/v1/conditions")

    def distribution(self) -> Distribution:
        return self.service.get(Distribution, "/v1/scores/distribution")

    def simulate(self, policy: Mapping[str, Any]) -> Simulation:
        return self.service.post(Simulation, "/v1/simulations", {"policy": policy}, timeout=PATIENCE)

    def matches(self, condition: Any) -> Matches:
        body = {"when": condition, "limit": 10}
        return self.service.post(Matches, "/v1/conditions/matches", body, timeout=PATIENCE)

    def absences(self) -> Absences:
        return self.service.get(Absences, "/v1/absences")

    def add_absence(self, absence: Mapping[str, Any]) -> None:
        self.service.post(Answer, "/v1/absences", absence)

    def remove_absence(self, absence_id: int) -> None:
        self.service.delete(f"/v1/absences/{absence_id}")
