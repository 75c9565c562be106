"""The scoring service's answers on policies, as the Studio reads them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pydantic import Field

from services.console.answers import Answer, NamedLead


class PolicyVersion(Answer):
    """`cuts` are those that shares of leads came to when they were settled last."""

    version: int
    threshold_version: int
    policy: dict[str, Any]
    cuts: dict[str, Any] | None = None
    comment: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    published_at: datetime | None = None
    in_force: bool = False


class PolicyPublication(Answer):
    publication_id: int
    version: int
    due_at: datetime | None = None
    published_at: datetime | None = None
    called_off_at: datetime | None = None
    published_by: str = ""
    comment: str = ""

    @property
    def waiting(self) -> bool:
        return self.published_at is None and self.called_off_at is None


class Policies(Answer):
    """`in_force` grades now, with cuts settled anew; `version_in_force` is the version that a person made."""

    policies: Sequence[PolicyVersion] = ()
    next_cursor: str | None = None
    in_force: int | None = None
    version_in_force: int | None = None
    publications: Sequence[PolicyPublication] = ()
    defaults: dict[str, Any] = Field(default_factory=dict)

    @property
    def waiting(self) -> list[PolicyPublication]:
        return sorted(
            (one for one in self.publications if one.waiting and one.due_at), key=lambda one: str(one.due_at)
        )


class Published(Answer):
    """`published` is false for what waits for its time."""

    published: bool
    threshold_version: int | None = None
    due_at: datetime | None = None


class PolicyField(Answer):
    field: str
    values: Sequence[str] = ()


class ActionWords(Answer):
    code: str
    text: str


class Vocabulary(Answer):
    fields: Sequence[PolicyField] = ()
    actions: Sequence[ActionWords] = ()

    @property
    def words(self) -> dict[str, str]:
        return {action.code: action.text for action in self.actions}


class Absence(Answer):
    absence_id: int
    owner: str
    first_day: date
    last_day: date
    stand_in: str | None = None
    set_by: str = ""


class Absences(Answer):
    absences: Sequence[Absence] = ()


class Hundredth(Answer):
    hundredth: int
    leads: int
    expected_wins: float
    variance: float

    @property
    def numbers(self) -> tuple[int, int, float, float]:
        """As a script takes it."""
        return self.hundredth, self.leads, round(self.expected_wins, 4), round(self.variance, 4)


class Distribution(Answer):
    """Open leads by hundredth of probability."""

    leads: int = 0
    hundredths: Sequence[Hundredth] = ()

    def above(self, cut: float) -> int:
        """How many have at least this probability, to the hundredth."""
        return self.between(cut, 1).leads

    def cut(self, leads: int) -> float:
        """The least hundredth that no more than `leads` reach."""
        return next((at / 100 for at in range(101) if self.above(at / 100) <= leads), 1.0)

    def between(self, least: float, below: float) -> Hundredth:
        """What is in this band, its upper end left out unless it is 1."""
        low, high = round(100 * least), 100 if below == 1 else round(100 * below)
        band = [one for one in self.hundredths if low <= one.hundredth < high]
        return Hundredth(
            hundredth=low,
            leads=sum(one.leads for one in band),
            expected_wins=sum(one.expected_wins for one in band),
            variance=sum(one.variance for one in band),
        )


class Interval(Answer):
    value: float
    low: float
    high: float


class GradeEffect(Answer):
    now: int
    then: int
    expected_wins_now: Interval
    expected_wins_then: Interval


class NowThen(Answer):
    now: float
    then: float


class Move(NamedLead):
    probability: float
    was: str = Field("", alias="from")
    to: str
    rules: Sequence[dict[str, Any]] = ()
    owner: str | None = None


class Moves(Answer):
    count: int
    leads: Sequence[Move] = ()


class Work(Answer):
    reps: int
    hours_a_day: float
    hours: NowThen
    days: NowThen


class OwnerEffect(Answer):
    owner: str | None
    now: dict[str, int]
    then: dict[str, int]


class Expected(Answer):
    """`amount` is None where the queue is not ordered by it."""

    wins: float
    amount: float | None = None


class ExpectedNowThen(Answer):
    now: Expected
    then: Expected


class FirstLead(NamedLead):
    """`position_now` is None for a lead that is not in the queue now."""

    position: int
    position_now: int | None = None


class QueueEffect(Answer):
    """The first of the queue, now beside then."""

    first: int
    new_among_first: int
    expected_of_first: ExpectedNowThen
    leads: Sequence[FirstLead] = ()


class Simulation(Answer):
    as_of: datetime
    leads: int
    cuts: dict[str, Any]
    grades: dict[str, GradeEffect]
    excluded: NowThen
    moves: Moves
    queue: QueueEffect
    work: Work
    deadlines_missed: dict[str, dict[str, int]]
    owners: Sequence[OwnerEffect] = ()
    days: Sequence[dict[str, Any]] = ()


class Match(NamedLead):
    probability: float
    grade: str | None = None


class Matches(Answer):
    open: int
    matches: int
    leads: Sequence[Match] = ()
