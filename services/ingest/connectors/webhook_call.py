"""One call of a vendor, as the connectors see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class SignatureRefused(Exception):
    """The call is forged, stale or unsigned."""


class Untranslatable(Exception):
    """The call is authentic but says nothing that the contract knows; it is kept raw."""


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """`url` is the public address the vendor called, query included; header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
