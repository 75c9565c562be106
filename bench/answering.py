"""From messages to drafts: how many a second by the shipped handlers, and how soon one is there."""

import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import orjson

from deploy.demo.knowledge import passages
from services.responder import store
from services.responder.drafting import Evidence, House
from services.responder.embedding import Embedder
from services.responder.handlers import Drafting, on_records
from services.responder.retrieval import Asked, add_passage, embed_waiting
from services.responder.settings import PACKAGED
from services.responder.worker import MAX_RECORDS
from shared.contracts.topics import LEAD_MESSAGES
from shared.kafka.publisher import Publisher
from shared.postgres import Connection, connect
from shared.records import Outgoing, Record
from tests.harness.platform import Installation
from tests.harness.processes import worker

DRAFT_S = 300.0


def teach(connection: Connection) -> None:
    """Give the house the demonstration's knowledge."""
    for passage in passages():
        add_passage(connection, created_by="bench", **passage)


def lead_message(asked: Asked) -> tuple[str, bytes]:
    """(lead id, value of lead.messages.v1) of a new message by a new lead."""
    lead_id = str(uuid4())
    value = {
        "lead_id": lead_id,
        "message": {
            "source": "bench",
            "id": str(uuid4()),
            "channel": "email",
            "subject": None,
            "text": asked.text,
            "thread_id": None,
            "occurred_at": "2026-03-10T08:26:53Z",
        },
        "language": asked.language,
        "grade": "A",
        "stage": None,
        "lead": {
            "name": "Camille Morvan",
            "company": "Laiterie du Ménez",
            "email": "camille@laiterie.example.com",
            "attributes": {},
        },
        "traceparent": None,
    }
    return lead_id, orjson.dumps(value)


class Drafter:
    """The worker's handlers on one database, without Kafka."""

    def __init__(self, installation: Installation) -> None:
        embedder = Embedder(PACKAGED)
        evidence = Evidence(0.3)
        self._drafting = Drafting(
            embedder, House("Hydromeca", "ventes@hydromeca.example.com"), evidence, False
        )
        self._url = installation.database_url
        with connect(self._url, schema=store.SCHEMA, autocommit=True) as connection:
            teach(connection)
            while embed_waiting(connection, embedder):
                pass

    def drafts_per_s(self, asked: Sequence[Asked]) -> float:
        """Records in memory until their drafts are committed, in batches as the worker takes them."""
        records = [Record(LEAD_MESSAGES, 0, offset, *lead_message(one)) for offset, one in enumerate(asked)]
        with connect(self._url, schema=store.SCHEMA) as connection:
            started = time.perf_counter()
            for start in range(0, len(records), MAX_RECORDS):
                with connection.transaction():
                    on_records(connection, records[start : start + MAX_RECORDS], self._drafting)
            return len(records) / (time.perf_counter() - started)


def drafted_after_ms(installation: Installation, asked: Sequence[Asked], folder: Path) -> list[float]:
    """Of each message, one at a time: from being produced to Kafka until its draft can be read."""
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    taken = []
    with (
        installation.connect(store.SCHEMA) as connection,
        worker("responder", installation.environment, folder / "responder.log"),
    ):
        teach(connection)
        for number, one in enumerate([*asked[:2], *asked]):
            lead_id, value = lead_message(one)
            started = time.perf_counter()
            publisher.publish([Outgoing(LEAD_MESSAGES, lead_id, value)])
            _wait_for_draft(connection, lead_id)
            if number >= 2:  # the first of each language waits for its model
                taken.append(1000 * (time.perf_counter() - started))
    publisher.close()
    return taken


def _wait_for_draft(connection: Connection, lead_id: str) -> None:
    deadline = time.monotonic() + DRAFT_S
    while not connection.execute("SELECT FROM draft WHERE lead_id = %s", [lead_id]).fetchone():
        if time.monotonic() > deadline:
            raise RuntimeError("the worker drafted nothing")
        time.sleep(0.002)
