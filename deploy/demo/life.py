"""One lead's life: what it does, and what comes of it.

An unseen interest drives how much a lead does. What it did and what it is then give the log-odds of being
won, and a draw decides: the outcome depends on what can be seen, never the reverse. `Life.probability` is
therefore the best any model could know at the end of the life; its area under the ROC curve is about 0.85
(0.82 to 0.85 over three seeds of 1,500 leads), the rest is luck. The coefficients were chosen by hand, then
the intercept so that about 15 % are won.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.demo import house
from deploy.demo.messages import write_message
from deploy.demo.people import Person

_PARIS = ZoneInfo("Europe/Paris")
_INTERCEPT: Final = -4.47
_LOG_ODDS_PER_LOG_COUNT: Final = {
    "visit": 0.5,
    "price_visit": 0.95,
    "click": 0.7,
    "message": 0.8,
    "call": 0.6,
    "crm.meeting.held": 1.5,
    "crm.meeting.cancelled": -1.15,
    "crm.email.unsubscribed": -2.9,
    "crm.email.bounced": -1.4,
    "complaint": -1.15,
    "distributor": -0.9,
}
_INTENT_WEIGHTS: Final = {  # how often an intent is chosen, and how much more so with interest
    "quote_request": (1.6, 0.8),
    "price": (1.2, 0.5),
    "appointment": (0.8, 0.6),
    "datasheet": (1.0, 0.2),
    "stock": (0.9, 0.3),
    "technical_advice": (0.9, 0.2),
    "certificate": (0.6, 0.1),
    "spare_part": (0.9, 0.1),
    "delivery_delay": (0.5, 0.0),
    "warranty": (0.4, 0.0),
    "invoice": (0.4, 0.0),
    "complaint": (0.5, -0.4),
    "distributor": (0.5, -0.4),
    "unsubscribe": (0.35, -0.7),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a life, before its envelope. `counts_as` is the behaviour it counts for."""

    at: datetime
    type: str
    data: Mapping[str, Any]
    counts_as: str = ""


@dataclass(frozen=True, slots=True)
class Life:
    """`happenings` in time order, from crm.lead.created up to, and without, the outcome at `ends_at`."""

    person: Person
    happenings: tuple[Happening, ...]
    ends_at: datetime
    probability: float
    outcome: Happening


def draw_life(person: Person, born_at: datetime, chance: random.Random) -> Life:
    """Draw one life. It lasts about eight weeks whatever comes of it: its length tells nothing."""
    interest = chance.gauss()
    ends_at = born_at + timedelta(days=7 + chance.gammavariate(3.0, 17.0))
    draws = _Draws(person, interest, born_at, ends_at, chance)
    for behaviour in (
        draws.visits,
        draws.mailings,
        draws.messages,
        draws.meeting,
        draws.calls,
        draws.description,
    ):
        behaviour()
    inside = sorted(
        (h for h in draws.happenings if born_at < h.at < ends_at), key=lambda happening: happening.at
    )
    created = Happening(
        born_at, "crm.lead.created", {"owner": person.owner, "source_channel": person.channel}
    )
    happenings = (created, *_pipeline(inside))
    probability = 1 / (1 + math.exp(-log_odds(person, happenings)))
    if chance.random() < probability:
        amount = round(chance.lognormvariate(8.6, 0.7) * (1 + math.log10(person.headcount)) / 2, -1)
        outcome = Happening(ends_at, "crm.lead.converted", {"amount": amount})
    else:
        reason = chance.choice(("Sans suite", "Prix", "Délai", "Concurrent", "Projet reporté"))
        outcome = Happening(ends_at, "crm.lead.lost", {"reason": reason})
    return Life(person, happenings, ends_at, probability, outcome)


def _pipeline(happenings: Iterable[Happening]) -> Iterator[Happening]:
    """The same, the moves through the pipeline going forward only, each from the stage the lead is in."""
    stage = house.STAGES[0]
    for happening in happenings:
        if happening.type != "crm.stage.changed":
            yield happening
        elif house.STAGES.index(happening.data["to"]) > house.STAGES.index(stage):
            yield replace(happening, data={"from": stage, **happening.data})
            stage = happening.data["to"]


def log_odds(person: Person, happenings: tuple[Happening, ...]) -> float:
    """The hidden rule: a logistic in the logarithms of what was done, plus what the lead is."""
    counts = Counter(happening.counts_as for happening in happenings)
    return (
        _INTERCEPT
        + sum(weight * math.log1p(counts[name]) for name, weight in _LOG_ODDS_PER_LOG_COUNT.items())
        + house.SECTORS[person.sector]
        + house.CHANNELS[person.channel]
        + 0.3 * (math.log(person.headcount) - 3.8)
        + house.SUITED_LOG_ODDS * ((person.sector, person.product) in house.SUITED)
    )


class _Draws:
    """What one lead does, drawn behaviour by behaviour into `happenings`; some fall outside the life."""

    def __init__(
        self, person: Person, interest: float, born_at: datetime, ends_at: datetime, chance: random.Random
    ) -> None:
        self.person, self.interest, self.chance = person, interest, chance
        self.born_at, self.ends_at = born_at, ends_at
        self.happenings: list[Happening] = []

    def _add(self, at: datetime, event_type: str, data: Mapping[str, Any], counts_as: str = "") -> None:
        self.happenings.append(Happening(at, event_type, data, counts_as or event_type))

    def _count(self, mean: float, effect: float) -> int:
        """Poisson, whose logarithmic mean moves with interest (Knuth's product of uniforms)."""
        limit, product, count = math.exp(-mean * math.exp(effect * self.interest)), self.chance.random(), 0
        while product > limit:
            product *= self.chance.random()
            count += 1
        return min(count, 40)

    def _moment(self, *, office: bool) -> datetime:
        """Some time in the life, more often early."""
        at = self.born_at + (self.ends_at - self.born_at) * self.chance.random() ** 1.3
        return local_hours(at, self.chance, office=office)

    def visits(self) -> None:
        for _ in range(self._count(3.2, 0.6)):
            page = self.chance.choice(house.PAGES)
            self._add(self._moment(office=False), "crm.page.viewed", {"url": house.SITE + page}, "visit")
        for _ in range(self._count(0.6, 0.9)):
            data = {"url": house.SITE + house.PRICE_PAGE}
            self._add(self._moment(office=False), "crm.page.viewed", data, "price_visit")

    def mailings(self) -> None:
        if self.chance.random() < 0.04:
            self._add(self._moment(office=True), "crm.email.bounced", {"campaign": house.CAMPAIGNS[0]})
            return
        for _ in range(self._count(1.8, 0.35)):
            at, campaign = self._moment(office=True), self.chance.choice(house.CAMPAIGNS)
            self._add(at, "crm.email.opened", {"campaign": campaign})
            if self.chance.random() < _sigmoid(-1.2 + 0.8 * self.interest):
                data = {"campaign": campaign, "url": house.SITE + self.chance.choice(house.PAGES)}
                self._add(
                    at + timedelta(seconds=self.chance.randrange(20, 400)), "crm.email.clicked", data, "click"
                )

    def messages(self) -> None:
        weights = [base * math.exp(effect * self.interest) for base, effect in _INTENT_WEIGHTS.values()]
        for number in range(self._count(0.9, 0.55)):
            at = self._moment(office=True)
            intent = self.chance.choices(list(_INTENT_WEIGHTS), weights)[0]
            data = write_message(self.person, intent, at.year, self.chance)
            data["thread_id"] = f"{self.person.subject}-{number + 1}"
            self._add(
                at, "crm.message.received", data, intent if intent in _LOG_ODDS_PER_LOG_COUNT else "message"
            )
            if intent == "unsubscribe":
                self._add(at + timedelta(minutes=5), "crm.email.unsubscribed", {})
            elif self.chance.random() < 0.85:
                answer = {name: data[name] for name in ("channel", "thread_id", "language")}
                answered_at = local_hours(
                    at + timedelta(hours=self.chance.expovariate(1 / 16)), self.chance, office=True
                )
                self._add(max(answered_at, at + timedelta(minutes=9)), "crm.message.sent", answer)
            if intent == "quote_request":
                stage = {"to": house.STAGES[2]}
                self._add(at + timedelta(days=2), "crm.stage.changed", stage)

    def meeting(self) -> None:
        if self.chance.random() > _sigmoid(-1.6 + 0.9 * self.interest):
            return
        at = self._moment(office=True)
        held_at = local_hours(at + timedelta(days=self.chance.randrange(3, 12)), self.chance, office=True)
        self._add(at, "crm.meeting.booked", {})
        if self.chance.random() < _sigmoid(1.3 + 0.5 * self.interest):
            self._add(held_at, "crm.meeting.held", {"duration_s": self.chance.choice((1800, 2700, 3600))})
            stage = {"to": house.STAGES[3]}
            self._add(held_at + timedelta(hours=2), "crm.stage.changed", stage)
        else:
            self._add(held_at - timedelta(days=1), "crm.meeting.cancelled", {})

    def calls(self) -> None:
        for _ in range(self._count(0.8, 0.3)):
            reached = self.chance.random() < _sigmoid(0.2 + 0.7 * self.interest)
            data = {
                "duration_s": self.chance.randrange(90, 900) if reached else 0,
                "outcome": "joint" if reached else "répondeur",
            }
            self._add(self._moment(office=True), "crm.call.logged", data, "call" if reached else "")

    def description(self) -> None:
        """A rep qualifies most leads, and a third of them tells when its project is due."""
        at = local_hours(self.born_at + timedelta(days=self.chance.uniform(1, 4)), self.chance, office=True)
        if self.chance.random() < _sigmoid(0.6 + 0.5 * self.interest):
            self._add(at, "crm.stage.changed", {"to": house.STAGES[1]})
        if self.chance.random() < 0.33:
            due = self.chance.choice(("moins de 3 mois", "3 à 6 mois", "plus de 6 mois"))
            self._add(
                at + timedelta(minutes=3), "crm.lead.updated", {"lead": {"attributes": {"échéance": due}}}
            )


def local_hours(at: datetime, chance: random.Random, *, office: bool) -> datetime:
    """That day, or the next working day, at an hour people work (`office`) or browse; whole seconds, UTC."""
    local = at.astimezone(_PARIS)
    if office and local.weekday() >= 5:
        local += timedelta(days=7 - local.weekday())
    hour = chance.uniform(8.5, 18) if office else chance.uniform(7, 22)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(seconds=int(hour * 3600))).astimezone(UTC)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))
