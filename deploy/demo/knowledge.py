"""What the demonstration company knows how to answer, in both languages."""

from functools import cache
from pathlib import Path
from typing import Final, Literal, TypedDict

import orjson

SLOTS: Final = frozenset({"lead.first_name", "lead.name", "lead.company", "rep.name", "house.name"})
"""What a template may name between {{ and }}."""


class Passage(TypedDict):
    """One passage of knowledge. `intent` names the kind of message it answers."""

    kind: Literal["template", "document", "reply"]
    language: Literal["fr", "en"]
    title: str
    body: str
    intent: str


def passages() -> list[Passage]:
    """Every passage in a stable order: for each language, templates, documents, then approved replies."""
    return list(_passages())


@cache
def _passages() -> tuple[Passage, ...]:
    path = Path(__file__).parent / "data" / "passages.json"
    return tuple(orjson.loads(path.read_bytes()))
