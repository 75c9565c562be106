"""Every payload kept beside the project is tried: one that is added there and understood nowhere fails."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.ingest.accept import BATCH, SINGLE, Sender, accept, split
from services.ingest.connectors import CONNECTORS
from tests.unit.ingest.webhooks import DATA, translated

FILES = sorted(DATA.glob("*/*.json"))
VECTORS = {"signature_vectors.json"}
"""They hold signatures, not payloads: test_connectors.py checks them."""


@pytest.mark.skipif(
    not FILES, reason="the vendors' payloads are in ../shared/data/webhooks, which is not here"
)
def test_each_folder_of_payloads_is_a_connectors_or_cloudevents() -> None:
    assert {path.parent.name for path in FILES} <= CONNECTORS.keys() | {"cloudevents"}


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.parent.name != "cloudevents" and path.name not in VECTORS],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_a_vendors_own_payload_is_understood_whole(path: Path) -> None:
    assert translated(path.parent.name, json.loads(path.read_text()))


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent.name == "cloudevents"], ids=lambda path: path.name
)
def test_the_examples_of_the_cloudevents_specification_are_read_and_refused_in_words(path: Path) -> None:
    """They are valid envelopes of types that are not the contract's: each is named, none is lost."""
    body = path.read_bytes()
    sent = json.loads(body)
    content_type = BATCH if isinstance(sent, list) else SINGLE
    accepted = accept(split(body, content_type), Sender(None, history=False), datetime.now(UTC))
    assert not accepted.outgoing
    assert len(accepted.refused) == (len(sent) if isinstance(sent, list) else 1)
    assert all(one.error for one in accepted.refused)
