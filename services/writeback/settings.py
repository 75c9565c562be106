"""The settings of the write-back worker."""

import base64
import binascii
from typing import Final

import httpx
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from services.writeback.payloads import Kind
from shared.worker import WorkerSettings

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how every such secret begins
MIN_SECRET_BYTES: Final = 24
"""The least that Standard Webhooks allows."""

_KINDS: Final[dict[str, Kind]] = {"scores": "score", "replies": "reply"}


class WritebackSettings(WorkerSettings):
    """What leaves, and where to. Without a URL nothing leaves."""

    writeback_allow_private: bool = Field(
        False, description="1 to let the webhook be on this machine or a private network, also by http"
    )
    writeback_webhook_url: str = Field("", description="where webhooks are posted; empty: nothing is sent")
    writeback_webhook_secret: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="whsec_… (base64 of 24 bytes or more), shared with the receiver",
    )
    writeback_send: str = Field(
        "scores,replies", description="what is sent: scores, replies, or both with a comma"
    )

    @field_validator("writeback_webhook_url")
    @classmethod
    def _usable_url(cls, text: str, info: ValidationInfo) -> str:
        if not text:
            return text
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL as error:
            raise ValueError("write it as https://host/path") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("write it as https://host/path")
        if url.scheme == "http" and not info.data.get("writeback_allow_private"):
            raise ValueError("use https; http is only for a private network, with WRITEBACK_ALLOW_PRIVATE=1")
        if url.userinfo:
            raise ValueError("leave out user and password: the signature says who calls")
        return text

    @field_validator("writeback_webhook_secret")
    @classmethod
    def _usable_secret(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        text = secret.get_secret_value()
        if not text and not info.data.get("writeback_webhook_url"):
            return secret
        encoded = text.removeprefix(SECRET_PREFIX)
        if encoded == text:
            raise ValueError("give the secret shared with the receiver; it starts with whsec_")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("after whsec_ there must be base64") from error
        if len(key) < MIN_SECRET_BYTES:
            raise ValueError(f"too short: the base64 must hold at least {MIN_SECRET_BYTES} random bytes")
        return secret

    @field_validator("writeback_send")
    @classmethod
    def _known_kinds(cls, text: str) -> str:
        if not {name.strip() for name in text.split(",")} <= _KINDS.keys():
            raise ValueError("write scores, replies, or scores,replies")
        return text

    @property
    def kinds(self) -> frozenset[Kind]:
        """What is sent: nothing without a URL."""
        if not self.writeback_webhook_url:
            return frozenset()
        return frozenset(_KINDS[name.strip()] for name in self.writeback_send.split(","))
