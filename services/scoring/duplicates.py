"""Which leads look like one, by name, company and address. Pure.

Only leads that share a key are compared, and of each key a bounded number, so that work grows with the leads
that change and not with their pairs.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from services.scoring.data import listed
from shared.contracts.identifiers import normalise_email, normalise_phone, value_hash

Evidence = dict[str, dict[str, Any]]

LEAST_NAME_PERCENT = 84
LEAST_COMPANY_PERCENT = 90
LEAST_SCORE = 0.7
"""Below it nothing is said: a rep's attention costs more than a second record."""
MOST_TOKENS = 3
LEAST_MAILBOX_CHARS = 5
SHARED_MAILBOXES = listed("shared_mailboxes")
LEGAL_FORMS = listed("legal_forms")
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Described:
    """What two leads are compared by."""

    name: str
    company: str
    mailbox: str | None
    phone: str | None
    account: str | None


def words(text: str) -> list[str]:
    """In lower case without accents."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)))


def describe(row: Mapping[str, Any]) -> Described:
    """Of a row with name, company, email, phone and account."""
    email = normalise_email(row["email"]) if row["email"] else None
    mailbox = "".join(words(email.rpartition("@")[0])) if email else ""
    personal = len(mailbox) >= LEAST_MAILBOX_CHARS and mailbox not in SHARED_MAILBOXES
    return Described(
        name=" ".join(words(row["name"] or "")),
        company=" ".join(word for word in words(row["company"] or "") if word not in LEGAL_FORMS),
        mailbox=mailbox if personal else None,
        phone=normalise_phone(row["phone"]) if row["phone"] else None,
        account=row["account"],
    )


def sound(word: str) -> str:
    """The first letter and the next consonants, doubled ones once: what a typing error mostly leaves."""
    rest = re.sub(r"[aeiouyh]", "", word[1:])
    return word[0] + re.sub(r"(.)\1+", r"\1", rest)[:3]


def keys(lead: Described) -> set[bytes]:
    """At most 11 hashes; leads that share none are not compared."""
    return {value_hash(key) for key in _keys(lead)}


def _keys(lead: Described) -> Iterator[str]:
    sounds = [sound(word) for word in sorted(lead.name.split(), key=len, reverse=True)[:MOST_TOKENS]]
    if len(sounds) > 1:
        yield "name " + " ".join(sorted(sounds))
    for told in sounds:
        if lead.account:
            yield f"account {lead.account} {told}"
        if lead.company:
            yield f"company {sound(lead.company.split()[0])} {told}"
    if lead.mailbox:
        yield f"mailbox {lead.mailbox}"
    if lead.phone:
        yield f"phone {lead.phone}"


def evidence(one: Described, other: Described) -> tuple[float, Evidence] | None:
    """(score in [0, 1], what speaks for their being one person); None when too little does.

    The score is the share of doubt that each finding takes away, as if they were independent: no more than an
    order in which to look.
    """
    if not (one.name and other.name):
        return None
    percent = int(fuzz.token_sort_ratio(one.name, other.name))
    if percent < LEAST_NAME_PERCENT:
        return None
    found: dict[str, tuple[float, dict[str, Any]]] = {
        "same_name" if percent == 100 else "similar_name": (
            0.5 if percent == 100 else 0.4,
            {} if percent == 100 else {"percent": percent},
        )
    }
    if one.account and one.account == other.account:
        found["same_account"] = (0.6, {})
    if (
        one.company
        and other.company
        and fuzz.token_set_ratio(one.company, other.company) >= LEAST_COMPANY_PERCENT
    ):
        found["same_company"] = (0.5, {})
    if one.mailbox and one.mailbox == other.mailbox:
        found["same_mailbox"] = (0.5, {})
    if one.phone and one.phone == other.phone:
        found["same_phone"] = (0.6, {})
    doubt = 1.0
    for weight, _ in found.values():
        doubt *= 1 - weight
    score = round(1 - doubt, 3)
    return (score, {code: params for code, (_, params) in found.items()}) if score >= LEAST_SCORE else None
