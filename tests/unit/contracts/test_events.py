"""What makes an event valid, and its keys."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.events import (
    EVENT_TYPES,
    InvalidEvent,
    data_schema,
    event_key,
    partition_key,
    validate_event,
)

NOW = datetime(2026, 3, 12, tzinfo=UTC)


def _event(**changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "e1",
        "source": "crm:example",
        "type": "crm.lead.created",
        "time": "2026-03-11T08:00:00Z",
        "subject": "L-1",
        "data": {},
    }
    return {**event, **changes}


def _refusal(event: object) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as refused:
        validate_event(event, now=NOW)
    return refused.value


def test_every_type_accepts_its_declared_schema() -> None:
    for event_type in EVENT_TYPES - {
        "crm.stage.changed",
        "crm.message.received",
        "crm.activity.logged",
        "crm.consent.changed",
    }:
        validate_event(_event(type=event_type, dataschema=data_schema(event_type)), now=NOW)


def test_another_hosts_schema_address_is_accepted_when_type_and_version_agree() -> None:
    validate_event(_event(dataschema="https://schemas.example.org/v/crm.lead.created/1"), now=NOW)


@pytest.mark.parametrize(
    "uri", ["https://x.example/crm.lead.created/2", "https://x.example/crm.lead.lost/1", "", "/1"]
)
def test_an_unknown_version_or_another_types_schema_is_refused(uri: str) -> None:
    assert _refusal(_event(dataschema=uri)).pointer == "/dataschema"


@pytest.mark.parametrize("event", [None, 1, "x", [], {}, [{}]])
def test_anything_but_an_envelope_is_refused(event: object) -> None:
    _refusal(event)


def test_a_misspelt_type_is_refused_with_the_close_ones() -> None:
    refused = _refusal(_event(type="crm.mesage.received"))
    assert refused.pointer == "/type"
    assert "crm.message.received" in refused.message


@pytest.mark.parametrize(("field", "most"), [("id", 400), ("source", 200), ("subject", 512)])
def test_long_fields_are_refused(field: str, most: int) -> None:
    """Four bytes a character at worst, an index of Postgres still holds source and id together."""
    assert _refusal(_event(**{field: "x" * (most + 1)})).pointer == f"/{field}"
    validate_event(_event(**{field: "x" * most}), now=NOW)


def test_names_of_external_ids_and_attributes_are_bounded() -> None:
    for group, most in (("external_ids", 100), ("attributes", 200)):
        assert _refusal(_event(data={"lead": {"email": "a@example.fr", group: {"x" * (most + 1): "1"}}}))


def test_a_bar_in_the_source_is_refused_so_that_keys_cannot_collide() -> None:
    assert _refusal(_event(source="a|b")).pointer == "/source"


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("1989-12-31T23:59:59Z", "1990"),
        ("2026-03-13T00:00:01Z", "ahead"),
        ("2026-03-11", "RFC 3339"),
        ("2026-03-11T08:00:00", "RFC 3339"),
        ("2026-02-30T08:00:00Z", "possible"),
    ],
)
def test_an_impossible_time_is_refused(time: str, why: str) -> None:
    refused = _refusal(_event(time=time))
    assert refused.pointer == "/time"
    assert why in refused.message


def test_the_message_never_repeats_the_value() -> None:
    canary = "canary.person@example.fr"
    for event in (
        _event(time=canary),
        _event(dataschema=canary),
        _event(data={"lead": canary}),
        _event(data={"lead": {"email": [canary]}}),
        _event(data={"lead": {"attributes": {"a": {"b": canary}}}}),
        _event(subject=None, data={"lead": {"email": canary + "@"}}),
    ):
        assert canary not in _refusal(event).message


@pytest.mark.parametrize(
    "lead",
    [
        {},
        {"email": "nobody", "phone": "12"},
        {"external_ids": {"crm": " ", "erp": None}},
        {"name": "Camille Morvan"},
    ],
)
def test_an_event_that_names_no_lead_is_refused(lead: dict[str, Any]) -> None:
    refused = _refusal(_event(subject=None, data={"lead": lead}))
    assert "at least one of email, phone, external_ids" in refused.message


def test_an_unusable_address_does_no_harm_beside_a_subject() -> None:
    validate_event(_event(data={"lead": {"email": "nobody", "phone": "12"}}), now=NOW)


def test_the_event_key_is_source_and_id() -> None:
    assert event_key(_event(id="a|b")) == "crm:example|a|b"


@pytest.mark.parametrize(
    ("subject", "lead", "key"),
    [
        ("L-1", {"email": "a@example.fr"}, "crm:example|L-1"),
        (None, {"email": " A@Example.FR "}, "crm:example|email:a@example.fr"),
        (None, {"phone": "01 99 00 12 34"}, "crm:example|phone:+33199001234"),
        (None, {"email": "a@example.fr", "external_ids": {"z": "1", "b": 7}}, "crm:example|external_id:b:7"),
        ("", {"email": "no", "phone": "01 99 00 12 34"}, "crm:example|phone:+33199001234"),
    ],
)
def test_the_partition_key_is_the_strongest_identifier(
    subject: str | None, lead: dict[str, Any], key: str
) -> None:
    event = _event(subject=subject, data={"lead": lead})
    assert partition_key(event["source"], validate_event(event, now=NOW)) == key
