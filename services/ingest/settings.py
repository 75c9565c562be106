"""Settings of the ingest service's API and worker."""

import os
import tempfile
from pathlib import Path

from pydantic import Field, SecretStr

from shared.worker import WorkerSettings


def _in_the_data_folder() -> str:
    return str(Path(os.environ.get("ECLAIREUR_DATA_DIR") or tempfile.gettempdir()) / "imports")


class IngestSettings(WorkerSettings):
    ingest_public_url: str = Field(
        "http://localhost:8081",
        description="the address under which vendors call this service: HubSpot signs it",
    )
    ingest_webhook_secrets: dict[str, list[SecretStr]] = Field(
        {}, description='JSON: {"<source>": ["<secret>", "<previous secret>"]}; two are valid while rotating'
    )
    ingest_sql_hosts: str = Field(
        "",
        description="databases that a source may read: names, addresses or networks, and folders of SQLite "
        "files, by commas",
    )
    ingest_max_body_bytes: int = Field(10_000_000, ge=1_000, description="a larger body is refused with 413")
    ingest_max_in_flight: int = Field(
        20_000, ge=1, description="events waiting for Kafka, per process, past which the answer is 503"
    )
    ingest_import_folder: str = Field(
        default_factory=_in_the_data_folder,
        description="where files that are imported are kept; the API and the worker must both see it",
    )
    ingest_import_keep_days: int = Field(
        30, ge=1, description="days after which an imported file and its refused rows are removed"
    )
    ingest_max_import_bytes: int = Field(
        1_000_000_000, ge=1_000, description="a larger file is refused with 413"
    )
    ingest_watch_folder: str = Field(
        "", description="a folder with one sub-folder per source, whose files are imported by themselves"
    )
    delivery_trace_days: int = Field(
        30, ge=1, description="days for which one can look up what became of a delivery"
    )
    ingest_state_dir: Path | None = Field(
        None,
        description="folder on this host's disk for the spool and the rate limits, shared by its processes",
    )
    ingest_spool_max_bytes: int = Field(
        1_000_000_000,
        ge=0,
        description="what the spool may take there while Kafka is away; 0 is none: the answer is then 503",
    )
    ingest_key_events_per_s: float = Field(
        0, ge=0, description="events a second for each API key, ten seconds' worth at once; 0 is no limit"
    )
    ingest_webhook_events_per_s: float = Field(0, ge=0, description="the same for each webhook source")

    @property
    def webhook_secrets(self) -> dict[str, list[str]]:
        """The secrets of the settings, by source."""
        return {
            name: [secret.get_secret_value() for secret in secrets]
            for name, secrets in self.ingest_webhook_secrets.items()
        }
