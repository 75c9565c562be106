"""How well messages find their template, on a small set written for tuning. Pure."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.responder.matching import WEIGHTS, Matcher

Encode = Callable[[Sequence[str]], NDArray[Any]]
ENGLISH, TRANSLATION = 0, 1


@dataclass(frozen=True, slots=True)
class Labelled:
    """One template an intent, and (intent, text) messages, each text in English and in the other language."""

    templates: dict[str, tuple[str, str]]
    messages: list[tuple[str, tuple[str, str]]]

    def side(self, side: int) -> tuple[list[str], list[str]]:
        """Templates and messages in one of the two languages."""
        return [texts[side] for texts in self.templates.values()], [texts[side] for _, texts in self.messages]

    def right(self) -> NDArray[np.intp]:
        """The place of each message's template."""
        places = {intent: place for place, intent in enumerate(self.templates)}
        return np.array([places[intent] for intent, _ in self.messages])


def read_labelled(path: Path) -> Labelled:
    """A file with the columns intent, kind (template or message), english, translation."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = [(row["intent"], row["kind"], (row["english"], row["translation"])) for row in rows]
    return Labelled(
        {intent: both for intent, kind, both in texts if kind == "template"},
        [(intent, both) for intent, kind, both in texts if kind == "message"],
    )


def measure(labelled: Labelled, english: Encode, adapted: Encode) -> dict[str, float]:
    """Shares of the messages in the other language, in the order of the table that is printed.

    `top1`, `top3`: the right template of that language is first, or among three. `fused`, `fused_top3`: the
    same with shared pieces of words beside the meaning, weighed as French is served. `to_english`: among the
    English templates. `nearest`: the nearest other message has the same intent. `in_english`: the same
    messages in English, through the untouched model.
    """
    templates, messages = labelled.side(TRANSLATION)
    english_templates, english_messages = labelled.side(ENGLISH)
    right = labelled.right()
    asked, known_english = adapted(messages), english(english_templates)
    known = adapted(templates)
    to_templates = asked @ known.T
    # Labels that sort as the templates do, so that a column is a template.
    matcher = Matcher(templates, known, [f"{place:04}" for place in range(len(templates))])
    fused = matcher.rank(messages, asked, WEIGHTS["fr"]).scores
    to_messages = asked @ asked.T
    np.fill_diagonal(to_messages, -1)
    return {
        "top1": _top(to_templates, right, 1),
        "top3": _top(to_templates, right, 3),
        "fused": _top(fused, right, 1),
        "fused_top3": _top(fused, right, 3),
        "to_english": _top(asked @ known_english.T, right, 1),
        "nearest": float((right[to_messages.argmax(1)] == right).mean()),
        "in_english": _top(english(english_messages) @ known_english.T, right, 1),
    }


def _top(similarity: NDArray[Any], right: NDArray[Any], count: int) -> float:
    own = similarity[np.arange(len(right)), right]
    return float(((similarity > own[:, None]).sum(1) < count).mean())
