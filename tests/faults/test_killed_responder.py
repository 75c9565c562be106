"""kill -9 of the responder's worker while an approval goes out: it goes out once."""

import signal
from pathlib import Path

import orjson
import pytest
from kafka import KafkaConsumer

from services.responder import decisions, store
from services.responder.decisions import Decider
from services.responder.handlers import on_records
from services.responder.retrieval import add_passage
from shared.contracts.approval import content_hash
from shared.contracts.topics import REPLY_EVENTS
from tests.harness.platform import Installation
from tests.harness.processes import wait_until, worker
from tests.integration.test_responder_drafts import drafting, message, record

pytestmark = pytest.mark.long

RELEASING = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY outbox%%' AND wait_event_type = 'Lock'"


def approved_events(installation: Installation) -> list[str]:
    consumer = KafkaConsumer(
        installation.topic_prefix + REPLY_EVENTS,
        bootstrap_servers=installation.platform.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=2000,
    )
    values = [orjson.loads(one.value) for one in consumer]
    consumer.close()
    return [value["draft_id"] for value in values if value["event"] == "approved"]


def test_killed_while_an_approval_goes_out_it_goes_out_once(
    installation: Installation, tmp_path: Path
) -> None:
    with installation.connect(store.SCHEMA) as connection, installation.connect(store.SCHEMA) as other:
        add_passage(
            connection, kind="template", language="fr", title="Devis", body="Voici le devis.", created_by="t"
        )
        with connection.transaction():
            on_records(connection, [record(message())], drafting())
        (draft,) = store.find_drafts(connection)
        names = ("version", "channel", "sender", "recipients", "subject")
        content = {name: draft[name] for name in names} | {
            "draft_id": str(draft["draft_id"]),
            "body": "Bonjour, voici le devis.",
            "attachments": [],
        }
        with connection.transaction():
            decisions.approve(
                connection,
                draft["draft_id"],
                content,
                content_hash(content),
                Decider("1", "Léa Martin"),
                house_name="Hydromeca",
                wait_s=0,
            )
        with (
            worker("responder", installation.environment, tmp_path / "killed.log") as process,
            other.transaction(),
        ):
            other.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
            wait_until(
                lambda: connection.execute(RELEASING).fetchone(), timeout_s=60, what="a release half done"
            )
            process.send_signal(signal.SIGKILL)
            process.wait()
        wait_until(
            lambda: connection.execute("SELECT 1 FROM draft WHERE sends_at IS NOT NULL").fetchone(),
            what="the approval to wait again",
        )
        with worker("responder", installation.environment, tmp_path / "again.log"):
            wait_until(
                lambda: (
                    connection.execute("SELECT 1 FROM draft WHERE sends_at IS NOT NULL").fetchone() is None
                    and connection.execute("SELECT 1 FROM outbox").fetchone() is None
                ),
                timeout_s=60,
                what="the approval to be announced",
            )
        assert approved_events(installation) == [str(draft["draft_id"])]
