"""What a language model is given of a letter, and what of its answer may be used."""

import pytest

from services.responder.drafting import Draft
from services.responder.rephrasing import Given, given, refusal, reworded
from services.responder.store import stored_sentence
from tests.unit.responder.letters import draft, lead, passage

OFFER = passage(
    "Merci pour votre demande, {{ lead.first_name }} de {{ lead.company }}. "
    "Notre offre part sous 48 heures.\n\n"
    "Elle n'inclut pas le port. Voyez https://hydromeca.fr/tarifs. Votre contact : [nom du commercial]."
)
MIDDLE = (
    "Merci pour votre demande, NOM_2 de SOCIETE_1. Notre offre part sous 48 heures.\n\n"
    "Elle n'inclut pas le port. Voyez https://hydromeca.fr/tarifs. Votre contact : [nom du commercial]."
)
GOOD = (
    "Nous vous remercions de votre demande, NOM_2 de SOCIETE_1, et vous adressons notre offre sous 48 "
    "heures. "
    "Le port n'est pas inclus : voyez https://hydromeca.fr/tarifs. Votre contact est [nom du commercial]."
)


def asked_of(made: Draft) -> Given:
    return given(made.body, [stored_sentence(one) for one in made.sentences], lead())


def test_what_is_given_names_nobody_and_holds_no_frame() -> None:
    asked = asked_of(draft(OFFER))
    assert asked.text == MIDDLE
    assert dict(asked.stands_for) == {"SOCIETE_1": "Laiterie du Ménez", "NOM_2": "Camille"}


def test_an_answer_that_says_the_same_is_used_and_keeps_its_sources() -> None:
    made = draft(OFFER)
    asked, stored = asked_of(made), [stored_sentence(one) for one in made.sentences]
    assert refusal(GOOD, asked, "fr") is None
    letter = reworded(GOOD, asked, made.body, stored)
    body, sentences = letter.body, letter.sentences
    assert body.startswith(
        "Bonjour Madame Morvan,\n\nNous vous remercions de votre demande, Camille de Laiterie"
    )
    assert body.endswith("[nom du commercial].\n\nCordialement,\n\n[votre nom]\nHydromeca")
    assert "NOM_" not in body
    assert "SOCIETE_" not in body
    assert "".join(body.split()) == "".join("".join(one["text"].split()) for one in sentences)
    carriage = next(one for one in sentences if "port" in one["text"])
    assert carriage["source"]["quote"] in ("Elle n'inclut pas le port.", "Voyez https://hydromeca.fr/tarifs.")
    assert sentences[0] == stored[0]
    assert sentences[-3:] == stored[-3:]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        (GOOD.replace("48 heures", "24 heures"), "added"),
        (GOOD.replace("48 heures", "48 jours"), "added"),
        (GOOD.replace("sous 48 heures", "très vite"), "left_out"),
        (GOOD.replace(" : voyez https://hydromeca.fr/tarifs", ""), "left_out"),
        (GOOD.replace("hydromeca.fr/tarifs", "hydromeca.fr/promo"), "added"),
        (GOOD.replace("adressons", "adressons, avec Martin,"), "added"),
        (GOOD.replace("n'est pas inclus", "est inclus"), "negations"),
        (GOOD.replace("heures.", "heures ?"), "questions"),
        (GOOD.replace("NOM_2", "Camille"), "placeholders"),
        (GOOD.replace("[nom du commercial]", "nous"), "gaps"),
        (GOOD.replace("[nom du commercial]", "[nom du commercial] [date]"), "gaps"),
        (f"**{GOOD}**", "markup"),
        (f"<p>{GOOD}</p>", "markup"),
        (GOOD + " {{ rep.name }}", "markup"),
        (f"Bonjour,\n\n{GOOD}", "frame"),
        (f"{GOOD}\n\nCordialement,", "frame"),
        (GOOD + " Et tu verras, c'est bien.", "familiar"),
        (GOOD * 2, "placeholders"),
        (GOOD + " Nous restons bien sûr à votre disposition pour toute question." * 3, "length"),
        (
            "Thank you for your request, NOM_2 of SOCIETE_1: our offer leaves within 48 heures. The carriage "
            "is not included, please see https://hydromeca.fr/tarifs. Your contact is [nom du commercial].",
            "language",
        ),
    ],
)
def test_an_answer_that_says_something_else_is_dropped(answer: str, why: str) -> None:
    assert refusal(answer, asked_of(draft(OFFER)), "fr") == why


def test_a_lead_called_as_a_placeholder_changes_nothing() -> None:
    who = lead(name="NOM SOCIETE", company="NOM_1")
    made = draft(OFFER, to=who)
    stored = [stored_sentence(one) for one in made.sentences]
    asked = given(made.body, stored, who)
    assert reworded(asked.text, asked, made.body, stored).body == made.body
