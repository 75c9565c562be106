import pytest

from services.responder.adapter.lexicon import learn_lexicon, words
from services.responder.adapter.pairs import Pair

PAIRS = [
    Pair("the quote", "le devis"),
    Pair("the invoice", "la facture"),
    Pair("a quote", "un devis"),
    Pair("an invoice", "une facture"),
    Pair("the quote and the invoice", "le devis et la facture"),
]


def test_a_word_is_told_apart_from_those_beside_it() -> None:
    translations = learn_lexicon(PAIRS, [1] * len(PAIRS)).translations
    assert translations["devis"][0][0] == "quote"
    assert translations["facture"][0][0] == "invoice"


def test_translations_of_a_word_sum_to_at_most_one_best_first() -> None:
    for found in learn_lexicon(PAIRS, [1] * len(PAIRS)).translations.values():
        probabilities = [probability for _, probability in found]
        assert sum(probabilities) <= 1 + 1e-9
        assert probabilities == sorted(probabilities, reverse=True)


def test_a_pair_that_weighs_more_wins_over_a_chance_sentence() -> None:
    pairs = [Pair("vending machine", "distributeur"), Pair("reseller", "distributeur")]
    assert learn_lexicon(pairs, [1, 10]).translations["distributeur"][0][0] == "reseller"
    assert learn_lexicon(pairs, [10, 1]).translations["distributeur"][0][0] != "reseller"


def test_the_same_pairs_give_the_same_lexicon() -> None:
    assert learn_lexicon(PAIRS, [1] * 5) == learn_lexicon(PAIRS, [1] * 5)


def test_the_links_held_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.responder.adapter.lexicon.MAX_LINKS", 8)
    assert set(learn_lexicon(PAIRS, [1] * 5).translations) == {"le", "devis", "la", "facture"}


def test_words_are_what_an_uncased_tokenizer_sees() -> None:
    assert words("Désabonnez-moi, s'il vous plaît") == ["desabonnez", "moi", "s", "il", "vous", "plait"]
    assert words("It doesn't fit") == ["it", "does", "not", "fit"]
