"""Settings of the responder, beside the common ones."""

import os
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.worker import WorkerSettings

PACKAGED = "packaged"


class ResponderSettings(WorkerSettings):
    """What the responder's processes need."""

    embedding_model: str = Field(
        PACKAGED,
        min_length=1,
        description="`packaged`, or the folder or name of a sentence-transformers model on this machine",
    )
    embedding_model_sha256: str = Field(
        "", pattern="^([0-9a-f]{64})?$", description="SHA-256 that the model's weights must have"
    )
    embedding_languages: str = Field(
        "en", description="languages that the embedding model was made for, as `en` or `fr,en`"
    )
    reply_sender: str = Field("", description="address that replies are sent from")
    min_confidence: float = Field(
        0.7, ge=0, le=1, description="how likely to be right a passage must be, at least, for a draft"
    )

    recall_s: float = Field(
        20,
        ge=0,
        le=3600,
        description="seconds for which an approval can be taken back",
    )
    recall_bulk_s: float = Field(120, ge=0, le=3600, description="the same for those approved together")

    bulk_confidence: float = Field(
        0.95, ge=0, le=1, description="least confidence at which a reply may be approved together with others"
    )

    rephrase_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="base of an OpenAI-compatible endpoint that rewords drafts; empty: none is asked",
    )
    rephrase_model: str = Field("", description="the model that is asked for there")
    rephrase_api_key: SecretStr = Field(SecretStr(""), description="its key, where it wants one")
    rephrase_timeout_s: float = Field(
        30, gt=0, le=600, description="seconds that a rewording may take in all"
    )

    @model_validator(mode="after")
    def _names_its_model(self) -> Self:
        if self.rephrase_url and not self.rephrase_model:
            raise ValueError("REPHRASE_MODEL: name the model that REPHRASE_URL serves")
        return self


def embedding_choice() -> tuple[str, str]:
    """EMBEDDING_MODEL and EMBEDDING_MODEL_SHA256, for a command that needs no other setting."""
    return os.environ.get("EMBEDDING_MODEL") or PACKAGED, os.environ.get("EMBEDDING_MODEL_SHA256", "")
