"""Posts events to ingest like any other client: NDJSON batches, tried again while the answer is 503."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import httpx
import orjson

from shared.errors import UserError

BATCH = 500
GIVE_UP_AFTER_S = 120.0


class PostingFailed(UserError):
    """Ingest could not be reached, or refused the caller."""


@dataclass(slots=True)
class Posted:
    """`rejected` holds ingest's own words, one per event it would not take."""

    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


def post_events(
    events: Iterable[dict[str, Any]],
    *,
    ingest_url: str,
    api_key: str,
    progress: Callable[[int], None] = lambda posted: None,
) -> Posted:
    """Post `events` in order. Raises PostingFailed; what was accepted stays, and posting again is safe."""
    posted = Posted()
    with httpx.Client(
        base_url=ingest_url,
        timeout=30,
        headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/x-ndjson"},
    ) as client:
        for batch in _batches(iter(events)):
            answer = _post(client, b"\n".join(orjson.dumps(event) for event in batch))
            body = answer.json()
            posted.accepted += body.get("accepted", 0)
            posted.rejected += body.get("rejected", [])
            progress(len(batch))
    return posted


def _batches(events: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(events, BATCH)):
        yield batch


def _post(client: httpx.Client, body: bytes) -> httpx.Response:
    """202, or 422 when each event of the batch was refused; 503 and a closed port are waited for."""
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    while True:
        try:
            answer = client.post("/v1/events", content=body)
        except httpx.TransportError as error:
            wait_s, reason = 1.0, f"{client.base_url} does not answer ({type(error).__name__})"
        else:
            if answer.status_code in (202, 422):
                return answer
            if answer.status_code != 503:
                detail = answer.json().get("detail", "") if "json" in answer.headers["content-type"] else ""
                raise PostingFailed(f"ingest answered {answer.status_code}. {detail}")
            wait_s, reason = float(answer.headers.get("Retry-After", 1)), "ingest cannot take events for now"
        if time.monotonic() + wait_s > deadline:
            raise PostingFailed(f"{reason}. Is it running? See `eclaireur status`; then import again.")
        time.sleep(wait_s)
