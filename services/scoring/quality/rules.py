"""What an event says of its lead, and what is wrong with a value. Pure.

A rule applies to the fields whose name it fits. What a rule finds is a code, put into words at the edge.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any

from stdnum.eu import vat
from stdnum.fr import siren, siret

from services.scoring.priority import Scalar
from services.scoring.state import ATTRIBUTE, PROFILE
from shared.contracts.events import OUTCOMES
from shared.contracts.identifiers import normalise_email, normalise_phone
from shared.tabular import EMPTY_MARKERS, parse_scalar

DESCRIBING = frozenset({"crm.lead.created", "crm.lead.updated", "crm.form.submitted"})
BESIDE_THE_LEAD = ("owner", "source_channel", "amount", "language")
UNCOMPARED = frozenset({"owner", "source_channel", "amount"})
"""Two sources may rightly differ in these: a lead has an owner and an amount in each."""
MAX_LEVEL_CHARS = 40
MAX_CHARS = 500
"""Of a longer text only the beginning is looked at."""
PLACEHOLDERS = (EMPTY_MARKERS - {""}) | {"?", "test", "xxx", "inconnu", "unknown", "non renseigné", "tbd"}
_YES_OR_NO = frozenset({"yes", "no", "oui", "non", "true", "false", "vrai", "faux"})
"""An answer, whatever the field's name: "Do not email: no" is no address."""
_DATE_FORMATS = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S")
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 10**11  # as seconds, the year 5138

_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Rule:
    """`breaks` says whether a value that is there is wrong in a field whose name `fits`."""

    code: str
    fits: re.Pattern[str]
    breaks: Callable[[Scalar], bool]


def _named(words: str) -> re.Pattern[str]:
    """A field's name, accents and case apart, that holds one of `words` as a word of its own."""
    return re.compile(rf"(?:^|[^a-z0-9])(?:{words})(?:$|[^a-z0-9])")


def _moment(value: Scalar) -> datetime | None:
    """A date as companies write them, or seconds or milliseconds since 1970."""
    if isinstance(value, (int, float)):
        seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    text = str(value).strip()
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        for written in _DATE_FORMATS:
            try:
                read = datetime.strptime(text, written)  # noqa: DTZ007 - only the day counts
                break
            except ValueError:
                continue
        else:
            return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _unlikely_date(value: Scalar) -> bool:
    moment = _moment(value)
    return moment is not None and not _EARLIEST <= moment < _LATEST


def _number(value: Scalar) -> float | None:
    read = parse_scalar(value) if isinstance(value, str) else value
    if isinstance(read, bool) or not isinstance(read, (int, float)):
        return None
    try:
        return float(read)
    except OverflowError:
        return None


def _negative(value: Scalar) -> bool:
    number = _number(value)
    return number is not None and number < 0


_DATES = _named("date")
_AMOUNTS = _named("amount|montant|budget|revenue|employees|effectif|effectifs|ca|chiffre[ _-]d.affaires")
_ANY = re.compile("")

RULES = (
    Rule("placeholder", _ANY, lambda value: str(value).strip().casefold() in PLACEHOLDERS),
    Rule("email", _named("e?[-_ ]?mail|courriel"), lambda value: normalise_email(str(value)) is None),
    Rule(
        "phone",
        _named("phone|telephone|tel"),
        lambda value: normalise_phone(str(value)) is None,
    ),
    Rule("siren", _named("siren"), lambda value: not siren.is_valid(str(value))),
    Rule("siret", _named("siret"), lambda value: not siret.is_valid(str(value))),
    Rule("vat", _named("vat|tva|vat[-_ ]number|numero[-_ ]tva"), lambda value: not vat.is_valid(str(value))),
    Rule("date", _DATES, lambda value: _moment(value) is None),
    Rule("date_unlikely", _DATES, _unlikely_date),
    Rule("number", _AMOUNTS, lambda value: _number(value) is None),
    Rule("negative", _AMOUNTS, _negative),
)
PERSONAL = frozenset({"email", "phone", "siren", "siret", "vat"})
"""Rules whose fields identify somebody: their values are never listed."""


def described(event_type: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values that an event gives of its lead, by field; None when it is no description.

    Fields go by the names of the fold's registers. An outcome describes nothing: what is filled in when the
    deal closes is not taken as a description there either.
    """
    lead = data.get("lead") or {}
    attributes = lead.get("attributes") or {}
    if event_type in OUTCOMES:
        return None
    if event_type not in DESCRIBING and not (attributes or lead.get("name") or lead.get("company")):
        return None
    values = {name: lead.get(name) for name in PROFILE}
    values |= {name: data.get(name) for name in BESIDE_THE_LEAD}
    values |= {f"{ATTRIBUTE}{name}": value for name, value in attributes.items()}
    return {field: value for field, value in values.items() if not _blank(value)}


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def kind_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return "other"


def looked_at(value: Any) -> Scalar:
    """What of a value the functions below take: a scalar, of a long text the beginning."""
    if isinstance(value, (bool, int, float)):
        return value
    return str(value)[:MAX_CHARS]


@lru_cache(_REMEMBERED, typed=True)
def problem(field: str, value: Scalar) -> str | None:
    """The code of the first rule that `value` breaks."""
    if isinstance(value, bool) or folded(str(value)) in _YES_OR_NO:
        return None
    return next((rule.code for rule in _rules_of(field) if rule.breaks(value)), None)


@cache
def _rules_of(field: str) -> tuple[Rule, ...]:
    name = folded(field)
    return tuple(rule for rule in RULES if rule.fits.search(name))


@lru_cache(_REMEMBERED, typed=True)
def compared(field: str, value: Scalar) -> int:
    """A signed 64-bit hash that two spellings of one value share."""
    return int.from_bytes(
        blake2b(_normal_form(field, value).encode(errors="replace"), digest_size=8).digest(), signed=True
    )


def _normal_form(field: str, value: Scalar) -> str:
    text = str(value)
    if field == "email":
        return normalise_email(text) or folded(text)
    if field == "phone":
        return normalise_phone(text) or folded(text)
    number = _number(value)
    return folded(text) if number is None else repr(number)


@lru_cache(_REMEMBERED, typed=True)
def level(field: str, value: Scalar) -> str | None:
    """`value` when it may be one of a few choices; None for numbers and for what may be personal."""
    if field in PROFILE or field == "owner" or not isinstance(value, (str, bool)):
        return None
    if any(rule.code in PERSONAL for rule in _rules_of(field)):
        return None
    text = str(value).strip()
    return (
        text if len(text) <= MAX_LEVEL_CHARS and "@" not in text and not re.search(r"\d{6}", text) else None
    )


def folded(text: str) -> str:
    """Without accents, case and repeated blanks."""
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).casefold().split())
