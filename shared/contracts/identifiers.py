"""What names a lead, in one normal form each, so that two spellings are one lead."""

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import phonenumbers
from email_validator import EmailNotValidError, validate_email

MAX_EXTERNAL_ID_CHARS: Final = 512
ANONYMOUS_SYSTEM: Final = "anonymous"
"""External ids of a system whose name ends so are a visitor's: `anonymous`, `segment_anonymous`."""
Kind = Literal["subject", "external_id", "email", "phone"]

# A lead comes back many times within a batch; checking an address or a number takes 20 to 30 µs.
_REMEMBERED = 50_000


class Identifier(NamedTuple):
    """`source` scopes `value`: a subject's is the event's, an external id's the system, the others' is ""."""

    source: str
    kind: Kind
    value: str

    @property
    def anonymous(self) -> bool:
        """Whether it names a browser rather than a person."""
        return self.kind == "external_id" and self.source.endswith(ANONYMOUS_SYSTEM)


@lru_cache(_REMEMBERED)
def normalise_email(text: str) -> str | None:
    """The address in lower case, its domain in Unicode; None when it cannot be one. No DNS query."""
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


@lru_cache(_REMEMBERED)
def normalise_phone(text: str, default_region: str = "FR") -> str | None:
    """The number in E.164; None when not valid. A national one is read as `default_region`'s (ISO 3166)."""
    try:
        number = phonenumbers.parse(text, default_region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_external_id(value: str | int) -> str | None:
    """Trimmed, NFC, its case kept (ids may differ by it); None when empty or longer than 512 characters."""
    text = unicodedata.normalize("NFC", str(value)).strip()
    return text if 0 < len(text) <= MAX_EXTERNAL_ID_CHARS else None


def value_hash(text: str) -> bytes:
    """16 bytes of BLAKE2b of the UTF-8 text: an index key, no protection, since addresses can be guessed."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def identifiers(event: Mapping[str, Any], default_region: str = "FR") -> list[Identifier]:
    """Every usable identifier of an event that has its schema's types, the strongest first.

    Subject, the one it was merged into, external ids by system name, e-mail, phone, and last what names only
    a browser. An id in the event's own source is another subject there: so a source says that two of its
    records are one. What does not normalise is left out.
    """
    return list(iter_identifiers(event, default_region))


def merged_into_of(event: Mapping[str, Any]) -> Identifier | None:
    """The record of the event's own source that its subject was merged into, when it says so."""
    told = event["data"].get("merged_into")
    if told is None or event.get("subject") is None or event["type"] != "crm.lead.updated":
        return None
    value = normalise_external_id(told)
    if value is None or value == normalise_external_id(event["subject"]):
        return None
    return Identifier(event["source"], "subject", value)


def iter_identifiers(event: Mapping[str, Any], default_region: str = "FR") -> Iterator[Identifier]:
    """As `identifiers`, one by one: the first costs nothing when there is a subject."""
    source = event["source"]
    subject = None
    if (given := event.get("subject")) and (subject := normalise_external_id(given)):
        yield Identifier(source, "subject", subject)
    merged_into = merged_into_of(event)
    if merged_into:
        yield merged_into
    lead = event["data"].get("lead") or {}
    visitors = []
    systems = lead.get("external_ids")
    for system, value in sorted(systems.items()) if systems else ():
        if value is None or not (external_id := normalise_external_id(value)):
            continue
        if system == source:
            if external_id != subject and not (merged_into and external_id == merged_into.value):
                yield Identifier(source, "subject", external_id)
            continue
        found = Identifier(system, "external_id", external_id)
        if found.anonymous:
            visitors.append(found)
        else:
            yield found
    if (text := lead.get("email")) and (email := normalise_email(text)):
        yield Identifier("", "email", email)
    if (text := lead.get("phone")) and (phone := normalise_phone(text, default_region)):
        yield Identifier("", "phone", phone)
    yield from visitors
