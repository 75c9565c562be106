"""How fast ingest takes events, beside what it is made of, on the same broker, in turn. See bench/README.md.

`make bench-ingest`, or `python -m bench.ingest --rounds 5 --seconds 4 --json`.
"""

import base64
import json
import multiprocessing
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import psutil
import typer
from flask import Flask
from kafka import KafkaProducer
from rich.console import Console
from rich.table import Table
from standardwebhooks import Webhook

import services.ingest.app as ingest_app
from deploy.processes import SERVERS, gunicorn_command
from services.ingest.accept import NDJSON, SINGLE, Sender, accept, split
from shared.contracts.topics import CRM_EVENTS, TOPICS
from shared.kafka.admin import create_topics
from tests.harness.platform import Installation, new_installation, running_platform
from tests.harness.processes import free_port, running, wait_until

PROCESSES = SERVERS["ingest"].processes
LARGE, MEDIUM = 1_000, 100
LEADS = 500
SECRET = "whsec_" + base64.b64encode(b"benchmark" * 4).decode()
PAIRS = {
    "1,000 a body / bare producer": ("1,000 a body", "bare producer"),
    "100 a body / 1,000": ("100 a body", "1,000 a body"),
    "single / without Kafka": ("single", "single, without Kafka"),
}
TARGETS = dict(zip(PAIRS, (0.60, 0.55, 0.45), strict=True))


@dataclass(frozen=True, slots=True)
class Measured:
    """One side in one round. `cpu_us` is of the server's processes (or the producers'), per event."""

    events_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    resident_mb: float


def event(number: int, source: str) -> dict[str, Any]:
    """About 360 bytes, as a form sends it."""
    lead = {
        "email": f"lead{number % LEADS}@example.fr",
        "name": "Claire Durand",
        "company": "Hydro SA",
        "attributes": {"sector": "water", "employees": 120},
    }
    return {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": source,
        "type": "crm.form.submitted",
        "time": "2026-03-14T09:26:53Z",
        "data": {"lead": lead, "form": "devis", "fields": {"need": "pompe", "when": "juin"}},
    }


def body(size: int, source: str) -> bytes:
    return b"\n".join(orjson.dumps(event(number, source)) for number in range(size))


# What sends: processes that wait to be told to, and tell what they saw.


def post_for(
    seconds: float, url: str, threads: int, requests: list[tuple[str, bytes, dict[str, str]]]
) -> Any:
    """Post over `threads` connections, one request after the other; (requests done, latencies in s)."""
    latencies: list[float] = []
    address = urlsplit(url)
    end = time.monotonic() + seconds

    def one(first: int) -> None:
        connection = HTTPConnection(address.hostname or "", address.port or 80, timeout=30)
        number = first
        while time.monotonic() < end:
            path, content, headers = requests[number % len(requests)]
            number += 1
            started = time.perf_counter()
            connection.request("POST", path, content, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {said[:300]!r}")
            latencies.append(time.perf_counter() - started)
        connection.close()

    workers = [threading.Thread(target=one, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return latencies


def poster(pipe: Connection, url: str, threads: int, size: int, key: str) -> None:
    """Bodies of `size` events: signed as Standard Webhooks, or a single one with a key."""
    requests = []
    if size == 1:
        for number in range(50):
            headers = {"Content-Type": SINGLE, "Authorization": f"Bearer {key}"}
            requests.append(("/v1/events", orjson.dumps(event(number, "forms")), headers))
    else:
        for _ in range(4):
            content = body(size, "standard")
            now = datetime.now(UTC)
            signature = Webhook(SECRET).sign("msg", now, content.decode())
            headers = {
                "Content-Type": NDJSON,
                "webhook-id": "msg",
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signature,
            }
            requests.append(("/v1/webhooks/standard", content, headers))
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        pipe.send((post_for(seconds, url, threads, requests), 0.0, 0))


def bare_producer(pipe: Connection, bootstrap: str, topic: str) -> None:
    """kafka-python alone, as well tuned as ingest's: the same records, one wait per 1,000."""
    outgoing = accept(
        split(body(LARGE, "standard"), NDJSON), Sender(None, history=False), datetime.now(UTC)
    ).outgoing
    records = [
        (one.key.encode(), one.value, [(name, value.encode()) for name, value in one.headers.items()])
        for one in outgoing
    ]
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=False,
        acks="all",
        max_in_flight_requests_per_connection=1,
        linger_ms=5,
        batch_size=256 * 1024,
        compression_type="lz4",
    )
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        latencies = []
        cpu, end = time.process_time(), time.monotonic() + seconds
        while time.monotonic() < end:
            started = time.perf_counter()
            for future in [
                producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in records
            ]:
                future.get(30)
            latencies.append(time.perf_counter() - started)
        pipe.send((latencies, time.process_time() - cpu, psutil.Process().memory_info().rss))
    producer.close()


class Crew:
    """Processes that do the same thing when told to."""

    def __init__(self, target: Callable[..., None], *args: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes = []
        for _ in range(PROCESSES):
            ours, theirs = context.Pipe()
            context.Process(target=target, args=(theirs, *args), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)

    def wait_ready(self) -> None:
        for pipe in self._pipes:
            pipe.recv()

    def work(self, seconds: float) -> tuple[list[float], float, int]:
        """(latency of each request, CPU in s, resident bytes), of all."""
        for pipe in self._pipes:
            pipe.send(seconds)
        told = [pipe.recv() for pipe in self._pipes]
        return [x for one in told for x in one[0]], sum(one[1] for one in told), sum(one[2] for one in told)

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)


# The servers.


class NoKafka:
    """In the place of the publisher: confirms at once."""

    def __init__(self, *_args: Any, **_settings: Any) -> None:
        pass

    def publish(self, _records: Any, **_settings: Any) -> None:
        pass

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


def without_kafka() -> Flask:
    """The same application, which confirms without a broker."""
    ingest_app.Publisher = NoKafka  # type: ignore[misc, assignment]
    return ingest_app.create_app()


@contextmanager
def serving(installation: Installation, folder: Path, factory: str) -> Iterator[tuple[str, psutil.Process]]:
    """gunicorn with the command line of an installation; gives its address and process."""
    folder.mkdir()
    served = SERVERS["ingest"]
    environment = {
        **installation.environment,
        "INGEST_STATE_DIR": str(folder / "state"),
        "INGEST_WEBHOOK_SECRETS": json.dumps({"standard": [SECRET]}),
        served.port_variable: str(free_port()),
    }
    command = [*gunicorn_command(served, environment)[:-1], factory]
    with running(command, environment, folder / "log") as process:
        url = served.url(environment)
        address = urlsplit(url)

        def answers() -> bool:
            connection = HTTPConnection(address.hostname or "", address.port or 80, timeout=5)
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except OSError:
                return False
            finally:
                connection.close()

        wait_until(answers, timeout_s=120, what="ingest")
        yield url, psutil.Process(process.pid)


def cpu_s(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def resident(process: psutil.Process) -> int:
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


def measure(crew: Crew, size: int, seconds: float, server: psutil.Process | None) -> Measured:
    before = cpu_s(server) if server else 0.0
    started = time.monotonic()
    latencies, cpu, memory = crew.work(seconds)
    elapsed = time.monotonic() - started
    if server:
        cpu, memory = cpu_s(server) - before, resident(server)
    events = len(latencies) * size
    ordered = sorted(latencies)
    return Measured(
        events_per_s=events / elapsed,
        cpu_us=cpu / events * 1e6,
        p50_ms=ordered[len(ordered) // 2] * 1e3,
        p99_ms=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3,
        resident_mb=memory / 1e6,
    )


def run(rounds: int, seconds: float, screen: Console) -> dict[str, list[Measured]]:
    """Each side once a round, in turn, so that a noisy machine is noisy to all of them."""
    results: dict[str, list[Measured]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        platform = stack.enter_context(running_platform())
        installation = replace(stack.enter_context(new_installation(platform)), topic_prefix="bench.")
        topics = {topic.name: (topic.partitions, topic.config) for topic in TOPICS}
        create_topics(platform.bootstrap, topics, prefix=installation.topic_prefix)
        key = installation.key("events:write")
        shipped = stack.enter_context(
            serving(installation, folder / "shipped", "services.ingest.app:create_app()")
        )
        stubbed = stack.enter_context(
            serving(installation, folder / "without", "bench.ingest:without_kafka()")
        )
        topic = installation.topic_prefix + CRM_EVENTS
        sides: dict[str, tuple[Crew, int, psutil.Process | None]] = {
            "bare producer": (Crew(bare_producer, platform.bootstrap, topic), LARGE, None),
            "1,000 a body": (Crew(poster, shipped[0], 2, LARGE, key), LARGE, shipped[1]),
            "100 a body": (Crew(poster, shipped[0], 4, MEDIUM, key), MEDIUM, shipped[1]),
            "1,000, without Kafka": (Crew(poster, stubbed[0], 2, LARGE, key), LARGE, stubbed[1]),
            "single": (Crew(poster, shipped[0], 8, 1, key), 1, shipped[1]),
            "single, without Kafka": (Crew(poster, stubbed[0], 8, 1, key), 1, stubbed[1]),
        }
        for crew, _, _ in sides.values():
            crew.wait_ready()
        for name, (crew, size, server) in sides.items():
            screen.print(f"warming up: {name}")
            measure(crew, size, min(seconds, 2.0), server)
        for number in range(rounds):
            for name, (crew, size, server) in sides.items():
                found = measure(crew, size, seconds, server)
                results.setdefault(name, []).append(found)
                screen.print(f"round {number + 1}: {name}: {found.events_per_s:,.0f} events/s")
        for crew, _, _ in sides.values():
            crew.close()
    return results


def ratios(results: dict[str, list[Measured]], field: str) -> dict[str, float]:
    """For each pair the median over the rounds of the first side's `field` to the second's, of one round."""
    return {
        name: statistics.median(
            getattr(a, field) / getattr(b, field) for a, b in zip(results[one], results[other], strict=True)
        )
        for name, (one, other) in PAIRS.items()
    }


def main(rounds: int = 5, seconds: float = 4.0, as_json: bool = typer.Option(False, "--json")) -> None:
    """Measure, print medians; exit status 1 when a ratio is below its target."""
    screen = Console(stderr=True)
    results = run(rounds, seconds, screen)
    found = ratios(results, "events_per_s")
    cpu = ratios(results, "cpu_us")

    def median(side: list[Measured], name: str) -> float:
        return statistics.median(getattr(one, name) for one in side)

    medians = {
        name: {field: round(median(side, field), 1) for field in Measured.__slots__}
        for name, side in results.items()
    }
    if as_json:
        print(
            json.dumps({"ratios": found, "cpu_ratios": cpu, "targets": TARGETS, "medians": medians}, indent=2)
        )
    else:
        table = Table("side", "events/s", "CPU µs/event", "p50 ms", "p99 ms", "resident MB", box=None)
        for name, row in medians.items():
            values = [
                f"{row[field]:,.0f}" if field == "events_per_s" else f"{row[field]:,.1f}" for field in row
            ]
            table.add_row(name, *values)
        Console().print(table)
        for name, value in found.items():
            print(f"{name}: {value:.2f} (at least {TARGETS[name]:.2f}); CPU {cpu[name]:.2f} times")
    sys.exit(any(found[name] < least for name, least in TARGETS.items()))


if __name__ == "__main__":
    typer.run(main)
