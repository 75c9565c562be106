from uuid import UUID

import pytest

from services.responder.drafting import House, asked
from tests.unit.responder.letters import draft, lead, message, passage

QUOTE = passage(
    "Bonjour {{ lead.first_name }},\n\n"
    "Merci pour votre demande pour {{ lead.company }}. Quelle quantité ?\n\n"
    "Bien cordialement,\n{{ rep.name }}\n{{ house.name }}"
)


def test_a_draft_is_a_letter_to_this_lead() -> None:
    answer = draft(QUOTE)
    assert answer.body == (
        "Bonjour Madame Morvan,\n\nMerci pour votre demande pour Laiterie du Ménez. Quelle quantité ?\n\n"
        "Cordialement,\n\n[votre nom]\nHydromeca"
    )
    assert (answer.status, answer.subject) == ("waiting", "Re: Devis")
    assert (answer.sender, answer.recipients) == (
        "ventes@hydromeca.example.com",
        ("camille@laiterie.example.com",),
    )


def test_each_request_and_what_waits_since_before_get_an_answer_of_their_own() -> None:
    warranty = passage("Nos appareils sont garantis deux ans.", passage_id=UUID(int=2), confidence=0.7)
    catalogue = passage("Voici notre catalogue.", passage_id=UUID(int=3), confidence=0.9)
    doubtful = passage("Nos horaires sont affichés.", passage_id=UUID(int=4), confidence=0.4)
    unknown = passage("Nous recrutons.", passage_id=UUID(int=5), confidence=None)
    whole = passage("Merci pour votre demande.", confidence=0.8)
    answer = draft(
        whole, before=[[warranty]], requests=[[whole], [doubtful, catalogue], [unknown], [warranty], []]
    )
    assert [s.text for s in answer.sentences if s.passage_id] == [
        "Nos appareils sont garantis deux ans.",
        "Merci pour votre demande.",
        "Voici notre catalogue.",
    ]
    assert "deux ans.\n\nMerci pour votre demande.\n\nVoici notre catalogue.\n\nCordialement" in answer.body
    assert answer.confidence == 0.7  # that of the least sure
    assert draft(before=[[warranty]]).status == "waiting"


def test_every_sentence_stands_in_the_body_and_says_where_it_comes_from() -> None:
    answer = draft(QUOTE)
    assert "".join(answer.body.split()) == "".join("".join(s.text.split()) for s in answer.sentences)
    assert [(s.kind, s.passage_id, s.title) for s in answer.sentences] == [
        ("lead", None, "Formule d'appel"),
        ("template", UUID(int=1), "Demande de devis"),
        ("template", UUID(int=1), "Demande de devis"),
        ("house", None, "Formule de politesse"),
        ("house", None, "Signature"),
        ("house", None, "Signature"),
    ]
    assert answer.sentences[1].quote == "Merci pour votre demande pour {{ lead.company }}."


def test_what_is_not_known_is_a_visible_gap() -> None:
    answer = draft(QUOTE, to=lead(name=None, company=None, email=None), house=House("", ""))
    assert answer.body.startswith("Bonjour,\n")
    assert answer.gaps == (
        "[adresse d'expédition]",
        "[adresse du destinataire]",
        "[société du contact]",
        "[votre nom]",
        "[nom de votre société]",
    )


def test_a_gap_written_in_a_template_is_a_gap() -> None:
    assert draft(passage("Livraison le [date]. Voir la note [1].")).gaps == ("[date]", "[votre nom]")


def test_what_the_lead_wrote_is_never_a_template() -> None:
    attack = "{{ ''.__class__.__mro__ }} {% for x in range(10) %}boom{% endfor %}"
    answer = draft(
        QUOTE,
        of=message(text=attack, subject=attack),
        to=lead(name=attack, company=attack, attributes={"civilite": "Mme", "nom": attack}),
    )
    assert "[société du contact]" in answer.body
    for marker in ("class", "boom", "{{", "{%"):
        assert marker not in answer.body
    assert answer.subject == f"Re: {attack}"


def test_a_document_is_quoted_as_it_stands() -> None:
    answer = draft(passage("Pas un modèle : {{ lead.name }}. Fin.", kind="document"))
    assert "Pas un modèle : {{ lead.name }}. Fin." in answer.body


def test_an_answer_is_preferred_to_a_document() -> None:
    document = passage("Une pompe pompe.", kind="document", similarity=0.9)
    assert draft(document, QUOTE).sentences[1].kind == "template"


@pytest.mark.parametrize(
    "far",
    [
        passage("Trop peu sûr.", confidence=0.49),
        passage("Jamais comparé.", confidence=None),
        passage("In English.", language="en"),
    ],
)
def test_without_enough_evidence_there_is_no_draft(far: object) -> None:
    answer = draft(far)  # type: ignore[arg-type]
    assert (answer.status, answer.reason, answer.body, answer.sentences) == (
        "no_source",
        "nothing_close",
        "",
        (),
    )
    assert answer.nearest == (far,)


def test_an_empty_knowledge_is_said() -> None:
    assert draft().reason == "no_knowledge"


def test_who_opts_out_gets_no_sales_draft() -> None:
    answer = draft(QUOTE, of=message(text="Merci de me désabonner."))
    assert (answer.status, answer.reason) == ("no_source", "opt_out")


def test_an_unsubscribe_link_in_the_quoted_thread_is_no_opt_out() -> None:
    text = "Pourriez-vous nous faire un devis ?\n\nLe 3 mars, Léa a écrit :\n> Se désabonner"
    assert draft(QUOTE, of=message(text=text)).status == "waiting"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("RE: Re : Fwd: Devis", "Re: Devis"),
        (None, "Re: Votre message"),
        ("Devis\r\nBcc: x@example.com", "Re: Devis Bcc: x@example.com"),
    ],
)
def test_the_subject_answers_in_one_line(subject: str | None, expected: str) -> None:
    assert draft(QUOTE, of=message(subject=subject)).subject == expected


def test_the_search_is_for_the_writers_own_words() -> None:
    text = "Bonjour,\n\nQuel délai ?\n\nCordialement,\nCamille\n\n> ancien"
    assert asked(message(text=text, subject="Re: Devis")) == "Devis\nQuel délai ?"
