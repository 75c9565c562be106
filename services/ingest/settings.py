"""Settings of the ingest service's API and worker."""

from pydantic import Field, SecretStr

from shared.worker import WorkerSettings


class IngestSettings(WorkerSettings):
    ingest_public_url: str = Field(
        "http://localhost:8081",
        description="the address under which vendors call this service: HubSpot signs it",
    )
    ingest_webhook_secrets: dict[str, list[SecretStr]] = Field(
        {}, description='JSON: {"<source>": ["<secret>", "<previous secret>"]}; two are valid while rotating'
    )
    ingest_max_body_bytes: int = Field(10_000_000, ge=1_000, description="a larger body is refused with 413")
    ingest_max_in_flight: int = Field(
        20_000, ge=1, description="events waiting for Kafka, per process, past which the answer is 503"
    )
