"""Which of the house's languages a message is in."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal

from py3langid.langid import MODEL_FILE, LanguageIdentifier

Language = Literal["fr", "en"]
LANGUAGES: Final = ("fr", "en")
DEFAULT: Final = "fr"

MIN_LETTERS = 20
"""Below this, detection is a guess ("RDV mardi ?" comes out even): what is known of the lead says more."""
MIN_CONFIDENCE = 0.8

_ATTRIBUTES = ("language", "langue", "locale", "lang")


def message_language(text: str, declared: str | None, attributes: Mapping[str, Any]) -> str:
    """The language to answer in: the text's own, else the declared tag, else the lead's attribute.

    With none of these, a guess from the text when there is anything to guess from, else DEFAULT.
    """
    guess, confidence = _detect(text)
    if confidence >= MIN_CONFIDENCE and sum(map(str.isalpha, text)) >= MIN_LETTERS:
        return guess
    for tag in (declared, *(attributes.get(name) for name in _ATTRIBUTES)):
        if isinstance(tag, str) and tag[:2].lower() in LANGUAGES:
            return tag[:2].lower()
    return guess if confidence > 0.5 else DEFAULT


@cache
def _identifier() -> LanguageIdentifier:
    # 0.7 s and 100 languages of tables: loaded at the first message, not at import.
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


def _detect(text: str) -> tuple[str, float]:
    """(language, confidence in [0.5, 1]); 0.5 when the text says nothing."""
    language, confidence = _identifier().classify(text)
    return str(language), float(confidence)
