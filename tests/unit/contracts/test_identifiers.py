"""Two spellings of one identifier are one lead."""

from typing import Any

import pytest

from shared.contracts.identifiers import (
    Identifier,
    identifiers,
    normalise_email,
    normalise_external_id,
    normalise_phone,
    value_hash,
)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        (" Camille.Morvan@Example.FR\n", "camille.morvan@example.fr"),
        ("camille@xn--bcher-kva.example.com", "camille@bücher.example.com"),
        ("camille", None),
        ("camille@serveur.local", None),
        ("", None),
        ("a" * 300 + "@example.fr", None),
    ],
)
def test_email(text: str, email: str | None) -> None:
    assert normalise_email(text) == email


@pytest.mark.parametrize(
    ("text", "region", "phone"),
    [
        ("01 99 00 12 34", "FR", "+33199001234"),
        ("+33 (0)1 99 00 12 34", "GB", "+33199001234"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("12", "FR", None),
        ("pas de téléphone", "FR", None),
        ("", "FR", None),
        ("9" * 400, "FR", None),
    ],
)
def test_phone(text: str, region: str, phone: str | None) -> None:
    assert normalise_phone(text, region) == phone


def test_external_ids_keep_their_case_and_may_be_numbers() -> None:
    assert normalise_external_id(" Ab-1 ") == "Ab-1"
    assert normalise_external_id(42) == "42"
    assert normalise_external_id("  ") is None
    assert normalise_external_id("x" * 513) is None
    assert normalise_external_id("e\u0301") == "é"


def test_identifiers_come_strongest_first_each_in_its_scope() -> None:
    event: dict[str, Any] = {
        "source": "crm:example",
        "subject": " L-1 ",
        "data": {
            "lead": {
                "phone": "0199001234",
                "email": "A@example.fr",
                "external_ids": {"z": "9", "hubspot": 51, "erp": None},
            }
        },
    }
    assert identifiers(event) == [
        Identifier("crm:example", "subject", "L-1"),
        Identifier("hubspot", "external_id", "51"),
        Identifier("z", "external_id", "9"),
        Identifier("", "email", "a@example.fr"),
        Identifier("", "phone", "+33199001234"),
    ]


@pytest.mark.parametrize(
    "data", [{}, {"lead": {}}, {"lead": {"external_ids": None, "email": None, "phone": None}}]
)
def test_nothing_usable_gives_no_identifier(data: dict[str, Any]) -> None:
    assert identifiers({"source": "s", "subject": None, "data": data}) == []


def test_value_hash_is_stable_and_16_bytes() -> None:
    assert value_hash("camille@example.fr").hex() == "f74647b7ad9b0b2c40f8d5236fc55972"
    assert len(value_hash("")) == 16
