"""How often the right passage comes first, with the packaged model, on the demonstration's messages."""

import random
from datetime import UTC, datetime

import pytest

from deploy.demo.knowledge import passages
from deploy.demo.messages import templates, write_message
from deploy.demo.people import people
from services.responder import store
from services.responder.drafting import Message, asked
from services.responder.embedding import Embedder, default_cache
from services.responder.learning import Learnt
from services.responder.retrieval import Asked, add_passage, embed_waiting, find_passages
from services.responder.settings import PACKAGED
from services.responder.trade import trade_topics
from tests.harness.platform import Installation

# Measured 0.73 in French and 0.78 in English over the 37 message forms of each; chance is 0.07.
LEAST_TOP_1 = {"fr": 0.62, "en": 0.68}
WRITERS = 6


@pytest.mark.long
def test_the_right_passage_comes_first_for_most_messages(installation: Installation) -> None:
    chance = random.Random(4)  # noqa: S311 - the same messages each time
    questions: list[tuple[str, str, str]] = []
    for person in people(seed=4, count=400):
        if sum(language == person.language for _, language, _ in questions) >= WRITERS * len(templates()):
            continue
        for intent in templates():
            data = write_message(person, intent, 2026, chance)
            message = Message("demo", "m", data["subject"], data["text"], datetime.now(UTC))
            questions.append((intent, person.language, asked(message)))
    embedder = Embedder(PACKAGED)
    with installation.connect(store.SCHEMA) as connection:
        intent_of = {
            add_passage(connection, created_by="test", **passage)["passage_id"]: passage["intent"]
            for passage in passages()
        }
        while embed_waiting(connection, embedder):
            pass
        learnt = Learnt(trade_topics(embedder, default_cache()))
        found = find_passages(
            connection, embedder, [Asked(text, lang) for _, lang, text in questions], learnt
        )
    for language, least in LEAST_TOP_1.items():
        right = [
            intent_of[best[0].passage_id] == intent
            for (intent, asked_in, _), best in zip(questions, found, strict=True)
            if asked_in == language
        ]
        assert sum(right) / len(right) >= least, f"{language}: {sum(right)} of {len(right)}"
