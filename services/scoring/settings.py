"""Settings of the scoring service's worker and API."""

from pydantic import Field

from shared.worker import WorkerSettings


class ScoringSettings(WorkerSettings):
    refresh_after_hours: float = Field(
        24, gt=0, description="an open lead without news is scored again after this time"
    )
