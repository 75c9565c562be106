"""Posting to ingest: batches, patience within bounds, and its words when it refuses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import orjson
import pytest

from shared.posting import GIVE_UP_AFTER_S, Posted, PostingFailed, post_events

EVENTS = [{"id": str(number)} for number in range(5)]


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def taken(request: httpx.Request) -> httpx.Response:
    return httpx.Response(202, json={"accepted": request.content.count(b"\n") + 1, "rejected": []})


def post(
    *first: httpx.Response | Exception,
    then: Callable[[httpx.Request], httpx.Response] = taken,
    batch: int = 500,
    time: Time | None = None,
) -> tuple[Posted, list[httpx.Request]]:
    """Post EVENTS to an ingest that answers `first`, `then` the rest."""
    time = time or Time()
    answers, requests = list(first), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if not answers:
            return then(request)
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    with httpx.Client(base_url="http://ingest", transport=httpx.MockTransport(answer)) as client:
        return post_events(EVENTS, client, batch=batch, sleep=time.sleep, clock=lambda: time.now), requests


def test_events_go_in_order_in_batches_one_a_line() -> None:
    posted, requests = post(batch=2)
    assert posted == Posted(accepted=5)
    bodies = [[orjson.loads(line) for line in request.content.split(b"\n")] for request in requests]
    assert bodies == [EVENTS[:2], EVENTS[2:4], EVENTS[4:]]
    assert {request.headers["Content-Type"] for request in requests} == {"application/x-ndjson"}
    assert {request.url.path for request in requests} == {"/v1/events"}


def test_a_busy_or_absent_ingest_is_waited_for_as_it_asks() -> None:
    time = Time()
    posted, _ = post(
        httpx.ConnectError("refused"),
        httpx.Response(503, headers={"Retry-After": "3"}),
        httpx.Response(503, headers={"Retry-After": "soon"}),
        httpx.Response(503),
        time=time,
    )
    assert posted.accepted == 5
    assert time.waits == [1.0, 3.0, 1.0, 1.0]


def test_a_retry_after_that_is_a_date_is_waited_for() -> None:
    time = Time()
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    post(httpx.Response(503, headers={"Retry-After": when}), time=time)
    assert len(time.waits) == 1
    assert 25 < time.waits[0] <= 30


def test_an_ingest_that_takes_nothing_is_given_up_after_two_minutes() -> None:
    time = Time()
    with pytest.raises(PostingFailed, match="eclaireur status"):
        post(then=lambda _: httpx.Response(503), time=time)
    assert sum(time.waits) == GIVE_UP_AFTER_S


def test_what_ingest_rejects_is_told_in_its_own_words() -> None:
    rejected: list[dict[str, Any]] = [{"index": 0, "id": "0", "error": "type: not known"}]
    posted, _ = post(
        httpx.Response(202, json={"accepted": 1, "rejected": rejected}),
        httpx.Response(422, json={"title": "No event was taken", "rejected": rejected}),
        batch=2,
    )
    assert posted == Posted(accepted=2, rejected=rejected * 2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            httpx.Response(401, json={"title": "Key not accepted", "detail": "It is revoked."}),
            "It is revoked",
        ),
        (httpx.Response(403, json={"title": "Not allowed"}), "403. Not allowed"),
        (httpx.Response(502, text="<html>bad gateway"), "answered 502"),
        (httpx.Response(422, text="not ours", headers={"Content-Type": "application/json"}), "422"),
    ],
)
def test_any_other_answer_stops_it(answer: httpx.Response, said: str) -> None:
    with pytest.raises(PostingFailed, match=said):
        post(answer)
