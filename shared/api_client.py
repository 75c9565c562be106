"""Calling the services' APIs from the command line, with errors that a person can act on."""

import os
from typing import Any

import httpx

from shared.errors import UserError

TIMEOUT_S = 30.0


def api_key(*scopes: str) -> str:
    """The key of the installation's own command line, or the caller's. Raises UserError."""
    key = os.environ.get("ECLAIREUR_API_KEY")
    if not key:
        raise UserError(
            "No API key: start the installation with `make run`, name its folder with --data-dir, or set "
            f"ECLAIREUR_API_KEY to a key with the scopes {' and '.join(scopes)}."
        )
    return key


def api_client(address: str, key: str) -> httpx.Client:
    """A client of the service at `address`, never through a proxy when that is this machine."""
    local = "://127.0.0.1" in address or "://localhost" in address
    return httpx.Client(
        base_url=address,
        headers={"Authorization": f"Bearer {key}"},
        timeout=TIMEOUT_S,
        trust_env=not local,
    )


def ask(client: httpx.Client, method: str, path: str, **request: Any) -> dict[str, Any]:
    """The JSON body of a good answer. Raises UserError with the service's own words for a bad one."""
    try:
        answer = client.request(method, path, **request)
    except httpx.TransportError as error:
        raise UserError(
            f"{client.base_url} does not answer. Is it running? See `eclaireur status`."
        ) from error
    try:
        body: dict[str, Any] = answer.json()
    except ValueError as error:
        raise UserError(
            f"{client.base_url} answered {answer.status_code}, but not as a service does."
        ) from error
    if answer.is_error:
        raise UserError(f"{body.get('title', answer.status_code)}. {_told(body)}".strip())
    return body


def _told(problem: dict[str, Any]) -> str:
    """What is wrong, field by field where the service says so."""
    fields = [f"{one.get('field', '')}: {one.get('error', '')}" for one in problem.get("errors") or []]
    return problem.get("detail") or "; ".join(fields)
