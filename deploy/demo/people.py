"""The demonstration's leads as people: names by Faker, numbers and addresses that reach nobody."""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deploy.demo import house

Language = Literal["fr", "en"]

# Numbers set aside for fiction: by Arcep for France, by Ofcom for the United Kingdom.
_PHONES = {
    "fr": ("+33 1 99 00 {:04d}", "+33 2 61 91 {:04d}", "+33 4 65 71 {:04d}", "+33 6 39 98 {:04d}"),
    "en": ("+44 20 7946 0{:03d}", "+44 161 496 0{:03d}", "+44 113 496 0{:03d}", "+44 121 496 0{:03d}"),
}
_DOMAINS = {"fr": "example.fr", "en": "example.com"}


@dataclass(frozen=True, slots=True)
class Person:
    """One lead as known when it appears. `number` counts from 0; `phone` is None for those who gave none."""

    number: int
    language: Language
    first_name: str
    name: str
    company: str
    city: str
    email: str
    phone: str | None
    sector: str
    headcount: int
    region: str
    product: str
    channel: str
    owner: str

    @property
    def subject(self) -> str:
        """The lead's id at the source."""
        return f"FLV-{self.number + 1:04d}"


def people(seed: int, count: int) -> Iterator[Person]:
    """`count` leads, 7 in 10 French, no two with the same address or number. Same seed, same people."""
    from faker import Faker  # noqa: PLC0415 - installed with the demonstration only

    fakes = {"fr": Faker("fr_FR"), "en": Faker("en_GB")}
    for fake in fakes.values():
        fake.seed_instance(seed)
    chance = random.Random(f"people:{seed}")  # noqa: S311 - invented people need no secrecy
    for number in range(count):
        language: Language = "fr" if chance.random() < 0.7 else "en"
        fake = fakes[language]
        first_name, last_name = fake.first_name(), fake.last_name()
        phones = _PHONES[language]
        phone = phones[number % len(phones)].format(number // len(phones))
        yield Person(
            number=number,
            language=language,
            first_name=first_name,
            name=f"{first_name} {last_name}",
            company=fake.company(),
            city=fake.city(),
            email=f"{_ascii(first_name)}.{_ascii(last_name)}.{number + 1}@{_DOMAINS[language]}",
            phone=phone if chance.random() < 0.6 else None,
            sector=chance.choice(list(house.SECTORS)),
            headcount=max(1, round(chance.lognormvariate(3.8, 1.1))),
            region=chance.choice(house.REGIONS[language]),
            product=chance.choice(list(house.PRODUCTS)),
            channel=chance.choices(list(house.CHANNELS), house.CHANNEL_SHARES)[0],
            owner=chance.choice(house.REPS),
        )


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum() or letter == "-") or "x"
