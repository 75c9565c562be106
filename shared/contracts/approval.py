"""What a person approves, as bytes: the hash that ties an approval to exactly what is sent."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

CONTENT_FIELDS: Final = frozenset(
    {"draft_id", "version", "channel", "sender", "recipients", "subject", "body", "attachments"}
)


def canonical_content(content: Mapping[str, Any]) -> bytes:
    """The content as canonical JSON: names sorted by code point, no spaces, UTF-8.

    Text is not normalised: what is hashed is what is sent, to the byte. Raises ValueError when a field is
    missing or unknown, since either could let something be sent that nobody saw.
    """
    if content.keys() != CONTENT_FIELDS:
        wrong = ", ".join(sorted(content.keys() ^ CONTENT_FIELDS))
        raise ValueError(
            f"an approved content has exactly {', '.join(sorted(CONTENT_FIELDS))}; check: {wrong}"
        )
    return orjson.dumps(dict(content), option=orjson.OPT_SORT_KEYS)


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256, in lower-case hexadecimal, of `canonical_content`; raises as it does."""
    return hashlib.sha256(canonical_content(content)).hexdigest()
