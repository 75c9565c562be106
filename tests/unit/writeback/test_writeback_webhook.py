import socket
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from services.writeback.retry import Answer, Verdict
from services.writeback.webhook import WebhookDestination
from tests.harness.receiver import SECRET, Receiver, Reply, running_receiver

BODY = '{"type":"lead.scored","data":{"lead_id":"é"}}'.encode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


def post(url: str, *, secret: str = SECRET, allow_private: bool = True, timeout_s: float = 5) -> Answer:
    destination = WebhookDestination(url, secret, allow_private=allow_private, timeout_s=timeout_s)
    try:
        return destination.post(uuid4(), BODY)
    finally:
        destination.close()


def test_the_receiver_can_verify_what_it_gets(receiver: Receiver) -> None:
    assert post(receiver.url) == Answer(204)
    assert receiver.requests[0].body == BODY
    assert receiver.requests[0].headers["content-type"] == "application/json"


def test_the_host_header_is_the_name_and_the_connection_the_resolved_address(receiver: Receiver) -> None:
    assert post(receiver.url.replace("127.0.0.1", "localhost")).verdict is Verdict.DELIVERED
    assert receiver.requests[0].headers["host"] == f"localhost:{receiver.server_port}"


def test_another_secret_is_not_accepted(receiver: Receiver) -> None:
    other = "whsec_" + "eA" * 16
    assert post(receiver.url, secret=other) == Answer(401, "http_status")
    assert receiver.effects == {}


def test_a_private_address_is_refused_before_anything_is_sent(receiver: Receiver) -> None:
    assert post(receiver.url, allow_private=False) == Answer(error="address_refused")
    assert post(receiver.url.replace("http", "https"), allow_private=False).error == "address_refused"
    assert receiver.requests == []


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.script = lambda _request, _number: Reply(302, {"location": receiver.url})
    assert post(receiver.url) == Answer(302, "http_status")
    assert len(receiver.requests) == 1


def test_the_environment_sets_no_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert post(receiver.url).verdict is Verdict.DELIVERED


def test_retry_after_is_told(receiver: Receiver) -> None:
    receiver.script = lambda _request, _number: Reply(503, {"retry-after": "7"})
    assert post(receiver.url) == Answer(503, "http_status", 7.0)


def test_a_receiver_that_keeps_silent_times_out(receiver: Receiver) -> None:
    silent = threading.Event()
    receiver.script = lambda _request, _number: Reply(until=silent)
    assert post(receiver.url, timeout_s=0.2) == Answer(error="timeout")
    silent.set()


def test_a_dropped_connection_is_an_answer(receiver: Receiver) -> None:
    receiver.script = lambda _request, _number: Reply(drop=True)
    assert post(receiver.url) == Answer(error="connection_lost")


def test_a_port_on_which_nobody_listens_is_an_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert post(f"http://127.0.0.1:{taken.getsockname()[1]}/").error == "connection_failed"


def test_a_receiver_without_a_certificate_gets_nothing(receiver: Receiver) -> None:
    assert post(receiver.url.replace("http", "https")).verdict is Verdict.FAILED
    assert receiver.requests == []
