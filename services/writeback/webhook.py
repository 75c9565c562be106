"""The destination "outgoing webhook": one signed POST, https://www.standardwebhooks.com (1.0.0)."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import httpx
from standardwebhooks import Webhook

from services.writeback.address import AddressRefused, NameUnresolved, resolve
from services.writeback.retry import Answer
from shared.retry_after import read_retry_after

TIMEOUT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 64 * 1024
_PORTS: Final = {"http": 80, "https": 443}


class WebhookDestination:
    """Where webhooks are posted. Safe between threads; `close` it."""

    name: Final = "webhook"

    def __init__(self, url: str, secret: str, *, allow_private: bool, timeout_s: float = TIMEOUT_S) -> None:
        self._url = httpx.URL(url)
        self._signer = Webhook(secret)
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            # SSL_CERT_FILE may name a house's own certificates. A proxy from the environment would resolve
            # the name again: none is used.
            verify=httpx.create_ssl_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=timeout_s,
            headers={"user-agent": "eclaireur", "accept-encoding": "identity"},
        )

    def post(self, delivery_id: UUID, body: bytes) -> Answer:
        """Sign `body` as of now and post it once. Every failure is an answer, none is raised."""
        try:
            addresses = resolve(
                self._url.raw_host.decode(),
                self._url.port or _PORTS[self._url.scheme],
                allow_private=self._allow_private,
                encrypted=self._url.scheme == "https",
            )
        except NameUnresolved:
            return Answer(error="name_unresolved")
        except AddressRefused:
            return Answer(error="address_refused")
        for address in addresses:
            try:
                return self._post_to(address, delivery_id, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing was sent yet: the next address may be the one that listens
            except httpx.TimeoutException:
                return Answer(error="timeout")
            except httpx.HTTPError:
                return Answer(error="connection_lost")
        return Answer(error="connection_failed")

    def _post_to(self, address: str, delivery_id: UUID, body: bytes) -> Answer:
        now = datetime.now(UTC)
        headers = {
            "host": self._url.netloc.decode(),
            "content-type": "application/json",
            "webhook-id": str(delivery_id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(str(delivery_id), now, body.decode()),
        }
        with self._client.stream(
            "POST",
            self._url.copy_with(host=address),
            content=body,
            headers=headers,
            # The certificate must be the name's, not the address's.
            extensions={"sni_hostname": self._url.raw_host.decode()},
        ) as response:
            self._drain(response)
            return Answer(
                status=response.status_code,
                error=None if response.is_success else "http_status",
                retry_after_s=read_retry_after(response.headers.get("retry-after"), now),
            )

    def _drain(self, response: httpx.Response) -> None:
        """Read a small answer to its end, so that the connection can be used again; it is not kept."""
        deadline = time.monotonic() + self._timeout_s
        size = 0
        with suppress(httpx.HTTPError):
            for part in response.iter_raw():
                size += len(part)
                if size > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                    return

    def close(self) -> None:
        self._client.close()
