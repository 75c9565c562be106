"""How to address a person: only from what is known, never guessed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.responder.folding import fold

_CIVILITY_ATTRIBUTES = ("civility", "civilite", "civilité", "salutation", "title", "titre")
_FIRST_NAME_ATTRIBUTES = ("first_name", "firstname", "prenom", "prénom")
_LAST_NAME_ATTRIBUTES = ("last_name", "lastname", "nom", "nom_de_famille")
_CIVILITIES: Final = {
    "m": "m", "mr": "m", "monsieur": "m",
    "mme": "f", "mrs": "f", "ms": "f", "mlle": "f", "miss": "f", "madame": "f",
}  # fmt: skip
_TITLES: Final = {("fr", "m"): "Monsieur", ("fr", "f"): "Madame", ("en", "m"): "Mr", ("en", "f"): "Ms"}

# Names come from forms that anyone can fill in: a link, a sentence or a bracket is not put in a letter.
_NAME = re.compile(r"[^\W\d_]+([ .'’-]{1,2}[^\W\d_]+){0,5}\.?")
_NAME_CHARS = 60
_COMPANY = re.compile(r"[^\W_][\w .,&'’()/+-]*")
_COMPANY_CHARS = 80
_LINK = re.compile(r"://|www\.|\.(com|net|org|fr|io|ru|cn|info|biz|xyz)\b|@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Person:
    """A lead as a letter may name it; None is "not known"."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    civility: str | None = None
    company: str | None = None


def person(name: str | None, company: str | None, attributes: Mapping[str, Any]) -> Person:
    """What is known of a person. A full name is split only when it can be read in one way.

    "Camille Morvan" and "MORVAN Anne-Laure" can; "Jean de La Fontaine" and "Nguyen Van An" cannot.
    """
    full = _named(name)
    first, last = _split(full) if full else (None, None)
    first = _attribute(attributes, _FIRST_NAME_ATTRIBUTES) or first
    last = _attribute(attributes, _LAST_NAME_ATTRIBUTES) or last
    if full is None and first and last:
        full = f"{first} {last}"
    civility = None
    for key in _CIVILITY_ATTRIBUTES:
        value = attributes.get(key)
        if isinstance(value, str):
            civility = civility or _CIVILITIES.get(fold(value).strip(" ."))
    return Person(full, first, last, civility, _company(company))


def address(who: Person, language: str) -> str | None:
    """ "Madame Morvan", "Ms Morvan"; None unless both civility and last name are known."""
    if who.civility is None or who.last_name is None:
        return None
    return f"{_TITLES[language, who.civility]} {who.last_name}"


def _named(text: object) -> str | None:
    return _plain(text, _NAME, _NAME_CHARS)


def _company(text: object) -> str | None:
    return _plain(text, _COMPANY, _COMPANY_CHARS)


def _plain(text: object, form: re.Pattern[str], most: int) -> str | None:
    if not isinstance(text, str):
        return None
    text = " ".join(text.split())
    return text if len(text) <= most and form.fullmatch(text) and not _LINK.search(text) else None


def _attribute(attributes: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := _named(attributes.get(name)))), None)


def _split(name: str) -> tuple[str | None, str | None]:
    parts = name.split()
    capitals = [part for part in parts if len(part) > 1 and part.isupper()]
    others = [part for part in parts if part not in capitals]
    if capitals and others:
        return " ".join(others), " ".join(part.title() for part in capitals)
    if len(parts) == 2:
        return parts[0], parts[1]
    return None, None
