"""An approval is of exactly what is sent."""

import hashlib
from typing import Any

import pytest

from shared.contracts.approval import canonical_content, content_hash

CONTENT: dict[str, Any] = {
    "version": 2,
    "draft_id": "d",
    "channel": "email",
    "sender": "ventes@example.fr",
    "recipients": ["a@example.fr"],
    "subject": "Été",
    "body": "Bonjour",
    "attachments": [],
}


def test_canonical_json_is_sorted_compact_utf8() -> None:
    assert (
        canonical_content(CONTENT)
        == (
            '{"attachments":[],"body":"Bonjour","channel":"email","draft_id":"d","recipients":["a@example.fr"],'
            '"sender":"ventes@example.fr","subject":"Été","version":2}'
        ).encode()
    )


def test_the_order_of_fields_does_not_count_and_any_change_does() -> None:
    base = content_hash(CONTENT)
    assert base == hashlib.sha256(canonical_content(CONTENT)).hexdigest()
    assert content_hash(dict(reversed(CONTENT.items()))) == base
    for field, value in {
        "version": 3,
        "recipients": ["a@example.fr", "b@example.fr"],
        "subject": "E\u0301té",
    }.items():
        assert content_hash({**CONTENT, field: value}) != base


def test_a_missing_or_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="bcc"):
        content_hash({**CONTENT, "bcc": []})
    with pytest.raises(ValueError, match="sender"):
        content_hash({name: value for name, value in CONTENT.items() if name != "sender"})
