"""The house's style as a form, and back. Pure.

A row of which nothing is filled in is no row: one that is empty stands at the end of each list, to be filled.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

LANGUAGES: Final = ("fr", "en")
KINDS: Final = ("text", "number", "date", "choice")
ASKABLE: Final = ("product", "quantity", "deadline", "place", "budget", "role", "company", "siren")
_ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "reps": ("name", "role", "phone"),
    "next_steps": ("grades", "stages", "fr", "en"),
    "fields": ("name", "kind", "announced_by", "values", "fr", "en"),
}
_QUIET: Final = {"fields": ("kind", "name")}
"""What a row of the form says even when nobody typed anything: it alone makes no row."""
_INDEX: Final = re.compile(r"^(\w+)\.(\d{1,3})\.(\w+)$")


def read(form: Mapping[str, str]) -> dict[str, Any]:
    """The document that the form says; texts are taken as they were typed."""
    said = {name: value.strip() for name, value in form.items()}
    own = _rows(said, "fields")
    fields = [
        {
            "name": row.get("name") or _slug(row.get("fr") or row.get("en") or ""),
            "label": {"fr": row.get("fr") or row.get("en", ""), "en": row.get("en") or row.get("fr", "")},
            "kind": row.get("kind", "text"),
            "announced_by": _listed(row.get("announced_by", "")),
            "values": _listed(row.get("values", "")),
        }
        for row in own
    ]
    return {
        "greeting": _both(said, "greeting"),
        "closing": _both(said, "closing"),
        "signature": [line.strip() for line in said.get("signature", "").splitlines() if line.strip()],
        "most_sentences": int(most) if (most := said.get("most_sentences", "")).isdecimal() else None,
        "phone": said.get("phone", ""),
        "calendar": said.get("calendar", ""),
        "reps": _rows(said, "reps"),
        "next_steps": [
            {
                "grades": _listed(row.get("grades", "")),
                "stages": _listed(row.get("stages", "")),
                "text": {language: row.get(language, "") for language in LANGUAGES},
            }
            for row in _rows(said, "next_steps")
        ],
        "ask_missing": "ask_missing" in said,
        "questions": _questions(said),
        "fields": fields,
    }


def _questions(said: Mapping[str, str]) -> list[dict[str, Any]]:
    """In the order of their numbers; a field without words is not asked for."""
    numbered = []
    for name in said:
        if name.startswith("ask.") and name.endswith(".place"):
            field = name.removeprefix("ask.").removesuffix(".place")
            text = {language: said.get(f"ask.{field}.{language}", "") for language in LANGUAGES}
            if any(text.values()):
                place = int(said[name]) if said[name].isdecimal() and len(said[name]) < 4 else 999
                numbered.append((place, {"field": field, "text": text}))
    return [one for _, one in sorted(numbered, key=lambda placed: placed[0])]


def asked(style: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields that can be asked for, in the order of the form: those asked first, then the others."""
    told = [{"field": one["field"], **one["text"]} for one in style["questions"]]
    names = {one["field"] for one in told}
    others = (*ASKABLE, *(one["name"] for one in style["fields"] if one["name"]))
    return told + [{"field": name, "fr": "", "en": ""} for name in others if name not in names]


def _both(said: Mapping[str, str], name: str) -> dict[str, str]:
    return {language: said.get(f"{name}.{language}", "") for language in LANGUAGES}


def _rows(said: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """The rows of a list in which something was typed."""
    found: dict[int, dict[str, str]] = {}
    for key, value in said.items():
        if (part := _INDEX.match(key)) and part[1] == name and part[3] in _ROWS[name]:
            found.setdefault(int(part[2]), {})[part[3]] = value
    rows = [found[number] for number in sorted(found)]
    return [
        row for row in rows if any(value for part, value in row.items() if part not in _QUIET.get(name, ()))
    ]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _slug(label: str) -> str:
    """The name of a field, from its label: "N° de série" → "n_de_serie"."""
    plain = unicodedata.normalize("NFKD", label.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40]
    return name if name[:1].isalpha() else f"f_{name}"[:40].rstrip("_")


def sections(problems: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(the part of the form that it is about, what is wrong) of each problem that the service told."""
    told = []
    for one in problems:
        place = str(one.get("field", "")).removeprefix("style").lstrip(".")
        told.append((place.partition(".")[0], str(one.get("error", ""))))
    return told
