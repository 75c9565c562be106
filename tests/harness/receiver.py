"""A webhook receiver as an integrator writes it: verifies, takes each webhook-id once; and can be unwell."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + "c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz"


@dataclass(frozen=True, slots=True)
class Reply:
    """How to answer one request: after `until` is set, or not at all and hang up (`drop`)."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    until: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Request:
    webhook_id: str
    body: bytes
    headers: Mapping[str, str]
    payload: dict[str, Any]
    at: float


class Receiver(ThreadingHTTPServer):
    """Answers each request by `script`, given the requests so far; `effects` holds each webhook-id once."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook?tenant=1"
        self.script: Callable[[Request, int], Reply] = lambda _request, _number: Reply()
        self.requests: list[Request] = []
        self.effects: dict[str, dict[str, Any]] = {}
        self.forged = 0
        self.in_flight: dict[str, int] = {}
        self.most_in_flight_of_a_lead = 0
        self.most_in_flight = 0
        self.changed = threading.Condition()

    @property
    def settings(self) -> dict[str, str]:
        """Of an installation that writes back here."""
        return {
            "WRITEBACK_WEBHOOK_URL": self.url,
            "WRITEBACK_WEBHOOK_SECRET": SECRET,
            "WRITEBACK_ALLOW_PRIVATE": "1",
        }

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout_s), f"{len(self.requests)} requests came"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that hung up is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            payload = Webhook(SECRET).verify(body, dict(self.headers))
        except Exception:
            self.server.forged += 1
            self._answer(Reply(401))
            return
        request = Request(self.headers["webhook-id"], body, dict(self.headers), payload, time.monotonic())
        with self._counted(payload["data"]["lead_id"]):
            with self.server.changed:
                self.server.requests.append(request)
                number = len(self.server.requests)
                reply = self.server.script(request, number)
                if 200 <= reply.status < 300:
                    self.server.effects.setdefault(request.webhook_id, payload)
                self.server.changed.notify_all()
            if reply.until:
                reply.until.wait(30)
        if reply.drop:
            self.close_connection = True
            return
        self._answer(reply)

    @contextmanager
    def _counted(self, lead_id: str) -> Iterator[None]:
        server = self.server
        with server.changed:
            server.in_flight[lead_id] = server.in_flight.get(lead_id, 0) + 1
            server.most_in_flight_of_a_lead = max(server.most_in_flight_of_a_lead, server.in_flight[lead_id])
            server.most_in_flight = max(server.most_in_flight, sum(server.in_flight.values()))
            server.changed.notify_all()
        try:
            yield
        finally:
            with server.changed:
                server.in_flight[lead_id] -= 1

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()
