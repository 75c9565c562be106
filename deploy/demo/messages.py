"""What leads write to the demonstration company: templates by intent and language, filled in."""

import random
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from deploy.demo import house
from deploy.demo.people import Person


@cache
def templates() -> dict[str, dict[str, list[dict[str, str]]]]:
    """What may be written: by intent and language, the subjects and texts with their gaps."""
    path = Path(__file__).parent / "data" / "messages.json"
    found: dict[str, dict[str, list[dict[str, str]]]] = orjson.loads(path.read_bytes())
    return found


def write_message(person: Person, intent: str, year: int, chance: random.Random) -> dict[str, Any]:
    """The data of a crm.message.received: subject, text, language and channel."""
    template = chance.choice(templates()[intent][person.language])
    values = {
        "first": person.first_name,
        "name": person.name,
        "company": person.company,
        "city": person.city,
        "product": house.PRODUCTS[person.product][person.language],
        "qty": chance.choice((2, 3, 4, 6, 8, 12, 20)),
        "flow": chance.choice((3, 5, 8, 12, 20, 35, 60)),
        "ref": f"{chance.choice('CLPV')}{chance.randrange(100, 900)}-{chance.choice((32, 40, 50, 65, 80))}",
        "order": chance.randrange(41000, 48000),
        "day": chance.choice(house.DAYS[person.language]),
        "year": year,
    }
    return {
        "channel": "email" if chance.random() < 0.8 else "form",
        "subject": template["subject"].format_map(values),
        "text": template["text"].format_map(values),
        "language": person.language,
    }
