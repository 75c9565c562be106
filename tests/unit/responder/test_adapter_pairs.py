import csv
import gzip
from pathlib import Path

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from services.responder.adapter.making import REPLIES, SENTENCES, WORDS
from services.responder.adapter.pairs import Pair, read_pairs, usable
from services.responder.adapter.serve import PACKAGED
from shared.errors import UserError

FROZEN = Path(__file__).parents[2] / "data" / "responder" / "frozen"
GREATEST_LIKENESS = 0.75
"""Cosine of character n-grams from which two short sentences are one with a word changed."""


def test_markup_and_placeholders_are_not_learnt() -> None:
    rows = [("<b>Your</b> order %{number} &amp; invoice", "Votre **commande** {{ number }} &amp; facture")]
    assert usable(rows) == [Pair("Your order & invoice", "Votre commande & facture")]


@pytest.mark.parametrize(
    "row",
    [
        ("Hello", "Hello"),
        ("12345", "12345,00"),
        ("Please send the invoice for the last three orders we placed", "Facture"),
        ("word " * 50, "mot " * 50),
    ],
)
def test_what_cannot_be_a_translation_is_left_out(row: tuple[str, str]) -> None:
    assert usable([row]) == []


def test_a_pair_is_kept_once_whatever_its_case() -> None:
    assert len(usable([("Quote", "Devis"), ("quote", "devis")])) == 1


def test_a_packed_file_with_a_header_and_comments_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv.gz"
    path.write_bytes(gzip.compress(b"source\ttarget\n# mine\nThank you\tMerci\tcloser\n\n"))
    assert read_pairs(path) == [Pair("Thank you", "Merci", "closer")]


@pytest.mark.parametrize("content", [b"", b"only one column\n", b"\xff\xfe\x00bad", b"a\tb\n"])
def test_a_file_without_pairs_says_what_is_needed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"tab|UTF-8"):
        read_pairs(path)


def test_a_damaged_archive_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv.gz"
    path.write_bytes(gzip.compress(b"Thank you\tMerci\n")[:-6])
    with pytest.raises(UserError, match="cannot be read"):
        read_pairs(path)


def test_the_projects_own_pairs_are_whole_and_many() -> None:
    sentences, words = (read_pairs(PACKAGED / "fr" / name) for name in (SENTENCES, WORDS))
    assert len(sentences) >= 1500
    assert len(words) >= 1000
    lines = (PACKAGED / "fr" / SENTENCES).read_text(encoding="utf-8").splitlines()
    assert all(line.count("\t") == 2 for line in lines)


def test_replies_answer_topics_that_sentences_have() -> None:
    topics = {pair.topic for pair in read_pairs(PACKAGED / "fr" / SENTENCES)}
    answered = {topic for pair in read_pairs(PACKAGED / "fr" / REPLIES) for topic in pair.topic.split()}
    assert answered <= topics
    assert len(answered) >= 30


@pytest.mark.parametrize(
    ("own", "kind"), [(SENTENCES, "messages"), (REPLIES, "messages"), (REPLIES, "templates")]
)
def test_no_own_pair_resembles_a_text_of_the_frozen_evaluation_set(own: str, kind: str) -> None:
    for language, side in (("fr", "translation"), ("en", "english")):
        ours = [getattr(pair, side) for pair in read_pairs(PACKAGED / "fr" / own)]
        theirs = frozen_texts(kind, language)
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), strip_accents="unicode")
        vectorizer.fit(ours + theirs)
        likeness = (vectorizer.transform(ours) @ vectorizer.transform(theirs).T).max(axis=1).toarray().ravel()
        # Only ours are shown: what the frozen set says stays unread. One word or two ("STOP") is no wording.
        close = [
            text
            for text, found in zip(ours, likeness, strict=True)
            if found > GREATEST_LIKENESS and len(text.split()) > 3
        ]
        assert not close


def frozen_texts(kind: str, language: str) -> list[str]:
    """Messages, or the templates' titles, descriptions and sentences, each by itself."""
    with (FROZEN / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if kind == "messages":
        return [row[language] for row in rows]
    return [
        text
        for row in rows
        if row["language"] == language
        for text in (row["title"], row["when"], *row["text"].split(". "))
    ]
