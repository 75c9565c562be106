"""How fast events become scores, beside only storing them, on one broker and database, in turn.

`make bench-scoring`, or `python -m bench.scoring --rounds 5 --json`. See bench/README.md.
"""

import json
import multiprocessing
import os
import random
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection as Pipe
from typing import Any

import orjson
import typer
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from bench.reasons import DEPTH, FEATURES, TREES, grown
from services.ingest.accept import Sender, accept
from services.scoring import handlers, model_store, store, trees
from services.scoring.calibration import Calibration
from services.scoring.columns import Column, Columns
from services.scoring.intake import read
from services.scoring.model import Model
from services.scoring.registry import Registry
from shared import logs
from shared.contracts.topics import CRM_EVENTS, TOPICS
from shared.kafka.admin import create_topics
from shared.kafka.consumer import Subscription, consume
from shared.kafka.publisher import Publisher
from shared.postgres import Connection, connect, connect_pool
from shared.records import Outgoing, Record
from tests.harness.platform import Platform, running_platform
from tests.harness.processes import wait_until

LEADS = 20_000
WORKERS = 2
PLAIN_EVENTS = 300
READY_S = 15.0
"""How long a first batch is waited for: a group on a busy machine may share out its partitions anew."""
KNOWN = "bench_known"
PREFIX = "bench."
TOPIC = PREFIX + CRM_EVENTS
PARTITIONS = next(topic.partitions for topic in TOPICS if topic.name == CRM_EVENTS)
SINCE = datetime.now(UTC) - timedelta(days=2)

ACTIVITIES = ("page_viewed", "form_submitted", "email_clicked", "call_logged")
CATEGORIES = {"stage": 3, "source_channel": 8, "attribute.sector": 40, "attribute.region": 40}
NUMBERS = (
    *("amount", "has_email", "has_phone", "has_company", "free_mail", "days_since_first", "days_since_last"),
    *(f"attribute.{name}" for name in ("employees", "turnover", "budget", "sites", "visits_before")),
    *(
        f"activity.{activity}.{measure}"
        for activity in ACTIVITIES
        for measure in ("count", "count_1d", "count_7d", "count_30d", "count_90d", "days_since_last")
    ),
)


@dataclass(frozen=True, slots=True)
class Side:
    """`make` names what is done with a batch (`HANDLES`); `leads`: how many the events are about; `batch`:
    how many records a poll may return."""

    make: str
    leads: int
    events: int
    workers: int = 1
    batch: int = Subscription.__dataclass_fields__["max_records"].default


def sides(leads: int) -> dict[str, Side]:
    """As many events as leads; the hot ones are a tenth of the leads."""
    hot = leads // 10
    return {
        "COPY + merge": Side("bare", leads, leads),
        "store": Side("store", leads, leads),
        "whole": Side("whole", leads, leads),
        "store, hot": Side("store", hot, leads),
        "whole, hot": Side("whole", hot, leads),
        "two workers": Side("whole", leads, leads, workers=WORKERS),
        "event by event": Side("whole", leads, PLAIN_EVENTS, batch=1),
    }


PAIRS = {
    "store / COPY + merge": ("store", "COPY + merge"),
    "whole / store": ("whole", "store"),
    "whole / store, hot": ("whole, hot", "store, hot"),
    "whole / event by event": ("whole", "event by event"),
    "two workers / one": ("two workers", "whole"),
}
TARGETS = dict(zip(PAIRS, (0.60, 0.50, 0.65, 40.0, 1.5), strict=True))


@dataclass(frozen=True, slots=True)
class Measured:
    """One side in one round. `cpu_us` is of the worker's own process, per event; `batch` the median number of
    events a transaction took; `rescored` how many scores were written."""

    events_per_s: float
    cpu_us: float
    batch: float
    rescored: int


def batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


# What is measured: a model of the size that the targets name, leads that have a history, and their events.


def fixed_model() -> Model:
    """300 trees of depth six on the 40 features that the leads of this file have; the same at each call."""
    predictor, _ = grown()
    categories = [
        Column(name, "category", tuple(f"v{level}" for level in range(count)))
        for name, count in CATEGORIES.items()
    ]
    columns = Columns((*categories, *(Column(name, "number") for name in NUMBERS)))
    return Model("xgboost", columns, predictor, Calibration(), {})


def event(number: int, event_type: str, at: datetime, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": "crm",
        "subject": f"L-{number}",
        "type": event_type,
        "time": at.isoformat(),
        "data": {"lead": {"email": f"lead{number}@company{number % 5000}.fr"}, **data},
    }


def activity(draw: random.Random, lead: int, kind: str, at: datetime) -> dict[str, Any]:
    """About 360 bytes, as a site, a form or a telephone system tells it."""
    match kind:
        case "page_viewed":
            return event(lead, "crm.page.viewed", at, url=f"https://example.fr/pages/{draw.randrange(500)}")
        case "form_submitted":
            fields = {"need": "pompe", "when": draw.choice(["juin", "juillet"])}
            return event(lead, "crm.form.submitted", at, form="devis", fields=fields)
        case "email_clicked":
            return event(lead, "crm.email.clicked", at, campaign="printemps", url="https://example.fr/prix")
        case _:
            return event(lead, "crm.call.logged", at, duration_s=draw.randrange(30, 900))


def past(draw: random.Random, lead: int) -> list[dict[str, Any]]:
    """What made the lead known: its fields, its stage and one of each activity."""
    attributes = {
        "sector": f"v{draw.randrange(40)}",
        "region": f"v{draw.randrange(40)}",
        **{name: round(draw.lognormvariate(0, 1), 2) for name in ("employees", "turnover", "budget")},
        "sites": draw.randrange(6),
        "visits_before": draw.randrange(20),
    }
    described = {
        "email": f"lead{lead}@company{lead % 5000}.fr",
        "name": f"Claire Durand {lead}",
        "company": f"Hydro {lead % 5000}",
        "phone": f"+336{lead:08d}",
        "attributes": attributes,
    }
    channel, amount = f"v{draw.randrange(8)}", draw.randrange(1_000, 90_000)
    created = event(lead, "crm.lead.created", SINCE, lead=described, source_channel=channel, amount=amount)
    staged = event(lead, "crm.stage.changed", SINCE, to=f"v{draw.randrange(3)}")
    return [created, staged, *(activity(draw, lead, kind, SINCE) for kind in ACTIVITIES)]


def news(draw: random.Random, leads: int, count: int) -> list[dict[str, Any]]:
    """`count` events, each lead having as many: activities, and a change of stage in twenty."""
    order = [number % leads for number in range(count)]
    draw.shuffle(order)
    now = datetime.now(UTC)
    return [
        event(lead, "crm.stage.changed", now, to=f"v{draw.randrange(3)}")
        if draw.random() < 0.05
        else activity(draw, lead, draw.choice(ACTIVITIES), now)
        for lead in order
    ]


def outgoing(events: Sequence[dict[str, Any]]) -> list[Outgoing]:
    """As ingest puts them on the topic."""
    parsed = [(orjson.dumps(one), lambda one=one: one) for one in events]
    accepted = accept(parsed, Sender(None, history=False), datetime.now(UTC))
    return accepted.outgoing


def as_records(sent: Sequence[Outgoing]) -> list[Record]:
    return [Record(CRM_EVENTS, 0, n, one.key, one.value, one.headers) for n, one in enumerate(sent)]


def prepare(platform: Platform, leads: int, draw: random.Random, screen: Console) -> None:
    """A database in which the model is published and every lead known and scored."""
    platform.execute(f"CREATE DATABASE {KNOWN} TEMPLATE eclaireur_template")
    url = platform.url(KNOWN)
    with connect(url, schema=store.SCHEMA, autocommit=True) as connection:
        model_store.publish(connection, fixed_model(), {"A": 0.9, "B": 0.6, "C": 0.3}, by="bench")
        registry = Registry()
        started = time.monotonic()
        for numbers in batched(range(leads), 1_000):
            events = [one for lead in numbers for one in past(draw, lead)]
            with connection.transaction():
                handlers.on_events(connection, as_records(outgoing(events)), registry)
                connection.execute("DELETE FROM outbox")
        connection.execute("UPDATE lead SET compare = false")
        connection.execute("VACUUM ANALYZE")
    screen.print(f"{leads:,} leads made known in {time.monotonic() - started:.0f} s")


# What is done with a batch.

Handle = Callable[[Connection, Sequence[Record]], Any]


def store_only(connection: Connection, records: Sequence[Record]) -> None:
    """The first step of `handlers.on_events` alone."""
    new, _ = store.take_new(connection, [read(record) for record in records])
    store.store_events(connection, [(intake, 0) for intake in new])


HANDLES: dict[str, Callable[[Registry], Handle]] = {
    "store": lambda _: store_only,
    "whole": lambda registry: partial(handlers.on_events, registry=registry),
}

_STAGED = """
    CREATE TEMPORARY TABLE staged (
        key_hash bytea, body_hash bytea, received_at timestamptz, source text, id text, subject text,
        type text, occurred_at timestamptz, known_at timestamptz, data jsonb) ON COMMIT DELETE ROWS
"""
_MERGE = """
    WITH new AS (
        INSERT INTO seen (key_hash, body_hash) SELECT key_hash, body_hash FROM staged
        ON CONFLICT DO NOTHING RETURNING key_hash
    )
    INSERT INTO event (received_at, identity_id, source, id, subject, type, occurred_at, known_at, data)
    SELECT received_at, 0, source, id, subject, type, occurred_at, known_at, data
    FROM staged JOIN new USING (key_hash)
"""
_TYPES = [
    "bytea",
    "bytea",
    "timestamptz",
    "text",
    "text",
    "text",
    "text",
    "timestamptz",
    "timestamptz",
    "jsonb",
]


def bare(url: str, sent: Sequence[Outgoing], size: int) -> tuple[float, float]:
    """The rows alone, ready in memory, by binary COPY and one merge a transaction; (seconds, CPU in s)."""
    intakes = [read(record) for record in as_records(sent)]
    rows = [
        (
            *(one.key_hash, one.body_hash, one.received_at),
            *(one.event.source, one.event.id, one.event.subject, one.event.type),
            *(one.event.occurred_at, one.event.known_at, orjson.dumps(one.event.data).decode()),
        )
        for one in intakes
    ]
    with connect(url, schema=store.SCHEMA) as connection:
        store.ensure_event_partition(connection, intakes[0].received_at.strftime("%Y-%m-01"))
        connection.execute(_STAGED)
        connection.commit()
        started, cpu = time.monotonic(), time.process_time()
        for part in batched(rows, size):
            with connection.cursor() as cursor:
                with cursor.copy("COPY staged FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(_TYPES)
                    for row in part:
                        copy.write_row(row)
                cursor.execute(_MERGE)
            connection.commit()
        return time.monotonic() - started, time.process_time() - cpu


# Workers: processes that consume as the shipped one does, and begin to be measured when told to.


@dataclass(frozen=True, slots=True)
class Signals:
    """Shared by the parent and its workers. `go`: begin; `stop`: all has been handled; `handled`: how many
    events so far."""

    go: Any
    stop: Any
    handled: Any

    def reset(self) -> None:
        self.go.clear()
        self.stop.clear()
        self.handled.value = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What one worker saw: when its last commit was, the CPU it took, how many events each batch held."""

    ended: float
    cpu_s: float
    batches: list[int]


def work(pipe: Pipe, signals: Signals, bootstrap: str, instance: str) -> None:
    """Serve runs until told None: (database url, group, side)."""
    logs.configure("bench", "ERROR")
    registry, own_tables = Registry(), trees._tables
    while (run := pipe.recv()) is not None:
        url, group, side = run
        # The plain way has XGBoost explain each score.
        trees._tables = (lambda _: None) if side.batch == 1 else own_tables  # type: ignore[assignment]
        subscription = Subscription(bootstrap, group, (CRM_EVENTS,), instance, PREFIX, max_records=side.batch)
        handle = HANDLES[side.make](registry)
        pipe.send(_one_run(pipe, signals, subscription, url, handle, side.events))


def _one_run(
    pipe: Pipe, signals: Signals, subscription: Subscription, url: str, handle: Handle, events: int
) -> Told:
    batches: list[int] = []
    began = ended = cpu = 0.0

    def handled(connection: Connection, records: Sequence[Record]) -> None:
        nonlocal began
        if not batches:
            pipe.send("ready")
            signals.go.wait()
            began = time.process_time()
        batches.append(len(records))
        handle(connection, records)

    def committed() -> None:
        nonlocal ended, cpu
        ended, cpu = time.monotonic(), time.process_time() - began
        with signals.handled.get_lock():
            signals.handled.value += batches[-1]
            if signals.handled.value >= events:
                signals.stop.set()

    with connect_pool(url, schema=store.SCHEMA, max_size=2) as pool:
        pool.wait(60)
        consume(subscription, pool, handled, stop=signals.stop, committed=committed)
    return Told(ended, cpu, batches)


class Crew:
    """The workers, started once: loading the model and compiling take seconds."""

    def __init__(self, bootstrap: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.signals = Signals(context.Event(), context.Event(), context.Value("q", 0))
        self.pipes = []
        for number in range(WORKERS):
            ours, theirs = context.Pipe()
            context.Process(
                target=work, args=(theirs, self.signals, bootstrap, f"worker{number}"), daemon=True
            ).start()
            theirs.close()
            self.pipes.append(ours)

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.send(None)


def count_scores(url: str) -> int:
    with connect(url, schema=store.SCHEMA) as connection:
        row = connection.execute("SELECT count(*) AS n FROM score").fetchone()
    return row["n"] if row else 0


@dataclass(frozen=True, slots=True)
class Bench:
    platform: Platform
    crew: Crew
    publisher: Publisher
    draw: random.Random

    def measure(self, side: Side) -> Measured:
        """One side, on a copy of the prepared database, so that all begin with the same."""
        name = f"bench_{secrets.token_hex(4)}"
        self.platform.execute(f"CREATE DATABASE {name} TEMPLATE {KNOWN} STRATEGY FILE_COPY")
        try:
            return self._measure(side, self.platform.url(name), name)
        finally:
            self.platform.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _measure(self, side: Side, url: str, group: str) -> Measured:
        """`group`: a consumer group of this run's own."""
        sent = outgoing(news(self.draw, side.leads, side.events))
        if side.make == "bare":
            elapsed, cpu = bare(url, sent, side.batch)
            return Measured(len(sent) / elapsed, cpu / len(sent) * 1e6, side.batch, 0)
        self._skip(url)
        signals, pipes = self.crew.signals, self.crew.pipes[: side.workers]
        signals.reset()
        for pipe in pipes:
            pipe.send((url, group, side))
        self._share_out(PREFIX + group, side.workers)
        scores = count_scores(url)
        for part in batched(sent, 10_000):
            self.publisher.publish(part, timeout_s=60)
        for pipe in pipes:
            pipe.poll(READY_S)
        started = time.monotonic()
        signals.go.set()
        told = [next(one for one in iter(pipe.recv, None) if isinstance(one, Told)) for pipe in pipes]
        elapsed = max(one.ended for one in told) - started
        return Measured(
            events_per_s=side.events / elapsed,
            cpu_us=sum(one.cpu_s for one in told) / side.events * 1e6,
            batch=statistics.median(size for one in told for size in one.batches),
            rescored=count_scores(url) - scores,
        )

    def _skip(self, url: str) -> None:
        """Begin at the end of the topic: what earlier runs read is not read again."""
        consumer = KafkaConsumer(bootstrap_servers=self.platform.bootstrap)
        partitions = [
            TopicPartition(TOPIC, number) for number in sorted(consumer.partitions_for_topic(TOPIC))
        ]
        ends = consumer.end_offsets(partitions)
        cluster = consumer._cluster.cluster_id
        consumer.close()
        with connect(url, schema=store.SCHEMA, autocommit=True) as connection:
            connection.cursor().executemany(
                "INSERT INTO offsets (cluster_id, topic, partition, next_offset) VALUES (%s, %s, %s, %s)",
                [(cluster, one.topic, one.partition, end) for one, end in ends.items()],
            )

    def _share_out(self, group: str, workers: int) -> None:
        """Wait until every worker has partitions and no more change hands."""
        admin = KafkaAdminClient(bootstrap_servers=self.platform.bootstrap)

        def settled() -> bool:
            try:
                found = admin.describe_groups([group])[group]
            except KafkaError:  # the broker is still making what it keeps groups in
                return False
            owned = [
                sum(len(topic["partitions"]) for topic in member["member_assignment"]["assigned_partitions"])
                for member in found["members"]
                if member["member_assignment"]
            ]
            return (
                found["group_state"] == "Stable"
                and len(owned) == workers
                and min(owned) > 0
                and sum(owned) == PARTITIONS
            )

        wait_until(settled, timeout_s=60, what="each worker with partitions")
        admin.close()


def run(rounds: int, chosen: Mapping[str, Side], screen: Console) -> dict[str, list[Measured]]:
    """Each side once a round, in turn, so that a noisy machine is noisy to all of them."""
    results: dict[str, list[Measured]] = {name: [] for name in chosen}
    draw = random.Random(0)  # noqa: S311
    with ExitStack() as stack:
        platform = stack.enter_context(running_platform())
        topics = {topic.name: (topic.partitions, topic.config) for topic in TOPICS}
        create_topics(platform.bootstrap, topics, prefix=PREFIX)
        crew = Crew(platform.bootstrap)
        stack.callback(crew.close)
        publisher = Publisher(platform.bootstrap, prefix=PREFIX)
        stack.callback(publisher.close)
        prepare(platform, max(side.leads for side in chosen.values()), draw, screen)
        bench = Bench(platform, crew, publisher, draw)
        screen.print("warming up")
        for make in HANDLES:
            bench.measure(Side(make, 500, 4_000, workers=WORKERS))
        for number in range(rounds):
            for name, side in chosen.items():
                found = bench.measure(side)
                results[name].append(found)
                screen.print(
                    f"round {number + 1}: {name}: {found.events_per_s:,.0f} events/s, "
                    f"CPU {found.cpu_us:,.0f} µs/event"
                )
    return results


def ratios(results: dict[str, list[Measured]]) -> dict[str, float]:
    """For each pair the median over the rounds of the first side's rate to the second's, of one round."""
    return {
        name: statistics.median(
            a.events_per_s / b.events_per_s for a, b in zip(results[one], results[other], strict=True)
        )
        for name, (one, other) in PAIRS.items()
        if results.get(one) and results.get(other)
    }


def main(
    rounds: int = 5,
    leads: int = LEADS,
    only: list[str] = typer.Option([], help="a side to measure, instead of all; may be repeated"),  # noqa: B008
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Measure, print medians; exit status 1 when a ratio is below its target."""
    logs.configure("bench", "ERROR")
    chosen = {name: side for name, side in sides(leads).items() if not only or name in only}
    results = run(rounds, chosen, Console(stderr=True))
    found = ratios(results)
    medians = {
        name: {
            field: round(statistics.median(getattr(one, field) for one in side), 1)
            for field in Measured.__slots__
        }
        for name, side in results.items()
    }
    load = os.getloadavg()[0]
    if as_json:
        said = {"ratios": found, "targets": TARGETS, "medians": medians, "load": load}
        print(json.dumps(said, indent=2))
    else:
        title = f"{TREES} trees × depth {DEPTH}, {FEATURES} features, {leads:,} leads; load {load:.1f}"
        table = Table("side", "events/s", "CPU µs/event", "events a batch", "leads rescored", title=title)
        for name, row in medians.items():
            fields = ("events_per_s", "cpu_us", "batch", "rescored")
            table.add_row(name, *(f"{row[field]:,.0f}" for field in fields))
        Console().print(table)
        for name, value in found.items():
            print(f"{name}: {value:.2f} (at least {TARGETS[name]:.2f})")
    sys.exit(any(value < TARGETS[name] for name, value in found.items()))


if __name__ == "__main__":
    typer.run(main)
