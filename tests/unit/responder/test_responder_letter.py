import pytest

from services.responder.letter import core, layout, paragraphs, sentences


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Merci. Nous répondons demain ! Et vous ?", ["Merci.", "Nous répondons demain !", "Et vous ?"]),
        ("M. Durand viendra. Mme Morvan aussi.", ["M. Durand viendra.", "Mme Morvan aussi."]),
        ("Comptez 3.5 bar, p. ex. Lobe 40.", ["Comptez 3.5 bar, p. ex. Lobe 40."]),
        ("1. Le débit. 2. La pression.", ["1. Le débit.", "2. La pression."]),
        ("Prêt ? oui, dès lundi.", ["Prêt ? oui, dès lundi."]),
        ("{{ lead.company }} nous a écrit. Merci.", ["{{ lead.company }} nous a écrit.", "Merci."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(line: str, expected: list[str]) -> None:
    assert sentences(line) == expected


def test_the_core_has_no_greeting_closing_nor_signature() -> None:
    letter = "Bonjour Madame Morvan,\n\nMerci.\n\nBonne idée.\n\nBien cordialement,\nSarah\nHydromeca"
    assert core(letter) == "Merci.\n\nBonne idée."


def test_a_first_sentence_is_not_taken_for_a_greeting() -> None:
    assert core("Bonjour et merci de votre message.") == "Bonjour et merci de votre message."


def test_layout_puts_back_what_was_split() -> None:
    text = "Un. Deux.\nTrois.\n\nQuatre."
    assert layout(paragraphs(text)) == text
