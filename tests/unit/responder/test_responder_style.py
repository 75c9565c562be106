"""How a house's replies sound: its document, and the letters that follow it."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.responder.drafting import Draft, House
from services.responder.style.document import HouseStyle, Style
from tests.unit.responder.letters import draft, lead, message, passage

OFFER = passage("Merci pour votre demande. Notre offre part sous 48 heures. Elle vaut un mois.")
CALENDAR = "https://agenda.example.com/hydromeca?duree=30"


def styled(*passages: Any, said: dict[str, Any], **fields: Any) -> Draft:
    return draft(
        *passages or (OFFER,), style=HouseStyle(version=3, style=Style.model_validate(said)), **fields
    )


def test_a_house_has_its_own_greeting_closing_and_signature() -> None:
    answer = styled(
        said={
            "greeting": {"fr": "Bonjour {{ lead.first_name }},", "en": "Hi {{ lead.first_name }},"},
            "closing": {"fr": "Bien à vous,"},
            "signature": ["{{ rep.name }}, {{ rep.role }}", "{{ house.name }} – {{ house.phone }}"],
            "phone": "02 40 11 22 33",
            "ask_missing": False,
        }
    )
    assert answer.body.startswith("Bonjour Camille,\n\nMerci")
    assert answer.body.endswith("Bien à vous,\n\n[votre nom], [votre fonction]\nHydromeca – 02 40 11 22 33")
    assert answer.gaps == ("[votre nom]", "[votre fonction]")
    assert answer.style_version == 3


def test_a_greeting_leaves_out_what_is_not_known() -> None:
    for language, greeting in (("fr", "Bonjour,"), ("en", "Hello,")):
        text = passage("Oui.", language=language)
        assert draft(text, to=lead(name=None, attributes={}), language=language).body.startswith(greeting)


def test_short_letters_give_the_first_sentences_of_each_answer() -> None:
    answer = styled(said={"most_sentences": 2, "ask_missing": False})
    assert "Notre offre part sous 48 heures.\n\nCordialement," in answer.body
    assert "vaut un mois" not in answer.body


STEPS = {
    "calendar": CALENDAR,
    "ask_missing": False,
    "next_steps": [
        {"grades": ["A"], "text": {"fr": "Choisissez un moment : {{ house.calendar }}"}},
        {"stages": ["Négociation"], "text": {"fr": "Nous vous appelons.", "en": "We will call you."}},
        {"text": {"en": "Just reply to this message."}},
    ],
}


@pytest.mark.parametrize(
    ("grade", "stage", "language", "proposed"),
    [
        ("a", None, "fr", f"Choisissez un moment : {CALENDAR}"),
        ("B", "negociation", "fr", "Nous vous appelons."),
        ("A", "Négociation", "en", "We will call you."),  # the step of grade A has no English words
        (None, None, "en", "Just reply to this message."),
        (None, None, "fr", None),
    ],
)
def test_the_next_step_fits_grade_and_stage(
    grade: str | None, stage: str | None, language: str, proposed: str | None
) -> None:
    of = message(grade=grade, stage=stage)
    answer = styled(passage("Oui.", language=language, shared=0.5), said=STEPS, of=of, language=language)
    steps = [one for one in answer.sentences if one.title in ("Prochaine étape", "Next step")]
    assert [one.text for one in steps] == ([proposed] if proposed else [])
    assert all((one.kind, one.passage_id) == ("style", None) for one in steps)
    assert all(one.text in answer.body for one in steps)


def test_a_complaint_is_neither_asked_nor_offered_anything() -> None:
    of = message("Je vous adresse une réclamation : un devis faux, 12 pompes et aucun avoir.", grade="A")
    answer = styled(said=STEPS | {"ask_missing": True}, of=of)
    assert answer.status == "waiting"
    assert not [one for one in answer.sentences if one.kind == "style"]


def asked_for(text: str, *, answer: str = "Merci pour votre demande.", **fields: Any) -> list[str]:
    made = styled(passage(answer), said=fields.pop("said", {}), of=message(text, subject=None), **fields)
    return [one.text for one in made.sentences if one.kind == "style"]


PRODUCT = "Pourriez-vous nous préciser le produit ou la référence ?"
QUANTITY = "Pourriez-vous nous préciser la quantité souhaitée ?"
DEADLINE = "Pour quelle date vous le faudrait-il ?"
PLACE = "Où faudrait-il livrer ?"


def test_a_request_is_asked_for_the_first_two_facts_that_it_lacks() -> None:
    assert asked_for("Pourriez-vous nous faire un devis ?") == [PRODUCT, QUANTITY]
    assert asked_for("Un devis pour 12 vannes à bille, merci.") == [DEADLINE, PLACE]
    assert asked_for("Un devis pour 12 vannes à bille avant le 3 mai, livraison à Tours.") == []


def test_what_was_said_before_or_is_known_of_the_lead_is_not_asked() -> None:
    text = "Pourriez-vous nous faire un devis ?"
    assert asked_for(text, earlier=["Nous cherchons 12 vannes à bille."]) == [DEADLINE, PLACE]
    known = lead(attributes={"reference_produit": "VB-25", "ville": "Tours", "quantite": None})
    assert asked_for(text, to=known) == [QUANTITY, DEADLINE]


def test_what_the_answer_asks_already_is_not_asked_twice() -> None:
    answer = "Merci. Pouvez-vous nous confirmer les quantités et le lieu de livraison ?"
    assert asked_for("Pourriez-vous nous faire un devis ?", answer=answer) == [PRODUCT, DEADLINE]


@pytest.mark.parametrize(
    "text",
    [
        "Où en est ma commande de 12 vannes à bille ?",
        "Pouvez-vous m'envoyer la fiche technique de la VB-25 ?",
        "Merci de me renvoyer la facture du devis 12.",
        "Merci beaucoup.",
        "",
    ],
)
def test_who_does_not_want_to_buy_is_asked_nothing(text: str) -> None:
    assert asked_for(text) == []


def test_a_house_asks_what_it_wants_in_its_order_or_nothing() -> None:
    own = {
        "fields": [
            {
                "name": "voltage",
                "label": {"fr": "Tension", "en": "Voltage"},
                "kind": "number",
                "announced_by": ["tension"],
            }
        ],
        "questions": [{"field": "voltage", "text": {"fr": "Quelle tension avez-vous ?"}}],
    }
    text = "Un devis pour un moteur ?"
    assert asked_for(text, said=own) == ["Quelle tension avez-vous ?"]
    assert asked_for(f"{text} Tension : 400 V.", said=own) == []
    assert asked_for(text, said={"ask_missing": False}) == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"greeting": {"fr": "Bonjour {{ lead.email }},"}}, "unknown slot"),
        ({"closing": {"fr": "{% for x in y %}"}}, "no loops"),
        ({"signature": ["{{ rep.name"]}, "not complete"),
        ({"signature": ["[votre titre]"]}, "square brackets"),
        ({"signature": ["deux\nlignes"]}, "one line only"),
        ({"signature": []}, "at least one line"),
        ({"closing": {"fr": "\0"}}, "cannot be stored"),
        ({"calendar": "agenda.example.com"}, "https://"),
        ({"calendar": "javascript:alert(1)"}, "https://"),
        ({"calendar": "https://a.example.com/ x"}, "https://"),
        ({"calendar": "https://[::1"}, "https://"),
        ({"calendar": "https://moi@a.example.com/"}, "https://"),
        ({"next_steps": [{"text": {"fr": "{{ house.calendar }}"}}]}, "calendar, which is not filled in"),
        ({"signature": ["{{ house.phone }}"]}, "house.phone, which is not filled in"),
        (
            {"questions": [{"field": "colour", "text": {"fr": "?"}}]},
            "no field of the card is called 'colour'",
        ),
        ({"questions": [{"field": "place", "text": {}}] * 2}, "'place' stands there twice"),
        ({"reps": [{"name": "Léa"}, {"name": "LÉA"}]}, "stands there twice"),
        ({"most_sentences": 0}, "greater than or equal to 1"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_a_document_that_would_spoil_letters_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Style.model_validate(said)


FIELD = {"name": "serial", "label": {"fr": "N° de série", "en": "Serial"}, "announced_by": ["n° de série"]}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": "quantity"}, "every card has"),
        ({"name": "Numéro"}, "should match pattern"),
        ({"announced_by": []}, "give the words that announce it"),
        ({"announced_by": ["{{ x }}"]}, "plain words"),
        ({"kind": "choice"}, "a choice has values"),
        ({"values": ["oui"]}, "a choice has values"),
        ({"kind": "regex"}, "text"),
        ({"label": {"fr": ""}}, "at least 1"),
    ],
)
def test_a_field_that_cannot_be_read_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Style.model_validate({"fields": [FIELD | changed]})


def test_a_house_without_a_name_shows_the_gap_and_not_an_empty_greeting() -> None:
    answer = styled(said={"greeting": {"fr": "{{ house.name }} vous répond,"}}, house=House("", ""))
    assert answer.body.startswith("vous répond,")
