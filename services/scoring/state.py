"""What is known of a lead, folded event by event. Pure.

The fold does not depend on the order of events: each value keeps the stamp (occurred_at, source, id) of the
event that set it and the greatest stamp wins; activities are counted per day. So a late event, a merge or a
replay gives the same state as if everything had come in order. Where several sources say something of a
field, the latest word of each is kept, and which one holds follows from the priorities alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from services.scoring.priority import ANONYMOUS, LATEST, Entry, Priorities, Scalar, Stamp
from shared.contracts.events import OUTCOMES

Status = Literal["open", "won", "lost", "erased"]

# Events that are something the lead or the company did. An own activity goes by the company's own name.
ACTIVITIES = {
    event_type: event_type.removeprefix("crm.").replace(".", "_")
    for event_type in (
        "crm.message.received",
        "crm.message.sent",
        "crm.email.opened",
        "crm.email.clicked",
        "crm.email.bounced",
        "crm.email.unsubscribed",
        "crm.page.viewed",
        "crm.form.submitted",
        "crm.meeting.booked",
        "crm.meeting.held",
        "crm.meeting.cancelled",
        "crm.call.logged",
    )
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PROFILE = ("email", "phone", "name", "company")
ATTRIBUTE, SUBJECT, EXTERNAL_ID, CONSENT = "attribute.", "subject.", "external_id.", "consent."
# The latest word counts, whoever says it: a consent withdrawn anywhere is withdrawn.
SETTLED_BY_TIME = (SUBJECT, EXTERNAL_ID, CONSENT, "outcome")


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the fold sees it. `known_at` is when Éclaireur could know of it; `anonymous` says that
    nothing in it identifies a person."""

    source: str
    id: str
    type: str
    subject: str | None
    occurred_at: datetime
    known_at: datetime
    data: Mapping[str, Any]
    anonymous: bool = False

    @property
    def stamp(self) -> Stamp:
        return microseconds(self.occurred_at), self.source, self.id


@dataclass(slots=True)
class Activity:
    """How often per UTC day (proleptic ordinal) and when last (microseconds since 1970)."""

    days: dict[int, int] = field(default_factory=dict)
    last: int = 0


@dataclass(slots=True)
class LeadState:
    """Registers: the profile, ``stage``, ``outcome``, ``attribute.<name>``, ``subject.<source>`` …

    `said` holds, of a register that several sources set, the latest of each; `registers` the latest of all.
    """

    registers: dict[str, Entry] = field(default_factory=dict)
    said: dict[str, dict[str, Entry]] = field(default_factory=dict)
    activities: dict[str, Activity] = field(default_factory=dict)
    first: int = 0
    last: int = 0
    known: int = 0
    last_stamp: Stamp = (0, "", "")
    priorities: Priorities = field(default=LATEST, compare=False)

    def entry(self, register: str) -> Entry | None:
        """The value that holds, and its stamp."""
        if register in self.said:
            return self.priorities.choose(register, self.said[register])
        return self.registers.get(register)

    def value(self, register: str) -> Scalar:
        entry = self.entry(register) if self.said else self.registers.get(register)
        return entry[0] if entry else None

    def attributes(self) -> dict[str, Scalar]:
        """The company's own fields, by name."""
        return self._named(ATTRIBUTE)

    def subjects(self) -> dict[str, Scalar]:
        """What each source calls the lead."""
        return self._named(SUBJECT)

    def _named(self, prefix: str) -> dict[str, Scalar]:
        return {
            register.removeprefix(prefix): self.value(register) if register in self.said else value
            for register, (value, _) in sorted(self.registers.items())
            if register.startswith(prefix)
        }

    @property
    def status(self) -> Status:
        return cast(Status, self.value("outcome") or "open")

    @property
    def message_waiting(self) -> bool:
        """Whether the lead's last message came after the company's last one."""
        received, sent = self.activities.get("message_received"), self.activities.get("message_sent")
        return received is not None and (sent is None or received.last > sent.last)


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def _set(state: LeadState, register: str, value: Scalar, stamp: Stamp) -> None:
    known = state.registers.get(register)
    if known is None or stamp > known[1]:
        state.registers[register] = (value, stamp)


def _say(state: LeadState, register: str, value: Scalar, stamp: Stamp) -> None:
    """As `_set`, and keep the latest word of each source once there are two."""
    known = state.registers.get(register)
    if known is None:
        state.registers[register] = (value, stamp)
        return
    if known[1][1] != stamp[1] or register in state.said:
        by_source = state.said.setdefault(register, {known[1][1]: known})
        own = by_source.get(stamp[1])
        if own is None or stamp > own[1]:
            by_source[stamp[1]] = (value, stamp)
    if stamp > known[1]:
        state.registers[register] = (value, stamp)


def _count(state: LeadState, name: str, event: Event) -> None:
    activity = state.activities.setdefault(name, Activity())
    day = event.occurred_at.astimezone(UTC).toordinal()
    activity.days[day] = activity.days.get(day, 0) + 1
    activity.last = max(activity.last, microseconds(event.occurred_at))


def _describe(state: LeadState, lead: Mapping[str, Any], stamp: Stamp) -> None:
    for name in PROFILE:
        if lead.get(name):
            _say(state, name, lead[name], stamp)
    for name, value in (lead.get("external_ids") or {}).items():
        _set(state, f"{EXTERNAL_ID}{name}", value, stamp)
    for name, value in (lead.get("attributes") or {}).items():
        _say(state, f"{ATTRIBUTE}{name}", value, stamp)


def is_outcome(event: Event) -> bool:
    return event.type in OUTCOMES or event.type == "crm.lead.erased"


def fold(state: LeadState, event: Event) -> None:
    """Take `event` into `state`, in place.

    What an outcome says of the lead is not taken as a description of it: a field filled when the deal closed
    would tell the model the answer. An erased lead stays erased and takes nothing in, whatever comes.
    """
    stamp = event.stamp
    if state.status == "erased":
        return
    state.known = max(state.known, microseconds(event.known_at))
    if event.type == "crm.lead.erased":
        _erase(state)
        return
    state.last_stamp = max(state.last_stamp, stamp)
    if event.subject:
        _set(state, f"{SUBJECT}{event.source}", event.subject, stamp)
    if event.type in OUTCOMES:
        _set(state, "outcome", OUTCOMES[event.type], stamp)
        return
    state.first = min(state.first or stamp[0], stamp[0])
    state.last = max(state.last, stamp[0])
    data = event.data
    if event.anonymous:
        stamp = (stamp[0], f"{stamp[1]}{ANONYMOUS}", stamp[2])
    _describe(state, data.get("lead") or {}, stamp)
    for name in ("owner", "source_channel", "amount", "language"):
        if data.get(name) is not None:
            _say(state, name, data[name], stamp)
    if event.type == "crm.stage.changed":
        _say(state, "stage", data.get("to"), stamp)
    elif event.type == "crm.consent.changed":
        _set(state, f"{CONSENT}{data.get('purpose')}", data.get("granted"), stamp)
    elif event.type == "crm.activity.logged":
        _count(state, data["activity"], event)
    elif event.type in ACTIVITIES:
        _count(state, ACTIVITIES[event.type], event)


def absorb(state: LeadState, other: LeadState) -> None:
    """Take all that `other` holds into `state`, in place: as if its events had been folded into `state`.

    The two were folded from different events. An erased lead takes nothing in.
    """
    if state.status == "erased":
        return
    for register, latest in other.registers.items():
        keep = _set if register.startswith(SETTLED_BY_TIME) else _say
        for value, stamp in other.said.get(register, {"": latest}).values():
            keep(state, register, value, stamp)
    for name, activity in other.activities.items():
        own = state.activities.setdefault(name, Activity())
        for day, n in activity.days.items():
            own.days[day] = own.days.get(day, 0) + n
        own.last = max(own.last, activity.last)
    state.first = min(state.first or other.first, other.first or state.first)
    state.last = max(state.last, other.last)
    state.known = max(state.known, other.known)
    state.last_stamp = max(state.last_stamp, other.last_stamp)


def _erase(state: LeadState) -> None:
    """Keep that the lead was erased, and when it was first, last and last known of."""
    state.registers = {"outcome": ("erased", (0, "", ""))}
    state.said = {}
    state.activities = {}
    state.last_stamp = (0, "", "")


def to_json(state: LeadState) -> dict[str, Any]:
    return {
        "registers": state.registers,
        **({"said": state.said} if state.said else {}),
        "activities": {
            name: {"days": {str(day): n for day, n in sorted(activity.days.items())}, "last": activity.last}
            for name, activity in state.activities.items()
        },
        "first": state.first,
        "last": state.last,
        "known": state.known,
        "last_stamp": state.last_stamp,
    }


def _entries(document: Mapping[str, Any]) -> dict[str, Entry]:
    return {name: (value, (stamp[0], stamp[1], stamp[2])) for name, (value, stamp) in document.items()}


def from_json(document: Mapping[str, Any], priorities: Priorities = LATEST) -> LeadState:
    return LeadState(
        registers=_entries(document["registers"]),
        said={name: _entries(by_source) for name, by_source in document.get("said", {}).items()},
        activities={
            name: Activity({int(day): n for day, n in activity["days"].items()}, activity["last"])
            for name, activity in document["activities"].items()
        },
        first=document["first"],
        last=document["last"],
        known=document["known"],
        last_stamp=(document["last_stamp"][0], document["last_stamp"][1], document["last_stamp"][2]),
        priorities=priorities,
    )
