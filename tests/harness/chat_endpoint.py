"""An OpenAI-compatible endpoint on loopback: it speaks the protocol and says what a test scripts."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """How to answer: a completion of `text`, or `raw` bytes instead; after `until` is set, piece by piece."""

    text: str = ""
    status: int = 200
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    until: threading.Event | None = None
    trickle_s: float = 0


class ChatEndpoint(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.script: Callable[[str], Said] = Said
        """What it says to the letter that it is given; without a script the letter itself."""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.called = threading.Event()
        self.stopping = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: ChatEndpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.called.set()
        self.server.keys.append(self.headers.get("Authorization"))
        assert self.path == "/v1/chat/completions", self.path
        said = self.server.script(body["messages"][-1]["content"])
        if said.until:
            said.until.wait(30)
        message = {"role": "assistant", "content": said.text}
        completion = {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message}]}
        answer = said.raw if said.raw is not None else json.dumps(completion).encode()
        self.send_response(said.status)
        for name, value in ({"Content-Type": "application/json"} | said.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if not said.trickle_s:
            self.wfile.write(answer)
            return
        for byte in answer:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.stopping.wait(said.trickle_s):
                return

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def chat_endpoint() -> Iterator[ChatEndpoint]:
    with ChatEndpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()
