"""What the vendors' ways of proving a call have in common. Every comparison takes constant time."""

import base64
import binascii
import hashlib
import hmac
import secrets
from urllib.parse import parse_qs, urlsplit

from services.ingest.connectors.webhook_call import SecretUnusable, SignatureRefused, WebhookCall


def check_usable(secret: str) -> None:
    """Raises SecretUnusable when no signature can be made with it."""
    if not secret.strip():
        raise SecretUnusable("it is empty")
    try:
        secret.encode()
    except UnicodeEncodeError as error:
        raise SecretUnusable("it is not text in UTF-8") from error


def same(given: str, expected: str) -> bool:
    """Whether two texts are equal. Nothing equals an empty one: a secret that was never set opens no door."""
    equal = hmac.compare_digest(
        given.encode("utf-8", "backslashreplace"), expected.encode("utf-8", "backslashreplace")
    )
    return equal and bool(expected)


def hmac_hex(secret: str, message: bytes, digest: str) -> str:
    return hmac.new(secret.encode(), message, digest).hexdigest()


def hmac_base64(secret: str, message: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def check_header(call: WebhookCall, name: str, expected: str) -> None:
    """Raises SignatureRefused when the header `name` is not `expected`."""
    if not same(call.headers.get(name, ""), expected):
        raise SignatureRefused(f"{name} is missing or does not match")


def check_basic(call: WebhookCall, secret: str) -> None:
    """HTTP basic authentication (RFC 7617); `secret` is "user:password".

    Raises SignatureRefused, and SecretUnusable when the secret is not of that form.
    """
    if not all(secret.partition(":")):
        raise SecretUnusable('write it as "user:password"')
    scheme, _, given = call.headers.get("authorization", "").partition(" ")
    try:
        credentials = base64.b64decode(given.strip().encode("ascii"), validate=True).decode()
    except (binascii.Error, ValueError):
        credentials = ""
    if scheme.lower() != "basic" or not same(credentials, secret):
        raise SignatureRefused("the user or the password of HTTP basic authentication does not match")


def token_secret() -> str:
    """A random secret: 256 bits in letters that pass in an address."""
    return secrets.token_urlsafe(32)


def basic_secret() -> str:
    return f"eclaireur:{token_secret()}"


def standard_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def in_query(call: WebhookCall, name: str) -> str:
    """The one value of a query parameter; "" when it is missing or given twice."""
    try:
        values = parse_qs(urlsplit(call.url).query, max_num_fields=50).get(name, [])
    except ValueError:
        return ""
    return values[0] if len(values) == 1 else ""
