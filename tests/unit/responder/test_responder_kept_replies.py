import pytest

from services.responder.folding import words
from services.responder.kept_replies import NotKept, general_title, generalise
from services.responder.slots import check_template
from tests.unit.responder.letters import lead

KNOWN = words(
    "Nous vous adressons notre offre avec les délais. Merci pour votre patience. Une pompe de secours."
)
SAFE = "Nous vous adressons notre offre avec une pompe de secours. Merci pour votre patience."
CANARY = lead(attributes={"ville": "Kerlouan", "civilite": "Mme", "produit": "pompe"})


def keep(core: str) -> str:
    body = f"Bonjour Madame Morvan,\n\n{core}\n\nCordialement,\n\nSarah Lebrun\nHydromeca"
    return generalise(body, CANARY, rep_name="Sarah Lebrun", known_words=KNOWN)


def test_a_reply_without_anything_personal_is_kept_without_its_frame() -> None:
    assert keep(SAFE) == SAFE


def test_the_lead_and_the_person_become_slots() -> None:
    kept = keep(f"{SAFE} Merci à CAMILLE MORVAN, de Laiterie du Ménez, et à Camille. Sarah Lebrun")
    assert kept == (
        f"{SAFE} Merci à {{{{ lead.name }}}}, de {{{{ lead.company }}}}, "
        "et à {{ lead.first_name }}. {{ rep.name }}"
    )
    check_template(kept)


@pytest.mark.parametrize(
    ("personal", "why"),
    [
        ("Votre commande 42100 part demain.", "numbers"),
        ("Rappelez le 06 12 34 56 78.", "numbers"),
        ("Écrivez à camille@laiterie.example.com.", "link"),
        ("Voyez www.laiterie.example pour cela.", "link"),
        ("merci à madame morvan de sa patience.", "person"),
        ("merci à la laiterie pour sa patience.", "person"),
        ("Merci à Sylvie pour sa patience.", "name"),
        ("notre technicien passera à kerlouan.", "person"),
        ("Merci à [nom du contact].", "gap"),
        ("Merci {{ lead.phone }}.", "gap"),
        ("Merci à Ménez.", "person"),
    ],
)
def test_a_reply_that_still_points_at_someone_is_not_kept_and_why_is_said(personal: str, why: str) -> None:
    with pytest.raises(NotKept, match=why):
        keep(f"{SAFE} {personal}")


@pytest.mark.parametrize("title", ["Devis Morvan", "Commande 42100", "camille@laiterie.example.com"])
def test_a_title_that_points_at_someone_is_not_kept(title: str) -> None:
    assert general_title("Demande de devis", CANARY, rep_name="Sarah") == "Demande de devis"
    with pytest.raises(NotKept, match="title"):
        general_title(title, CANARY, rep_name="Sarah")


def test_a_word_of_the_house_is_no_identifier_because_an_attribute_holds_it() -> None:
    assert "pompe" in keep(SAFE)


def test_a_company_named_like_a_slot_leaves_the_slots_whole() -> None:
    odd = lead(name="Camille Morvan", company="Lead")
    body = f"{SAFE} Merci à Camille Morvan, de Lead."
    assert generalise(body, odd, rep_name="", known_words=KNOWN) == (
        f"{SAFE} Merci à {{{{ lead.name }}}}, de {{{{ lead.company }}}}."
    )


def test_a_crumb_is_not_worth_keeping() -> None:
    with pytest.raises(NotKept, match="short"):
        keep("Merci.")
