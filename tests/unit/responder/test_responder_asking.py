"""Which sentences of a message ask for something."""

import pytest

from services.responder.asking import MOST_REQUESTS, requests


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Pourriez-vous nous chiffrer deux pompes ?", []),  # one sentence is asked as a whole
        (
            "Bonjour,\nNous sommes une laiterie près de Rouen. Pourriez-vous chiffrer deux pompes ? "
            "Par ailleurs, nous n'avons toujours pas reçu la facture de mars.\nCordialement,\nCamille ?",
            [
                "Pourriez-vous chiffrer deux pompes ?",
                "Par ailleurs, nous n'avons toujours pas reçu la facture de mars.",
            ],
        ),
        (
            "We run a dairy in Kent. Could you price two pumps? We also need the datasheet of the P200.",
            ["Could you price two pumps?", "We also need the datasheet of the P200."],
        ),
        ("Merci d'avance pour votre retour. La livraison se ferait sur notre site de Vierzon.", []),
        ("Bonjour Paul. Quand ? Où ?\n> Pourriez-vous chiffrer deux pompes pour nous ?", []),
        ("", []),
    ],
)
def test_the_sentences_that_ask_are_told_from_those_beside_them(text: str, asked: list[str]) -> None:
    assert requests(text) == asked


def test_a_long_list_of_requests_is_cut() -> None:
    assert len(requests("Pouvez-vous nous envoyer la fiche P200 ?\n" * 50)) == MOST_REQUESTS
