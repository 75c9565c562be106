"""Reasons and next actions in words. The phrases are in locale/<language>.json, the same keys in each.

A phrase is a text, or one text per plural form: `zero` when given, else `one` and `other`. Names that
Éclaireur does not know (a company's own activities and fields) are shown as the company wrote them.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.scoring.phrases import read_phrases
from services.scoring.reasons import Reason

_LOCALE = Path(__file__).with_name("locale")
_MARKS = {"fr": ("\u202f", ","), "en": (",", ".")}  # between thousands, before decimals


def in_words(reason: Reason, language: str) -> str:
    """One short sentence. Raise KeyError for a code or a language without words."""
    table = phrases(language)
    params = dict(reason.params)
    phrase: Any = table["reasons"][reason.code]
    if reason.code.startswith("activity_"):
        known = table["activities"].get(params["activity"], {})
        phrase = known.get(reason.code.removeprefix("activity_"), phrase)
    return _filled(phrase, params, language)


def action_in_words(action: str, language: str) -> str:
    """What to do, as a person would say it; an action of the house's own stands as it was written."""
    return str(phrases(language)["actions"].get(action, action))


def expected_value_in_words(worth: Mapping[str, Any], language: str) -> str:
    """The formula with its numbers; what is assumed is said."""
    said = phrases(language)["expected_value"]
    assumed = ""
    if worth["assumed"]:
        assumed = said["of_segment" if worth["segment"] else "of_all"].format(segment=worth["segment"])
    shown = {name: number_in_words(worth[name], language) for name in ("amount", "urgency", "value")}
    chance = number_in_words(100 * worth["probability"], language)
    return str(said["formula"].format(chance=chance, assumed=assumed, **shown))


def evidence_in_words(code: str, params: Mapping[str, Any], language: str) -> str:
    """What speaks for two leads being one."""
    return _filled(phrases(language)["duplicates"][code], dict(params), language)


def phrases(language: str) -> dict[str, Any]:
    """The table of one language. Raise KeyError when there is none."""
    return read_phrases(_LOCALE, language)


def number_in_words(value: float, language: str) -> str:
    """With the language's marks; at most two decimals, none when they say nothing."""
    thousands, decimal = _MARKS[language]
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number to show")
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return "".join({",": thousands, ".": decimal}.get(character, character) for character in text)


def _filled(phrase: str | dict[str, str], params: dict[str, Any], language: str) -> str:
    table = phrases(language)
    counted = params.get("count", params.get("days", 0))
    if isinstance(phrase, dict):
        phrase = phrase[_form(phrase, counted, language)]
    shown = {
        name: number_in_words(value, language) if isinstance(value, (int, float)) else value
        for name, value in params.items()
    }
    if "days" in params:
        shown["ago"] = _ago(params["days"], language)
        shown["window"] = table["windows"].get(str(params["days"]), "")
    if "field" in params:
        values = table["values"].get(params["field"], {})
        shown["value"] = values.get(params.get("value"), params.get("value", ""))
        shown["field"] = table["fields"][params["field"]]
    return phrase.format_map(shown)


def _form(phrase: dict[str, str], counted: float, language: str) -> str:
    if counted == 0 and "zero" in phrase:
        return "zero"
    # French says one for 0 and 1, English for 1 only (Unicode CLDR).
    return "one" if counted == 1 or (counted == 0 and language == "fr") else "other"


def _ago(days: int, language: str) -> str:
    phrase: dict[str, str] = phrases(language)["ago"]
    form = {0: "today", 1: "yesterday"}.get(days, "other")
    return phrase[form].format(days=number_in_words(days, language))
