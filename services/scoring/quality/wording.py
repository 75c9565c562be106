"""Findings and checks in words. The phrases are in locale/<language>.json, the same keys in each.

A company's own field is called as the company calls it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.scoring.phrases import read_phrases
from services.scoring.state import ATTRIBUTE
from services.scoring.wording import number_in_words

_LOCALE = Path(__file__).with_name("locale")
_HOURS_A_DAY = 24
_DAYS_FROM = 48  # hours


def phrases(language: str) -> dict[str, Any]:
    """The table of one language. Raise KeyError when there is none."""
    return read_phrases(_LOCALE, language)


def field_in_words(name: str, language: str) -> str:
    return str(phrases(language)["fields"].get(name, name.removeprefix(ATTRIBUTE)))


def finding_in_words(finding: Mapping[str, Any], language: str) -> dict[str, str]:
    """{text, todo}: what is wrong, and what to do about it."""
    phrase = phrases(language)["findings"][finding["code"]]
    params = _params(finding, language)
    return {name: phrase[name].format_map(params) for name in ("text", "todo")}


def check_in_words(check: Mapping[str, Any], language: str) -> dict[str, str]:
    """{name, todo}: what was looked at, and what to do where it is not passed."""
    phrase = phrases(language)["checks"][check["code"]]
    named = [
        one if isinstance(one, str) else field_in_words(one["field"], language) for one in check["named"]
    ]
    return {"name": phrase["name"], "todo": phrase["todo"].format(named=", ".join(named))}


def _params(finding: Mapping[str, Any], language: str) -> dict[str, str]:
    table, params = phrases(language), finding["params"]
    said = {"source": finding["source"], "field": field_in_words(finding["field"] or "", language)}
    for name, value in params.items():
        match name:
            case "count":
                said |= {
                    f"count_{what}": _counted(what, value, language) for what in ("records", "leads", "pairs")
                }
            case "share" | "before":
                percent = 100 * value
                shown = round(percent) if percent >= 1 or not percent else round(percent, 1)
                said[f"{name}_percent"] = table["percent"].format(n=number_in_words(shown, language))
            case "hours":
                said["silence"] = _lasting(value, language)
            case "usual_hours":
                said["usual"] = _lasting(value, language)
            case "from" | "to":
                said[f"{name}_kind"] = table["kinds"][value]
            case "rule":
                said["rule"] = table["rules"][value]
            case "kind":
                said["kind"] = table["identifiers"].get(value, table["other_identifier"])
            case "values":
                said["values"] = ", ".join(table["quoted"].format(value=one) for one in value)
            case _:
                said[name] = str(value)
    return said


def _lasting(hours: int, language: str) -> str:
    if hours >= _DAYS_FROM:
        return _counted("days", round(hours / _HOURS_A_DAY), language)
    return _counted("hours", hours, language)


def _counted(what: str, count: int, language: str) -> str:
    forms = phrases(language)["counts"][what]
    one = count == 1 or (count == 0 and language == "fr")
    return str(forms["one" if one else "other"].format(n=number_in_words(count, language)))
