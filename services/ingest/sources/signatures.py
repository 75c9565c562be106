"""How a source without code proves who calls: one function a scheme, and what its secrets look like."""

import base64
import hashlib
import hmac

from services.ingest.connectors import standard
from services.ingest.connectors.signing import (
    basic_secret,
    check_basic,
    check_header,
    in_query,
    same,
    standard_secret,
    token_secret,
)
from services.ingest.connectors.webhook_call import SignatureRefused, WebhookCall
from services.ingest.sources.definition import (
    Basic,
    Hmac,
    InAddress,
    InHeader,
    Signature,
    StandardWebhooks,
    Timestamp,
)

MAX_DIGITS = 15


def verify(signature: Signature, call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused, and SecretUnusable when `secret` cannot be one of this scheme."""
    match signature:
        case InAddress(parameter=parameter):
            if not same(in_query(call, parameter), secret):
                raise SignatureRefused(f"the address has no ?{parameter}=, or another one")
        case Basic():
            check_basic(call, secret)
        case InHeader(header=header, prefix=prefix):
            check_header(call, header, prefix + secret)
        case Hmac():
            _verify_hmac(signature, call, secret)
        case StandardWebhooks():
            standard.verify(call, secret)


def new_secret(signature: Signature) -> str:
    """A random secret of the form that the scheme wants."""
    match signature:
        case Basic():
            return basic_secret()
        case StandardWebhooks():
            return standard_secret()
        case _:
            return token_secret()


def _verify_hmac(signature: Hmac, call: WebhookCall, secret: str) -> None:
    message = call.body
    if signature.timestamp is not None:
        message = _fresh(signature.timestamp, call) + call.body
    made = hmac.new(secret.encode(), message, getattr(hashlib, signature.digest))
    encoded = made.hexdigest() if signature.encoding == "hex" else base64.b64encode(made.digest()).decode()
    if not same(_given(call, signature.header, signature.part), signature.prefix + encoded):
        raise SignatureRefused(f"{signature.header} is missing or does not match")


def _fresh(timestamp: Timestamp, call: WebhookCall) -> bytes:
    """What is signed before the body. Raises SignatureRefused when the call is too old or ahead."""
    given = _given(call, timestamp.header, timestamp.part)
    if not given.isascii() or not given.isdigit() or len(given) > MAX_DIGITS:
        raise SignatureRefused(f"{timestamp.header} is missing or holds no time")
    sent_s = int(given) / (1000 if timestamp.unit == "ms" else 1)
    if abs(call.received_at.timestamp() - sent_s) > timestamp.tolerance_s:
        raise SignatureRefused(f"the call is more than {timestamp.tolerance_s} s old")
    return (given + timestamp.joined_by).encode()


def _given(call: WebhookCall, header: str, part: str | None) -> str:
    value = call.headers.get(header, "")
    if part is None:
        return value.strip()
    pairs = (one.strip().partition("=") for one in value.split(","))
    return next((given for name, _, given in pairs if name == part), "")
