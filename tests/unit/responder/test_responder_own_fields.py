"""Fields that a company defines: what stands after the words that announce them, or nothing."""

import time
from typing import Any

import pytest

from services.responder.own_fields import read_own_fields
from services.responder.style.document import OwnField
from tests.unit.responder.letters import draft, message, passage
from tests.unit.responder.test_responder_style import styled


def field(**said: Any) -> OwnField:
    known = {
        "name": "own",
        "label": {"fr": "Champ", "en": "Field"},
        "announced_by": ["n° de série", "serial"],
    }
    return OwnField.model_validate(known | said)


def read(text: str, **said: Any) -> list[str]:
    return read_own_fields(text, [field(**said)])["own"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Numéro de série : PK-0042, en panne.", []),
        ("N° de série : PK-0042, en panne.", ["PK-0042"]),
        ("Serial is PK 42. Merci.", ["PK 42"]),
        ("Le N° DE SÉRIE est PK.42/7\nMerci", ["PK.42/7"]),
        ("n° de serie PK-1", ["PK-1"]),
        ("Le serial : \n", []),
        ("Desserialiser PK-1", []),
    ],
)
def test_a_text_stands_after_its_announcement(text: str, value: list[str]) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("said", "text", "value"),
    [
        ({"kind": "number", "announced_by": ["tension"]}, "Une tension d'environ 1 250,5 V", ["1 250,5"]),
        ({"kind": "number", "announced_by": ["tension"]}, "La tension ? Nous sommes 12.", []),
        (
            {"kind": "date", "announced_by": ["mise en service"]},
            "Mise en service le 3 mai 2027.",
            ["le 3 mai 2027"],
        ),
        ({"kind": "date", "announced_by": ["mise en service"]}, "Mise en service bientôt.", []),
        (
            {"kind": "choice", "announced_by": ["marque"], "values": ["Grundfos", "KSB"]},
            "Pompe de marque ksb en panne, pas Grundfos.",
            ["ksb"],
        ),
        ({"kind": "choice", "announced_by": ["marque"], "values": ["KSB"]}, "Marque ? KSB.", []),
        (
            {"kind": "choice", "announced_by": [], "values": ["Inox", "Inox 316"]},
            "En inox 316 SVP",
            ["inox 316"],
        ),
        ({"kind": "choice", "announced_by": [], "values": ["Inox"]}, "Inoxydable", []),
    ],
)
def test_a_value_is_of_its_kind(said: dict[str, Any], text: str, value: list[str]) -> None:
    assert read(text, **said) == value


@pytest.mark.parametrize("kind", ["text", "number", "date"])
@pytest.mark.parametrize(
    "text", ["serial " * 900, "serial" + " 1" * 3000, "serial:" + ":" * 6000, "(" * 6000]
)
def test_no_message_is_read_slowly(kind: str, text: str) -> None:
    started = time.process_time()
    read(text, kind=kind, announced_by=["serial", "a+a+(", "(a|a)*b", "\\d"])
    assert time.process_time() - started < 0.5


def test_the_cards_own_fields_stand_beside_the_others() -> None:
    own = {"fields": [field(announced_by=["moteur"]).model_dump()]}
    card = styled(said=own, of=message("Moteur : MX-3. Un devis pour 3 pompes.")).card
    assert (card["own"], card["quantity"]) == (["MX-3"], ["3"])
    assert "own" not in draft(passage("Oui.")).card
