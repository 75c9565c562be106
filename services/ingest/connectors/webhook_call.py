"""One call of a vendor as the connectors see it, and what they may answer about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Event = dict[str, Any]

KEPT_HEADERS = ("webhook-id",)
"""What `translate` needs besides the body and its type: kept with a rejected call, for its replay."""


class SignatureRefused(Exception):
    """The call is forged, stale or unsigned."""


class SecretUnusable(Exception):
    """The configured secret cannot be used. The message says how it should look, never what it is."""


@dataclass(frozen=True, slots=True)
class Untranslatable:
    """A notification that is authentic but says nothing that the contract knows; `raw` is kept.

    `raw` is a body that the same connector would read again, holding this notification only.
    """

    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """`url` is the public address the vendor called, query included; header names are in lower case.

    Header values are whatever the caller sent: perhaps not ASCII, perhaps several joined by commas.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the vendor is told once Kafka holds what it sent."""

    status: int
    content_type: str
    body: bytes
