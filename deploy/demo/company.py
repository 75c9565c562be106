"""The demonstration company's year, as events any integration could post. Pure: same seed, same events."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from deploy.demo import house
from deploy.demo.life import Happening, Life, draw_life, local_hours
from deploy.demo.messages import write_message
from deploy.demo.people import Person, people

Event = dict[str, Any]
SEED: Final = 2026
LEADS: Final = 1500
_YEAR: Final = timedelta(days=365)

_LIVE_INTENTS: Final = (
    "quote_request",
    "price",
    "spare_part",
    "delivery_delay",
    "certificate",
    "datasheet",
    "appointment",
    "technical_advice",
    "stock",
    "complaint",
    "warranty",
    "distributor",
)


def lives(seed: int = SEED, *, now: datetime, leads: int = LEADS) -> list[Life]:
    """Every lead's life, hidden probability included; those that end after `now` are still open."""
    chance = random.Random(f"lives:{seed}")  # noqa: S311 - invented lives need no secrecy
    start = now - _YEAR
    drawn = []
    for person in people(seed, leads):
        born_at = local_hours(start + (_YEAR - timedelta(days=1)) * chance.random(), chance, office=True)
        born_at = min(born_at, now - timedelta(hours=1))
        drawn.append(draw_life(person, born_at, random.Random(f"life:{seed}:{person.number}")))  # noqa: S311
    return drawn


def history(seed: int = SEED, *, now: datetime, leads: int = LEADS) -> Iterator[Event]:
    """The year before `now` (aware), oldest first, every event with `declaredhistory`."""
    events = []
    for life in lives(seed, now=now, leads=leads):
        for number, happening in enumerate((*life.happenings, life.outcome)):
            if happening.at < now:
                events.append(
                    _envelope(life.person, happening, f"{life.person.subject}-{number:03d}", history=True)
                )
    events.sort(key=lambda event: (event["time"], event["id"]))
    yield from events


def live(seed: int = SEED, *, now: datetime, leads: int = LEADS) -> Iterator[Event]:
    """What open leads do from `now` on: about 200 events, a fifth of them messages.

    Their times set the pace of posting: three a second for a minute, then one every four seconds.
    """
    chance = random.Random(f"live:{seed}")  # noqa: S311
    waiting = [life.person for life in lives(seed, now=now, leads=leads) if life.ends_at >= now]
    at = now
    for number in range(210 if waiting else 0):
        at += timedelta(seconds=chance.uniform(0.2, 0.46) if number < 180 else chance.uniform(3, 5))
        person = chance.choice(waiting)
        yield _envelope(person, _today(person, at, number, chance), f"live-{number:03d}", history=False)


def _today(person: Person, at: datetime, number: int, chance: random.Random) -> Happening:
    if number % 5 == 0:
        data = write_message(person, chance.choice(_LIVE_INTENTS), at.year, chance)
        return Happening(
            at, "crm.message.received", {**data, "thread_id": f"{person.subject}-live-{number:03d}"}
        )
    if chance.random() < 0.25:
        return Happening(at, "crm.email.opened", {"campaign": chance.choice(house.CAMPAIGNS)})
    page = chance.choice((*house.PAGES, house.PRICE_PAGE))
    return Happening(at, "crm.page.viewed", {"url": house.SITE + page})


def _envelope(person: Person, happening: Happening, event_id: str, *, history: bool) -> Event:
    event: Event = {
        "specversion": "1.0",
        "id": event_id,
        "source": house.SOURCE,
        "type": happening.type,
        "time": happening.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "subject": person.subject,
        "datacontenttype": "application/json",
    }
    if history:
        event["declaredhistory"] = True
    lead = _described(person) if happening.type == "crm.lead.created" else {"email": person.email}
    event["data"] = {**happening.data, "lead": {**lead, **happening.data.get("lead", {})}}
    return event


def _described(person: Person) -> dict[str, Any]:
    return {
        "email": person.email,
        "phone": person.phone,
        "name": person.name,
        "company": person.company,
        "attributes": {
            "secteur": person.sector,
            "effectif": person.headcount,
            "région": person.region,
            "produit": person.product,
            "canal": person.channel,
            "langue": person.language,
        },
    }
