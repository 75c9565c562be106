"""The qualification card: quoted from the message, or missing."""

import json
from pathlib import Path

import pytest

from services.responder.card import FIELDS, read_card
from services.responder.incoming import own_words
from tests.harness.cards import count

DATA = Path(__file__).parents[2] / "data" / "responder"


def measured(which: str) -> dict[str, tuple[float, float]]:
    rows = [json.loads(line) for line in (DATA / which / "cards.jsonl").read_text("utf-8").splitlines()]
    counted = count([(read_card(row["text"].split("\n> ")[0]), row["card"]) for row in rows], FIELDS)
    return {field: (c.precision, c.recall) for field, c in counted.items()}


def test_cards_of_the_frozen_requests_are_right() -> None:
    precision, recall = measured("frozen")["all"]
    assert precision >= 0.95
    assert recall >= 0.75


def test_every_value_is_quoted_from_the_message() -> None:
    for line in (DATA / "frozen" / "cards.jsonl").read_text("utf-8").splitlines():
        text = json.loads(line)["text"]
        assert all(value in text for values in read_card(text).values() for value in values)


def test_a_request_gives_its_card() -> None:
    card = read_card(
        "Bonjour,\nPourriez-vous me chiffrer 12 vannes à bille réf. VB-25 avant le 3 mai, livraison à Tours "
        "? Budget : 4 000 € HT.\n\nAnne Petit\nResponsable achats\nPetit Fluides SAS\nSIREN 732 829 320"
    )
    assert {field: values for field, values in card.items() if field != "need"} == {
        "product": ["vannes à bille", "VB-25"],
        "quantity": ["12"],
        "deadline": ["avant le 3 mai"],
        "budget": ["4 000 € HT"],
        "place": ["Tours"],
        "role": ["Responsable achats"],
        "company": ["Petit Fluides SAS"],
        "siren": ["732 829 320"],
    }


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Mon numéro : 06 12 34 56 78, SIREN 732 829 321.", "siren"),
        ("Votre facture de 1 200 € du 3 mars est fausse.", "budget"),
        ("Votre commande livrée le 4 février était complète.", "deadline"),
        ("Appelez-moi au 02 40 11 22 33.", "quantity"),
        ("Merci beaucoup.", "need"),
        ("Il nous faudrait un devis pour cette pompe.\n\nMerci,\nJulie, Tanguy", "place"),
        ("Nous attendons une livraison : la commande 4512 devait partir lundi.", "quantity"),
        ("La pompe achetée en 2024 est-elle encore au tarif ? Quel prix ?", "quantity"),
        ("👍👍👍", "product"),
        ("", "need"),
        ("{{ lead.name }} {% raw %}", "company"),
    ],
)
def test_what_is_not_said_is_missing(text: str, field: str) -> None:
    assert read_card(text)[field] == []


@pytest.mark.parametrize(
    "text", ["1" * 200_000, "a " * 200_000, "12 " * 100_000, "réf. " * 50_000, "(" * 100_000]
)
def test_a_large_message_is_read_in_time(text: str) -> None:
    read_card(own_words(text))
