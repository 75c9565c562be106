"""Posts events to ingest like any other client: NDJSON batches, again while the answer is 503 or 429."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import httpx
import orjson

from shared.errors import UserError
from shared.retry_after import read_retry_after

BATCH = 500
GIVE_UP_AFTER_S = 120.0
WAIT_S = 1.0
"""Between two attempts, when ingest does not say how long."""


class PostingFailed(UserError):
    """Ingest could not be reached, or refused the caller."""


@dataclass(slots=True)
class Posted:
    """`rejected` holds ingest's own words, one per event it would not take."""

    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


def post_events(
    events: Iterable[dict[str, Any]],
    client: httpx.Client,
    *,
    batch: int = BATCH,
    progress: Callable[[int], None] = lambda posted: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Posted:
    """Post `events` in order, `batch` at once, with a `client` of ingest's (see shared.api_client).

    `events` is read as it is posted: one that waits sets the pace. While ingest does not answer or answers
    503 or 429, waits as its Retry-After says, within two minutes for one batch. Raises PostingFailed after
    that and on any other answer; what was accepted stays, and posting again is safe.
    """
    posted = Posted()
    for some in _batches(iter(events), batch):
        body = _post(client, b"\n".join(orjson.dumps(event) for event in some), sleep, clock)
        posted.accepted += body.get("accepted", 0)
        posted.rejected += body.get("rejected", [])
        progress(len(some))
    return posted


def _batches(events: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(events, size)):
        yield batch


def _post(
    client: httpx.Client, content: bytes, sleep: Callable[[float], None], clock: Callable[[], float]
) -> dict[str, Any]:
    """What ingest says of a batch: 202, or 422 when it refused each event of it."""
    deadline = clock() + GIVE_UP_AFTER_S
    while True:
        try:
            answer = client.post(
                "/v1/events", content=content, headers={"Content-Type": "application/x-ndjson"}
            )
        except httpx.TransportError as error:
            wait_s, reason = WAIT_S, f"{client.base_url} does not answer ({type(error).__name__})"
        else:
            body = _read(answer)
            if answer.status_code == 202 or (answer.status_code == 422 and "rejected" in body):
                return body
            if answer.status_code not in (429, 503):
                said = body.get("detail") or body.get("title") or ""
                raise PostingFailed(f"ingest answered {answer.status_code}. {said}".strip())
            asked_s = read_retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
            wait_s = WAIT_S if asked_s is None else max(asked_s, WAIT_S)
            reason = "ingest cannot take events for now"
        if clock() + wait_s > deadline:
            raise PostingFailed(f"{reason}. Is it running? See `eclaireur status`; then try again.")
        sleep(wait_s)


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
