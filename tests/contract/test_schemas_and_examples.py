"""Contracts are data: each type has a schema and examples, and they agree."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.contracts.approval import content_hash
from shared.contracts.events import EVENT_TYPES, OUTCOMES, InvalidEvent, validate_event
from shared.contracts.topics import TOPICS
from shared.contracts.validation import SCHEMAS, check, load_schema, schema_names, schema_uri

EXAMPLES = SCHEMAS.parent / "examples"
SHARED_PARTS = {"cloudevent", "lead"}
RECORDS = {topic.schema for topic in TOPICS} - SHARED_PARTS
EXAMPLE_FILES = sorted(EXAMPLES.glob("*/*/*.json"))
NOW = datetime(2026, 3, 12, tzinfo=UTC)
VENDOR_ENVELOPES = Path(__file__).parents[3] / "shared" / "data" / "webhooks" / "cloudevents"


def _name(path: Path) -> str:
    return "/".join(path.relative_to(EXAMPLES).parts)


def _check(name: str, document: Any) -> None:
    if name in EVENT_TYPES:
        validate_event(document, now=NOW)
    else:
        check(document, name)


def test_every_type_and_topic_has_a_schema_and_no_schema_is_an_orphan() -> None:
    assert {name for name, _ in schema_names()} == EVENT_TYPES | RECORDS | SHARED_PARTS


def test_every_schema_has_examples_a_minimal_one_included_and_no_example_is_an_orphan() -> None:
    assert {path.parts[-3] for path in EXAMPLE_FILES} == EVENT_TYPES | RECORDS
    for name in EVENT_TYPES:
        assert (EXAMPLES / name / "1" / "minimal.json").exists()
        assert len(list((EXAMPLES / name / "1").glob("*.json"))) > 1
    for path in EXAMPLE_FILES:
        assert (SCHEMAS / path.parts[-3] / f"{path.parts[-2]}.json").exists()


def test_every_schema_is_one_and_names_itself() -> None:
    for name, version in schema_names():
        Draft202012Validator.check_schema(load_schema(name, version))
        assert load_schema(name, version)["$id"] == schema_uri(name, version)


def test_outcomes_are_types() -> None:
    assert OUTCOMES.keys() <= EVENT_TYPES


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=_name)
def test_example_validates(path: Path) -> None:
    _check(path.parts[-3], json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=_name)
def test_example_with_a_wrong_type_is_refused(path: Path) -> None:
    """Each declared top-level field of the data, given as a list of lists, is refused at its place."""
    name = path.parts[-3]
    document = json.loads(path.read_bytes())
    event = name in EVENT_TYPES
    for field in load_schema(name)["properties"]:
        changed = json.loads(path.read_bytes())
        (changed["data"] if event else changed)[field] = [[1]]
        with pytest.raises(InvalidEvent) as refused:
            _check(name, changed)
        assert refused.value.pointer.startswith(f"/data/{field}" if event else f"/{field}")
    _check(name, document)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("crm.*.*/*/*.json")), ids=_name)
@pytest.mark.parametrize("field", ["specversion", "id", "source", "type", "time", "data"])
def test_example_without_a_required_attribute_is_refused(path: Path, field: str) -> None:
    event = json.loads(path.read_bytes())
    del event[field]
    with pytest.raises(InvalidEvent, match=f"add {field}"):
        validate_event(event, now=NOW)


def test_examples_use_reserved_domains_only() -> None:
    for path in EXAMPLE_FILES:
        for word in path.read_text().replace('"', " ").split():
            if "@" in word:
                assert word.rstrip(",.").endswith(("@example.fr", "@example.org", "@example.com")), _name(
                    path
                )


def test_the_approved_example_carries_the_hash_of_its_content() -> None:
    approved = json.loads((EXAMPLES / "reply.events/1/approved.json").read_bytes())
    assert content_hash(approved["content"]) == approved["sha256"]


def test_an_approval_without_a_user_is_refused() -> None:
    approved = json.loads((EXAMPLES / "reply.events/1/approved.json").read_bytes())
    with pytest.raises(InvalidEvent, match="user"):
        check({**approved, "user": None}, "reply.events")


def test_a_foreign_cloudevent_is_read_as_an_envelope_and_its_type_refused_with_the_close_ones() -> None:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "type": "com.example.lead.created",
        "source": "/mycontext",
        "id": "A234-1234-1234",
        "time": "2018-04-05T17:31:00Z",
        "comexampleextension1": "value",
        "subject": None,
        "data": {},
    }
    with pytest.raises(InvalidEvent, match=r"crm\.lead\.created") as refused:
        validate_event(event, now=NOW)
    assert refused.value.pointer == "/type"


def _vendor_envelopes() -> list[Any]:
    """CloudEvents' own examples, where they have been put beside the project."""
    documents = [json.loads(path.read_bytes()) for path in sorted(VENDOR_ENVELOPES.glob("*.json"))]
    return [
        event for document in documents for event in (document if isinstance(document, list) else [document])
    ]


@pytest.mark.skipif(
    not VENDOR_ENVELOPES.exists(), reason="CloudEvents' own examples are not beside the project"
)
def test_the_specifications_own_examples_are_refused_for_their_type_or_for_lacking_object_data() -> None:
    for event in _vendor_envelopes():
        with pytest.raises(InvalidEvent) as refused:
            validate_event(event, now=NOW)
        whole = isinstance(event.get("data"), dict) and "time" in event
        assert refused.value.pointer == "/type" if whole else refused.value.pointer in ("", "/data")
