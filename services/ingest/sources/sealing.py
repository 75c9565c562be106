"""Secrets at rest: encrypted with a key derived from TOKEN_SECRET, there is no other to keep."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Unreadable(Exception):
    """It was sealed with another TOKEN_SECRET."""


class Sealer:
    """Seals texts and opens them again."""

    def __init__(self, token_secret: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"eclaireur ingest source secrets")
        self._fernet = Fernet(base64.urlsafe_b64encode(derived.derive(token_secret.encode())))

    def seal(self, secret: str) -> bytes:
        return self._fernet.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """Raises Unreadable."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise Unreadable from error
