"""Sections → passages that fit what the embedding model reads. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.responder.documents.reading import Section
from services.responder.letter import sentences

TARGET_CHARS: Final = 900
"""What 256 pieces of words, the model's limit, hold of French with a margin."""
MAX_TITLE_CHARS: Final = 200
BETWEEN: Final = " › "


@dataclass(frozen=True, slots=True)
class Chunk:
    """One passage: `title` is the document's and its headings, `body` what stands there, word for word."""

    title: str
    body: str


def chunk(title: str, sections: Sequence[Section]) -> list[Chunk]:
    """Paragraphs of one section packed up to TARGET_CHARS; a longer one is cut between its sentences, and
    those between words. Nothing is left out; what is said twice under one heading is there once."""
    found = (
        Chunk(_title(title, section.headings), body)
        for section in sections
        for body in _packed(section.paragraphs)
    )
    return list(dict.fromkeys(found))


def _title(document: str, headings: Sequence[str]) -> str:
    """The innermost headings survive a cut: they say most."""
    parts = list(dict.fromkeys((document, *headings)))
    while len(parts) > 1 and len(BETWEEN.join(parts)) > MAX_TITLE_CHARS:
        parts.pop(0)
    return BETWEEN.join(parts)[:MAX_TITLE_CHARS]


def _packed(paragraphs: Sequence[str]) -> Iterator[str]:
    body = ""
    for paragraph in paragraphs:
        for piece in _pieces(paragraph):
            if body and len(body) + len(piece) + 2 > TARGET_CHARS:
                yield body
                body = ""
            body = f"{body}\n\n{piece}" if body else piece
    if body:
        yield body


def _pieces(paragraph: str) -> Iterator[str]:
    """The paragraph, or as many runs of it as it takes."""
    if len(paragraph) <= TARGET_CHARS:
        yield paragraph
        return
    run = ""
    for line in paragraph.splitlines():
        for sentence in sentences(line):
            for word in [sentence] if len(sentence) <= TARGET_CHARS else _cut(sentence):
                if run and len(run) + len(word) + 1 > TARGET_CHARS:
                    yield run
                    run = ""
                run = f"{run} {word}" if run else word
    if run:
        yield run


def _cut(sentence: str) -> Iterator[str]:
    """Words; one that is longer than a passage (a table's line, an encoded file) is cut where it must be."""
    for word in sentence.split():
        yield from (word[at : at + TARGET_CHARS] for at in range(0, len(word), TARGET_CHARS))
