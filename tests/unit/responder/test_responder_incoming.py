import pytest

from services.responder.incoming import opts_out, own_words

FRENCH_THREAD = """Bonjour,

Pouvez-vous livrer en mars ?

Le mar. 10 mars 2026 à 09:12, Sarah Lebrun <ventes@example.fr> a
écrit :

> Bonjour,
> Vous pouvez vous désabonner ici.
"""
ENGLISH_THREAD = """Can you deliver in March?

On Tue, Mar 10, 2026 at 9:12 AM Sarah Lebrun <sales@example.fr> wrote:
> Hello
> Unsubscribe here.
"""
OUTLOOK = """Merci, c'est parfait.

De : Sarah Lebrun
Envoyé : mardi 10 mars 2026 09:12
À : Camille
Objet : Votre devis

Ancien texte
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FRENCH_THREAD, "Bonjour,\n\nPouvez-vous livrer en mars ?"),
        (ENGLISH_THREAD, "Can you deliver in March?"),
        (OUTLOOK, "Merci, c'est parfait."),
        ("Oui.\r\n\r\n-----Original Message-----\r\nFrom: x\r\nold", "Oui."),
        ("Oui.\n\n----- Message d’origine -----\nold", "Oui."),
        ("Oui.\n-- \nCamille Morvan\n06 12 34 56 78", "Oui."),
        ("Un devis svp\n\nEnvoyé de mon iPhone", "Un devis svp"),
        ("Un devis svp.\n\nCordialement,\nCamille Morvan\nLaiterie", "Un devis svp."),
        ("Cordialement", "Cordialement"),
    ],
)
def test_quoted_thread_and_signature_are_left_out(text: str, expected: str) -> None:
    assert own_words(text) == expected


def test_an_answer_under_the_quote_is_kept() -> None:
    text = "On Tue, Sarah wrote:\n> When?\n> Where?\n\nOn Monday, in Brest."
    assert own_words(text) == "On Monday, in Brest."


def test_ordinary_words_that_look_like_a_thread_are_kept() -> None:
    text = "Le devis que vous avez écrit me convient.\nOn Monday I wrote to you: no answer."
    assert own_words(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Merci de me désabonner.",
        "DESABONNEZ-MOI",
        "Please unsubscribe me",
        "Je ne souhaite plus recevoir vos courriels.",
        "Ne me contactez plus, et arrêtez de m'écrire.",
        "Merci de me retirer de votre liste de diffusion.",
        "Supprimez mes coordonnées",
        "Stop",
        "Please take me off your mailing list",
        "I no longer wish to receive your emails.",
    ],
)
def test_a_wish_not_to_be_written_to_is_seen(text: str) -> None:
    assert opts_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "Pouvez-vous nous envoyer un devis ?",
        "La pompe s'arrête : le bouton stop ne répond plus.",
        "Nous ne voulons pas attendre, livrez vite.",
        "Please send us a quote and don't forget the lead time.",
    ],
)
def test_an_ordinary_message_is_no_opt_out(text: str) -> None:
    assert not opts_out(text)
