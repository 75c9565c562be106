"""The worker as the process it is: real Kafka, real Postgres, the packaged model."""

from pathlib import Path

import orjson

from services.responder import store
from services.responder.retrieval import add_passage
from shared.contracts.topics import LEAD_MESSAGES
from shared.kafka.publisher import Publisher
from shared.records import Outgoing
from tests.harness.platform import Installation
from tests.harness.processes import wait_until, worker
from tests.integration.test_responder_drafts import LEAD_ID, message

TEMPLATES = (
    ("fr", "Réponse à une demande de devis", "Merci pour votre demande de devis. Quelles quantités ?"),
    ("fr", "Garantie", "Nos appareils sont garantis vingt-quatre mois."),
    ("en", "Quotation request", "Thank you for your quotation request. What quantities do you need?"),
    ("en", "Warranty", "Our equipment is guaranteed for two years."),
)


def test_a_message_on_the_topic_becomes_a_draft_in_its_language(
    installation: Installation, tmp_path: Path
) -> None:
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    english = message("Hello, could you please send us a quotation for two pumps?", id="en", subject="Quote")
    values = [message(id="fr"), english, message(id="fr")]
    with installation.connect(store.SCHEMA) as connection:
        for language, title, body in TEMPLATES:
            add_passage(
                connection, kind="template", language=language, title=title, body=body, created_by="test"
            )
        publisher.publish([Outgoing(LEAD_MESSAGES, LEAD_ID, orjson.dumps(value)) for value in values])
        publisher.close()
        with worker("responder", installation.environment, tmp_path / "worker.log"):
            wait_until(
                lambda: len(store.find_drafts(connection, count=9)) == 2, timeout_s=120, what="two drafts"
            )
            wait_until(
                lambda: connection.execute("SELECT 1 FROM outbox").fetchone() is None, what="an empty outbox"
            )
        drafts = {draft["language"]: draft for draft in store.find_drafts(connection, count=9)}
        titles = {language: d["sentences"][1]["source"]["title"] for language, d in drafts.items()}
        assert titles == {"fr": "Réponse à une demande de devis", "en": "Quotation request"}
    log = (tmp_path / "worker.log").read_text()
    for canary in ("Morvan", "laiterie", "quotation"):
        assert canary not in log
    assert "embedding_model_loaded" in {orjson.loads(line)["event"] for line in log.splitlines()}
