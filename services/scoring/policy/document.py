"""The document that a house edits: grades, rules, next actions, deadlines, workload.

What is missing takes the values below, so that ``{}`` is a whole policy.
"""

from collections.abc import Mapping, Sequence
from datetime import date, time
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, model_validator

from services.scoring.policy.conditions import AT_WORK, MOST_DEEP, Closed, Condition, FieldName, depth, leaves
from services.scoring.policy.expected_value import Priority
from services.scoring.policy.grading import Grade
from services.scoring.policy.working_time import Calendar, public_holidays
from shared.text import Text

MOST_RULES = 200
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Words = Annotated[Text, Field(min_length=1, max_length=200)]


class ByProbability(Closed):
    """Least probabilities."""

    A: float = Field(ge=0, le=1)
    B: float = Field(ge=0, le=1)
    C: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if not self.A >= self.B >= self.C:
            raise ValueError(
                "A must be at least B, and B at least C: a better grade needs a higher probability"
            )
        return self


class ByPercentile(Closed):
    """Percent of the open leads that have this grade or a better one, the most likely first."""

    A: float = Field(ge=0, le=100)
    B: float = Field(ge=0, le=100)
    C: float = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.A <= self.B <= self.C:
            raise ValueError(
                "A must be at most B, and B at most C: each counts the leads of better grades too"
            )
        return self

    def counts(self, leads: int) -> list[int]:
        """How many of `leads` are A; A or B; A, B or C."""
        return [int(leads * percent / 100) for percent in (self.A, self.B, self.C)]


class ByCapacity(Closed):
    """How many leads of each grade the team can work at a time."""

    A: int = Field(ge=0, le=10_000_000)
    B: int = Field(ge=0, le=10_000_000)
    C: int = Field(ge=0, le=10_000_000)

    def counts(self, leads: int) -> list[int]:
        """As of percentiles."""
        return [min(leads, count) for count in (self.A, self.A + self.B, self.A + self.B + self.C)]


Split = ByProbability | ByPercentile | ByCapacity
SPLITS: Mapping[str, type[Split]] = {
    "probability": ByProbability,
    "percentile": ByPercentile,
    "capacity": ByCapacity,
}


class Hysteresis(Closed):
    """A grade flips when the probability is past a cut by `points`, or past it for `hours`."""

    points: float = Field(0.03, ge=0, le=1)
    hours: float = Field(24, ge=0, le=24 * 30)


class Grades(Closed):
    """`all`: A, B and C, read as `by` says. `segments`: those of some values of the field `segment_by`; other
    leads are graded by `all`. Without `all`, the cuts that the published model proposes hold."""

    by: Literal["probability", "percentile", "capacity"] = "probability"
    all: dict[str, float] | None = None
    segment_by: FieldName | None = None
    segments: dict[Words, dict[str, float]] = Field(default_factory=dict, max_length=100)
    hysteresis: Hysteresis = Hysteresis()

    @model_validator(mode="after")
    def _as_by_says(self) -> Self:
        for given in (self.all, *self.segments.values()):
            if given is not None:
                self.split(given)
        if self.all is None and self.by != "probability":
            raise ValueError(f"grades by {self.by} need all: how many leads are A, B and C")
        if self.segments and self.segment_by is None:
            raise ValueError("segments need segment_by: the field whose values they are")
        _not_from_the_score(self.segment_by)
        return self

    def split(self, given: Mapping[str, float]) -> Split:
        """`given` as `by` reads it. Raises ValueError."""
        try:
            return SPLITS[self.by].model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"])
            raise ValueError(f"{where}{first['msg'].removeprefix('Value error, ')}") from error


def _not_from_the_score(segment_by: str | None) -> None:
    if segment_by in ("grade", "probability", *AT_WORK):
        raise ValueError("segment_by must be something that does not follow from the score or the work")


def _by_what_is_known(priority: Priority) -> Priority:
    _not_from_the_score(priority.segment_by)
    return priority


def _not_too_deep(condition: Any) -> Any:
    if condition is not None and depth(condition) > MOST_DEEP:
        raise ValueError(f"nested deeper than {MOST_DEEP} levels: join fewer conditions, or make two rules")
    return condition


Nested = Annotated[Condition, AfterValidator(_not_too_deep)]


class Rule(Closed):
    """Leads that fulfil `when` leave the queue, or have at most or at least `grade`. `reason` is shown."""

    when: Nested
    do: Literal["exclude", "cap", "lift"]
    grade: Grade | None = None
    reason: Words

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.grade is None) != (self.do == "exclude"):
            raise ValueError("cap and lift need a grade, exclude takes none")
        if any(leaf.field in AT_WORK for leaf in leaves(self.when)):
            raise ValueError("status and draft_status are for next actions: rules look at scored, open leads")
        return self


class NextAction(Closed):
    """`action`: a code with words in each language, or the house's own words. `owner`: who does it if not
    the lead's owner. `due`: by the deadline of first contact, or that many working hours after its last
    activity."""

    when: Nested | None = None
    action: Words
    owner: Words | None = None
    due: Literal["first_contact"] | Annotated[float, Field(gt=0, le=1000)] | None = None
    reason: Words | None = None


def _of(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


DEFAULT_ACTIONS: Sequence[Mapping[str, Any]] = (
    {"when": _of("status", "is_not", "open"), "action": "no_action"},
    {
        "when": {
            "any": [_of("message_waiting", "is", True), _of("draft_status", "in", ["waiting", "no_source"])]
        },
        "action": "reply_waiting",
    },
    {"when": _of("grade", "missing"), "action": "not_scored_yet"},
    {"when": _of("grade", "is", "A"), "action": "call_now", "due": "first_contact"},
    {"when": _of("grade", "is", "B"), "action": "call_today", "due": "first_contact"},
    {"when": _of("grade", "is", "C"), "action": "nurture", "due": "first_contact"},
    {"action": "no_action"},
)


class Within(Closed):
    """Working hours or working days."""

    hours: float | None = Field(None, gt=0, le=1000)
    days: int | None = Field(None, ge=1, le=200)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.hours is None) == (self.days is None):
            raise ValueError("give hours or days")
        return self


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError("not a time zone: write it as Europe/Paris") from error
    return name


def _place(name: str) -> str:
    try:
        public_holidays(name)
    except NotImplementedError as error:
        raise ValueError(
            "no public holidays are known of it: write FR, or FR-GES for a part of it"
        ) from error
    return name


def _spans(spans: list[tuple[time, time]]) -> list[tuple[time, time]]:
    ends = [moment for span in spans for moment in span]
    if any(moment.tzinfo for moment in ends):
        raise ValueError("give local times without an offset: 09:00")
    if any(later <= earlier for earlier, later in pairwise(ends)):
        raise ValueError("each span must end after it begins, and before the next one")
    return spans


Spans = Annotated[list[tuple[time, time]], Field(max_length=6), AfterValidator(_spans)]
OPEN = [(time(9), time(12)), (time(14), time(18))]


def _office_hours() -> dict[Day, Spans]:
    return dict.fromkeys(DAYS[:5], OPEN)


class WorkingHours(Closed):
    """`holidays`: the country, or a part of it, whose public holidays are free; null for none."""

    time_zone: Annotated[str, AfterValidator(_zone)] = "Europe/Paris"
    week: dict[Day, Spans] = Field(default_factory=_office_hours)
    holidays: Annotated[str, Field(max_length=12), AfterValidator(_place)] | None = "FR"
    closed_on: list[date] = Field(default_factory=list, max_length=400)

    @model_validator(mode="after")
    def _open_at_all(self) -> Self:
        if not any(self.week.values()):
            raise ValueError("week needs a day on which someone works")
        return self

    def calendar(self) -> Calendar:
        week = [self.week.get(day, []) for day in DAYS]
        free = public_holidays(self.holidays) if self.holidays else {}
        return Calendar(ZoneInfo(self.time_zone), week, free, frozenset(self.closed_on))


def _first_contact() -> Mapping[Grade, Within]:
    return {"A": Within(hours=1), "B": Within(hours=4), "C": Within(days=2)}


class Deadlines(Closed):
    """Within what time a lead is contacted for the first time, by grade, from when it has that grade."""

    first_contact: Mapping[Grade, Within] = Field(default_factory=_first_contact)
    working_hours: WorkingHours = Field(default_factory=WorkingHours)


Minutes = Annotated[float, Field(ge=0, le=10_000)]


def _minutes() -> Mapping[Grade, float]:
    return {"A": 45, "B": 20, "C": 5, "D": 0}


class Workload(Closed):
    """What simulations count with. `reps`: without it, as many as leads have owners."""

    minutes: Mapping[Grade, Minutes] = Field(default_factory=_minutes)
    hours_per_rep_per_day: float = Field(4, gt=0, le=24)
    reps: int | None = Field(None, ge=1, le=10_000)


class Policy(Closed):
    grades: Grades = Grades()
    priority: Annotated[Priority, AfterValidator(_by_what_is_known)] = Priority()
    rules: list[Rule] = Field(default_factory=list, max_length=MOST_RULES)
    next_actions: list[NextAction] = Field(
        default_factory=lambda: [NextAction.model_validate(one) for one in DEFAULT_ACTIONS],
        max_length=MOST_RULES,
    )
    deadlines: Deadlines = Field(default_factory=Deadlines)
    workload: Workload = Workload()

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)
