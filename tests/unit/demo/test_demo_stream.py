"""Streaming: the year in batches, the day at its pace, and a second run that changes nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest

from deploy.demo.stream import Streamed, remembered_now, stream
from shared.posting import PostingFailed

LONG_AGO = datetime(2026, 1, 5, 12, tzinfo=UTC)
LEADS = 60


class Ingest:
    """Takes everything and remembers each line; `rejected` is what it says of the first request."""

    def __init__(self, rejected: tuple[dict[str, object], ...] = ()) -> None:
        self.rejected = list(rejected)
        self.requests: list[list[bytes]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        lines = request.content.split(b"\n")
        self.requests.append(lines)
        rejected, self.rejected = self.rejected, []
        return httpx.Response(202, json={"accepted": len(lines) - len(rejected), "rejected": rejected})

    @property
    def lines(self) -> list[bytes]:
        return [line for lines in self.requests for line in lines]


def streamed(
    ingest: Ingest, now: datetime = LONG_AGO
) -> tuple[Streamed, list[float], list[tuple[str, int, int]]]:
    waits: list[float] = []
    steps: list[tuple[str, int, int]] = []
    with httpx.Client(base_url="http://ingest", transport=httpx.MockTransport(ingest)) as client:
        done = stream(
            client,
            now=now,
            leads=LEADS,
            sleep=waits.append,
            progress=lambda *step: steps.append(step),
        )
    return done, waits, steps


def test_history_goes_in_batches_then_the_day_one_by_one() -> None:
    ingest = Ingest()
    done, waits, steps = streamed(ingest)
    batches = -(-done.history // 500)
    assert [len(lines) for lines in ingest.requests[batches:]] == [1] * done.live
    assert all(orjson.loads(line)["declaredhistory"] for line in ingest.lines[: done.history])
    assert len(set(ingest.lines)) == done.history + done.live
    assert ("history", done.history, done.history) in steps
    assert steps[-1] == ("live", done.live, done.live)
    assert waits == []


def test_a_second_run_posts_the_same_events() -> None:
    first, second = Ingest(), Ingest()
    streamed(first)
    streamed(second)
    assert first.lines == second.lines


def test_the_day_is_paced_when_it_is_today() -> None:
    _, waits, _ = streamed(Ingest(), now=datetime.now(UTC) - timedelta(seconds=1))
    assert len(waits) == 210
    assert all(0 < wait < 5.1 for wait in waits)


def test_a_rejected_event_stops_the_stream_and_says_why() -> None:
    with pytest.raises(PostingFailed, match="rejected 1 events, the first: type: not known"):
        streamed(Ingest(({"index": 0, "id": "x", "error": "type: not known"},)))


def test_the_demonstrations_present_is_kept_between_runs(tmp_path: Path) -> None:
    path = tmp_path / "present"
    first = remembered_now(path)
    assert first.tzinfo is not None
    assert remembered_now(path) == first
