"""The responder's worker: drafts answers to messages and embeds the house's knowledge."""

import contextlib
import threading
from functools import partial

import httpx
import structlog

from services.responder import search, store
from services.responder.drafting import Evidence, House
from services.responder.embedding import Embedder, ModelUnusable, default_cache
from services.responder.going_out import RELEASED_AT_ONCE, release
from services.responder.handlers import Drafting, on_records
from services.responder.learner import LOOKS_S, Learner
from services.responder.rephraser import Endpoint, rephrase_next
from services.responder.retrieval import EMBED_BATCH, embed_waiting
from services.responder.settings import ResponderSettings
from services.responder.trade import trade_topics
from services.responder.tuning.training import tune
from services.responder.upkeep import EVERY_S, Upkeep
from shared import logs
from shared.background import Repeated
from shared.contracts.topics import LEAD_MESSAGES, REPLY_EVENTS
from shared.kafka.consumer import Subscription, consume
from shared.kafka.publisher import Publisher
from shared.outbox import relay
from shared.postgres import Pool, connect_pool
from shared.settings import load
from shared.worker import stop_on_signals

log = structlog.get_logger()

GROUP = "responder"
TUNING_S = 5.0
MOST_CONNECTIONS = 8
"""One for the records and for each thread beside them: a tuning or a batch of passages holds one for long."""
MAX_RECORDS = 64
"""A message takes some 20 ms to embed: a batch stays within about two seconds."""
RELEASE_S = 0.5
"""Between two looks at the approvals that wait for their time."""


def main() -> None:
    settings = load(ResponderSettings)
    logs.configure("responder-worker", settings.log_level)
    stop = stop_on_signals()
    try:
        embedder = Embedder(settings.embedding_model, settings.embedding_model_sha256)
    except ModelUnusable as error:
        raise SystemExit(f"services.responder.worker: {error}") from error
    run(settings, stop, embedder=embedder)


def run(settings: ResponderSettings, stop: threading.Event, *, embedder: Embedder) -> None:
    """Work until `stop` is set."""
    with contextlib.ExitStack() as stack:
        publisher = Publisher(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)
        stack.callback(publisher.close)
        pool = stack.enter_context(
            connect_pool(settings.database_url, schema=store.SCHEMA, max_size=MOST_CONNECTIONS)
        )
        with pool.connection() as connection:
            search.use_model(connection, embedder.name)
        learner = Learner(pool, embedder, partial(trade_topics, embedder, default_cache()))
        drafting = Drafting(
            embedder,
            House(settings.company_name, settings.reply_sender),
            Evidence(settings.min_confidence),
            settings.demo,
            lambda: learner.learnt,
            rephrase=bool(settings.rephrase_url),
        )
        outbox_relay = relay(pool, publisher)
        knowledge = Repeated("knowledge-embedder", lambda: embed_knowledge(pool, embedder), idle_s=1.0)
        approvals = Repeated(
            "approvals", lambda: release_approvals(pool, outbox_relay, demo=settings.demo), idle_s=RELEASE_S
        )
        upkeep = Upkeep(settings.database_url, embedder)
        indexes = Repeated("knowledge-upkeep", upkeep.once, idle_s=EVERY_S)
        tunings = Repeated("tuning", lambda: make_tuning(pool, embedder), idle_s=TUNING_S)
        for thread in (outbox_relay, knowledge, approvals, indexes, tunings):
            thread.start()
            stack.callback(thread.stop)
        stack.callback(upkeep.stop)
        learning = Repeated("learner", learner.once, idle_s=LOOKS_S)
        learning.start()
        stack.callback(learning.stop, wait_s=0)  # learning may take a minute, and nothing of it is kept
        if settings.rephrase_url:
            rewording = rephrasing(pool, settings)
            rewording.start()
            stack.callback(rewording.stop, wait_s=0)  # so may a language model
        consume(
            Subscription(
                bootstrap_servers=settings.kafka_bootstrap_servers,
                group=GROUP,
                topics=(LEAD_MESSAGES, REPLY_EVENTS),
                instance=settings.worker_instance,
                prefix=settings.topic_prefix,
                limit=settings.limit,
                max_records=MAX_RECORDS,
            ),
            pool,
            lambda connection, records: on_records(connection, records, drafting),
            stop=stop,
            committed=outbox_relay.wake,
        )


def release_approvals(pool: Pool, outbox_relay: Repeated, *, demo: bool) -> bool:
    """Let go what can no longer be taken back; return whether more may wait."""
    with pool.connection() as connection:
        released = release(connection, demo=demo)
    if released:
        outbox_relay.wake()
    return released == RELEASED_AT_ONCE


def make_tuning(pool: Pool, embedder: Embedder) -> bool:
    """Learn from decisions what messages ask for, when somebody asked for it."""
    with pool.connection() as connection:
        return tune(connection, embedder)


def rephrasing(pool: Pool, settings: ResponderSettings) -> Repeated:
    """Rewords drafts one by one, as long as the process lives."""
    endpoint = Endpoint(
        settings.rephrase_url,
        settings.rephrase_model,
        settings.rephrase_api_key.get_secret_value(),
        settings.rephrase_timeout_s,
    )
    client = httpx.Client(trust_env=False)  # texts go where we were told, by no proxy
    return Repeated("rephraser", lambda: rephrase_next(pool, client, endpoint), idle_s=1.0)


def embed_knowledge(pool: Pool, embedder: Embedder) -> bool:
    """Embed a batch of the passages that have no vector of this model; return whether more may wait.

    None when a worker with another model was started since: two would embed each other's again and again.
    """
    with pool.connection() as connection:
        done = embed_waiting(connection, embedder) if search.uses_model(connection, embedder.name) else 0
    if done:
        log.info("passages_embedded", count=done)
    return done == EMBED_BATCH


if __name__ == "__main__":
    main()
