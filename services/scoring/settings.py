"""Settings of the scoring service's worker and API."""

import socket

from pydantic import Field

from shared.settings import CommonSettings


class ScoringSettings(CommonSettings):
    worker_instance: str = Field(
        default_factory=socket.gethostname,
        description="a name that a restarted worker keeps, so that it gets its partitions back at once",
    )
    refresh_after_hours: float = Field(
        24, gt=0, description="an open lead without news is scored again after this time"
    )
