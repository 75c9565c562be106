"""What the files of a source said before, so that a newer export tells only what is new. Pure.

A row without dates is known at the date of its file: told again by a newer file it would be the same event
with another time. What is compared therefore leaves out a time that is only the file's. What it says
otherwise is told as an update at that date, under an id of its own.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson

Event = dict[str, Any]
About = Literal["lead", "outcome", "event"]

HASH_BYTES: Final = 16
_NEXT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Statement:
    """What one row says of a lead, of its outcome, or of one event of its history, as an event.

    `undated`: the event's time is only the file's. `emptied`: the attributes that the row leaves empty.
    """

    about: About
    key: str
    event: Event
    undated: bool = False
    emptied: tuple[str, ...] = ()

    @property
    def slot(self) -> bytes:
        """The same for all that a source's files say of the same thing."""
        return _hash(self.event["source"], self.key, self.about)

    @property
    def body(self) -> bytes:
        """The same for two files that say the same."""
        left_out = {"id", "time"} if self.undated else {"id"}
        said = {name: value for name, value in self.event.items() if name not in left_out}
        return _hash(orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode())


@dataclass(frozen=True, slots=True)
class Said:
    """What was last said, as a hash, and when it was known."""

    body: bytes
    at: datetime


def news(statement: Statement, before: Said | None, known_at: datetime) -> tuple[Event | None, Said | None]:
    """(the event to publish, what is now the last word); None for either that stays as it was.

    `before` is the last word on `statement.slot`, `known_at` the date of the file.
    """
    if before is None:
        return statement.event, Said(statement.body, known_at)
    if before.body == statement.body:
        return None, None
    if statement.about == "event":
        return statement.event, None  # its id is taken: the first counts, and scoring says so
    # The same file under another mapping comes after itself; an older file's word is told, and overtaken.
    at = known_at if known_at != before.at else before.at + _NEXT
    return _amended(statement, at), Said(statement.body, at) if at > before.at else None


def event_id(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _amended(statement: Statement, at: datetime) -> Event:
    """What a newer file says otherwise, at its date; a field that was emptied is told as empty."""
    event = dict(statement.event)
    if statement.about == "lead":
        lead = event["data"]["lead"]
        attributes = dict.fromkeys(statement.emptied) | lead["attributes"]
        event |= {
            "type": "crm.lead.updated",
            "time": at.isoformat(),
            "data": {**event["data"], "lead": {**lead, "attributes": attributes}},
        }
    elif statement.undated:
        event["time"] = max(at, datetime.fromisoformat(event["time"])).isoformat()
    return event | {"id": event_id(event["source"], statement.key, event["type"], event["time"])}


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()[:HASH_BYTES]
