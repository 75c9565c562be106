"""Streaming: batches, patience, and a second run that changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest

from deploy.demo.stream import MAX_ATTEMPTS, MAX_WAIT_S, IngestRefused, Streamed, remembered_now, stream

LONG_AGO = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Ingest:
    """Takes everything, remembers each body, answers what the test put in front."""

    def __init__(self, *first: httpx.Response) -> None:
        self.first = list(first)
        self.requests: list[httpx.Request] = []
        self.seen: set[bytes] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.first:
            return self.first.pop(0)
        lines = request.content.split(b"\n")
        duplicates = sum(line in self.seen for line in lines)
        self.seen.update(lines)
        taken = {"accepted": len(lines) - duplicates, "duplicates": duplicates, "rejected": []}
        return httpx.Response(202, json=taken)


def _stream(
    ingest: Callable[[httpx.Request], httpx.Response], now: datetime = LONG_AGO, leads: int = 60
) -> tuple[Streamed, list[float], list[tuple[str, int, int]]]:
    waits: list[float] = []
    seen: list[tuple[str, int, int]] = []
    streamed = stream(
        "http://127.0.0.1:1",
        "key",
        now=now,
        leads=leads,
        transport=httpx.MockTransport(ingest),
        sleep=waits.append,
        progress=lambda *step: seen.append(step),
    )
    return streamed, waits, seen


def test_history_goes_in_batches_then_the_day_one_by_one_with_the_key() -> None:
    ingest = Ingest()
    streamed, waits, steps = _stream(ingest)
    kinds = [request.headers["Content-Type"] for request in ingest.requests]
    batches = kinds.count("application/x-ndjson")
    assert batches == -(-streamed.history // 500)
    assert kinds[batches:] == ["application/cloudevents+json"] * streamed.live
    assert {request.headers["Authorization"] for request in ingest.requests} == {"Bearer key"}
    assert {request.url.path for request in ingest.requests} == {"/v1/events"}
    assert len(ingest.seen) == streamed.history + streamed.live
    assert steps[-1] == ("live", streamed.live, streamed.live)
    assert ("history", streamed.history, streamed.history) in steps
    assert waits == []


def test_a_second_run_posts_the_same_events() -> None:
    ingest = Ingest()
    first, _, _ = _stream(ingest)
    second, _, _ = _stream(ingest)
    assert first.duplicates == 0
    assert second.duplicates == second.history + second.live == first.history + first.live


def test_the_day_is_paced_when_it_is_today() -> None:
    _, waits, _ = _stream(Ingest(), now=datetime.now(UTC) - timedelta(seconds=1))
    assert len(waits) == 210
    assert all(0 < wait < 5.1 for wait in waits)


def test_a_busy_or_absent_ingest_is_waited_for_as_it_asks_within_bounds() -> None:
    first = [
        httpx.Response(503, headers={"Retry-After": "3"}),
        httpx.Response(503, headers={"Retry-After": "9999"}),
        httpx.Response(503),
    ]
    ingest = Ingest(*first)
    refused_once = iter([True])

    def answer(request: httpx.Request) -> httpx.Response:
        if next(refused_once, False):
            raise httpx.ConnectError("refused")
        return ingest(request)

    _, waits, _ = _stream(answer)
    assert waits == [1.0, 3.0, MAX_WAIT_S, 1.0]


def test_an_ingest_that_never_takes_anything_is_given_up() -> None:
    ingest = Ingest(*[httpx.Response(503) for _ in range(100)])
    with pytest.raises(IngestRefused, match="30 attempts"):
        _stream(ingest)
    assert len(ingest.requests) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(401, text="unknown key"), "401: unknown key"),
        (
            httpx.Response(202, json={"accepted": 1, "rejected": [{"index": 0, "id": "x", "error": "no"}]}),
            "rejected 1",
        ),
    ],
)
def test_a_refusal_stops_the_stream_and_says_so(answer: httpx.Response, said: str) -> None:
    with pytest.raises(IngestRefused, match=said):
        _stream(Ingest(answer))


def test_the_body_is_one_event_a_line() -> None:
    ingest = Ingest()
    _stream(ingest)
    for line in ingest.requests[0].content.split(b"\n"):
        assert orjson.loads(line)["declaredhistory"] is True


def test_the_demonstrations_present_is_kept_between_runs(tmp_path: Path) -> None:
    path = tmp_path / "present"
    first = remembered_now(path)
    assert first.tzinfo is not None
    assert remembered_now(path) == first
