"""Which company a lead belongs to: SIREN where a source gives it, else the domain of its address. Pure.

A company's identity is shared by its people: it groups leads and never merges them.
"""

from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList
from stdnum.fr import siren, siret, tva

from services.scoring.data import listed
from services.scoring.state import ATTRIBUTE, LeadState

SIREN_FIELDS = ("siren", "siret", "vat")
"""Attributes read, in this order. A SIRET begins with the SIREN, a French VAT number ends with it."""
_SIREN_REGISTERS = tuple((field, f"{ATTRIBUTE}{field}") for field in SIREN_FIELDS)
_DOMAIN_REGISTERS = ("email", f"{ATTRIBUTE}domain", f"{ATTRIBUTE}website")

FREE_MAIL = listed("free_mail")
_REMEMBERED = 50_000


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # some tenths of a second: only where a company is looked for


@lru_cache(_REMEMBERED)
def domain_of(address: str) -> str | None:
    """The registrable domain of an e-mail address or a web address; None when there is none."""
    host = address.rpartition("@")[2].strip().lower().partition("://")
    name = (host[2] or host[0]).partition("/")[0].partition(":")[0].rstrip(".")
    found: str | None = _suffixes().privatesuffix(name)
    return found


@lru_cache(_REMEMBERED)
def siren_of(field: str, text: str) -> str | None:
    """The SIREN that a field of `SIREN_FIELDS` holds; None when it, or its check digits, is wrong."""
    match field:
        case "siren":
            return str(siren.compact(text)) if siren.is_valid(text) else None
        case "siret":
            return str(siren.compact(siret.to_siren(text))) if siret.is_valid(text) else None
        case _:
            number = str(tva.compact(text))[2:] if tva.is_valid(text) else ""
            return number if siren.is_valid(number) else None  # Monaco's numbers hold no SIREN


def account_of(state: LeadState) -> str | None:
    """``siren:<nine digits>`` or ``domain:<registrable domain>``; None when no company can be told."""
    for field, register in _SIREN_REGISTERS:
        value = state.value(register)
        if value is not None and (number := siren_of(field, str(value))):
            return f"siren:{number}"
    for register in _DOMAIN_REGISTERS:
        value = state.value(register)
        if isinstance(value, str) and (domain := domain_of(value)) and domain not in FREE_MAIL:
            return f"domain:{domain}"
    return None
