"""What a house decides of its leads: grades, rules, next actions, deadlines."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.scoring.policy.conditions import Condition, compiled, flags
from services.scoring.policy.deciding import AllCuts, Decider
from services.scoring.policy.document import Policy
from services.scoring.policy.expected_value import Urgency, amount_of, furthest, urgency_of
from services.scoring.policy.grading import GRADES, Held, cuts_for, grade_of, hold
from services.scoring.policy.population import (
    NoAmounts,
    NoLeads,
    Population,
    decide_all,
    expected_values,
    moved,
    settle,
)

CUTS = {"A": 0.6, "B": 0.3, "C": 0.1}
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)  # a Monday, 12:00 in Paris
DAY = timedelta(days=1)


def decider(**policy: Any) -> Decider:
    return Decider(Policy.model_validate(policy), AllCuts.from_json(CUTS))


def held(probability: float, before: Held | None, at: datetime = NOON) -> Held:
    return hold(probability, CUTS, before, at, points=0.03, patience=DAY)


def test_a_first_grade_and_an_unchanged_one_follow_the_cuts() -> None:
    assert held(0.3, None) == Held("B")
    assert held(0.599, Held("B", "A", NOON)) == Held("B")


def test_a_grade_flips_at_once_only_when_the_probability_is_three_points_past_the_cut() -> None:
    assert held(0.62, Held("B")) == Held("B", "A", NOON)
    assert held(0.64, Held("B")) == Held("A")
    assert held(0.28, Held("B")) == Held("B", "C", NOON)
    assert held(0.26, Held("B")) == Held("C")
    assert held(0.61, Held("C")) == Held("B", "A", NOON), "sure of B, not yet of A"


def test_a_grade_flips_after_a_day_on_the_other_side_of_the_cut() -> None:
    leaning = held(0.61, Held("B"))
    assert held(0.61, leaning, NOON + timedelta(hours=23)) == leaning
    assert held(0.61, leaning, NOON + DAY) == Held("A")
    back = held(0.59, leaning, NOON + timedelta(hours=20))
    assert held(0.61, back, NOON + DAY).grade == "B", "the day begins anew"
    assert held(0.29, leaning, NOON + DAY) == Held("B", "C", NOON + DAY), "so it does on the other side"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_grade_is_never_more_than_the_margin_away_from_its_band(probabilities: list[float]) -> None:
    grade: Held | None = None
    for hour, probability in enumerate(probabilities):
        grade = held(probability, grade, NOON + timedelta(hours=hour))
        assert grade_of(probability - 0.03, CUTS) >= grade.grade >= grade_of(probability + 0.03, CUTS)
        assert (grade.leans_to is None) == (grade.grade == grade_of(probability, CUTS))


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0]) | st.floats(0, 1), max_size=40),
    st.lists(st.integers(0, 50), min_size=3, max_size=3).map(sorted),
)
def test_cuts_give_no_grade_to_more_leads_than_asked(probabilities: list[float], most: list[int]) -> None:
    values = np.array(probabilities)
    cuts = cuts_for(values, most)
    assert cuts["A"] >= cuts["B"] >= cuts["C"]
    for grade, count in zip(GRADES, most, strict=False):
        above = int((values >= cuts[grade]).sum())
        assert above <= count
        if len(set(probabilities)) == len(probabilities):
            assert above == min(count, len(probabilities)), "and to no fewer when none tie"


CONDITIONS: list[tuple[dict[str, Any], Any, bool]] = [
    ({"op": "is", "value": "Étudiant"}, " etudiant", True),
    ({"op": "is", "value": 3}, "3", True),
    ({"op": "is", "value": True}, True, True),
    ({"op": "is", "value": True}, None, False),
    ({"op": "is_not", "value": "x"}, None, True),
    ({"op": "in", "value": ["a", "b"]}, "B", True),
    ({"op": "not_in", "value": ["a", "b"]}, None, True),
    ({"op": "contains", "value": "école"}, "Grande Ecole de Lyon", True),
    ({"op": "starts_with", "value": "gra"}, "Grande", True),
    ({"op": "ends_with", "value": ".edu"}, "mit.EDU", True),
    ({"op": "at_least", "value": 3}, 3, True),
    ({"op": "below", "value": 3}, "2.5", True),
    ({"op": "above", "value": 3}, "many", False),
    ({"op": "at_most", "value": 3}, None, False),
    ({"op": "known"}, "  ", False),
    ({"op": "missing"}, "", True),
]


@pytest.mark.parametrize(("given_", "value", "fulfilled"), CONDITIONS)
def test_conditions_on_one_lead_and_on_columns_agree(
    given_: dict[str, Any], value: Any, fulfilled: bool
) -> None:
    condition = TypeAdapter[Any](Condition).validate_python({"field": "attribute.x", **given_})
    assert compiled(condition)({"attribute.x": value}) is fulfilled
    columns = {"attribute.x": np.array([value, None], dtype=object)}
    assert flags(condition, columns, 2).tolist() == [fulfilled, compiled(condition)({})]
    assert flags(condition, {}, 1).tolist() == [compiled(condition)({})]


def test_conditions_are_joined_and_turned_round() -> None:
    one, two = ({"field": "company", "op": "known"}, {"field": "amount", "op": "above", "value": 5})
    both = TypeAdapter[Any](Condition).validate_python({"all": [one, {"not": {"any": [two, two]}}]})
    facts = [{"company": "X", "amount": 3}, {"company": "X", "amount": 9}, {}]
    assert [compiled(both)(each) for each in facts] == [True, False, False]
    columns = {
        name: np.array([each.get(name) for each in facts], dtype=object) for name in ("company", "amount")
    }
    assert flags(both, columns, 3).tolist() == [True, False, False]


def _rule(**changed: Any) -> dict[str, Any]:
    when = {"field": "attribute.sector", "op": "is", "value": "student"}
    return {"rules": [{"when": when, "do": "exclude", "reason": "A student", **changed}]}


@pytest.mark.parametrize(
    ("document", "where", "said"),
    [
        (
            _rule(when={"field": "nothing", "op": "known"}),
            "field",
            "not a field of a lead: use attribute.<name>",
        ),
        (_rule(when={"field": "amount", "op": "like"}), "op", "not an operator: use one of is, "),
        (_rule(when={"field": "amount", "op": "above", "value": "x"}), "when", "above takes a number"),
        (_rule(when={"foo": 1}), "when", "give field, op and value, or all, any or not"),
        (_rule(when={"field": "draft_status", "op": "known"}), "0", "are for next actions"),
        (_rule(do="cap"), "0", "cap and lift need a grade"),
        (_rule(reason=""), "reason", "at least 1"),
        ({"grades": {"by": "percentile"}}, "grades", "need all"),
        ({"grades": {"all": {"A": 0.1, "B": 0.5, "C": 0.2}}}, "grades", "A must be at least B"),
        ({"grades": {"by": "capacity", "all": {"A": 1, "B": 2}}}, "grades", "C: Field required"),
        ({"grades": {"segments": {"x": CUTS}}}, "grades", "segments need segment_by"),
        ({"deadlines": {"first_contact": {"A": {}}}}, "A", "give hours or days"),
        ({"deadlines": {"working_hours": {"time_zone": "../x"}}}, "time_zone", "Europe/Paris"),
        ({"deadlines": {"working_hours": {"holidays": "XX"}}}, "holidays", "write FR"),
        ({"deadlines": {"working_hours": {"week": {"mon": []}}}}, "working_hours", "someone works"),
        ({"deadlines": {"working_hours": {"week": {"mon": [["12:00", "09:00"]]}}}}, "mon", "must end after"),
        ({"surprise": 1}, "surprise", "not permitted"),
    ],
)
def test_a_document_that_is_not_right_is_told_where_and_what_to_do(
    document: dict[str, Any], where: str, said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(document)
    (error,) = caught.value.errors()
    assert where in map(str, error["loc"])
    assert said in error["msg"]


def test_conditions_nested_without_end_are_refused_and_a_document_is_read_as_it_was_written() -> None:
    deep: dict[str, Any] = {"field": "company", "op": "known"}
    for _ in range(8):
        deep = {"not": deep}
    with pytest.raises(ValidationError, match="nested deeper than 6 levels"):
        Policy.model_validate(_rule(when=deep))
    policy = Policy.model_validate(_rule(when={"not": {"field": "company", "op": "known"}}))
    assert Policy.model_validate(policy.to_json()) == policy
    assert Policy.model_validate({}) == Policy()


def test_rules_change_grade_and_place_in_order_and_say_why() -> None:
    student = {"field": "attribute.sector", "op": "is", "value": "student"}
    big = {"field": "amount", "op": "at_least", "value": 1000}
    rules = [
        {"when": student, "do": "cap", "grade": "C", "reason": "A student"},
        {"when": big, "do": "lift", "grade": "B", "reason": "A large order"},
        {"when": {"field": "company", "op": "is", "value": "rival"}, "do": "exclude", "reason": "A rival"},
    ]
    decide = decider(rules=rules).decide

    capped = decide(0.7, lambda: {"attribute.sector": "student"}, None, NOON)
    assert (capped.held.grade, capped.grade, capped.place, capped.excluded) == ("A", "C", 0.3, False)
    assert [one["reason"] for one in capped.rules] == ["A student"]
    lifted = decide(0.05, lambda: {"amount": 2000}, None, NOON)
    assert (lifted.grade, lifted.place) == ("B", 0.3)
    both = decide(0.7, lambda: {"attribute.sector": "student", "amount": 2000}, None, NOON)
    assert (both.grade, [one["do"] for one in both.rules]) == ("B", ["cap", "lift"])
    out = decide(0.7, lambda: {"company": "Rival"}, None, NOON)
    assert (out.grade, out.excluded, out.place) == ("A", True, None)
    untouched = decide(0.2, lambda: {"attribute.sector": "student"}, None, NOON)
    assert (untouched.grade, untouched.rules, untouched.place) == ("C", [], None)


def test_without_rules_and_segments_no_facts_are_asked_for() -> None:
    def never() -> dict[str, Any]:
        raise AssertionError

    assert decider().decide(0.7, never, None, NOON).grade == "A"


def test_a_segment_has_cuts_of_its_own() -> None:
    policy = Policy.model_validate({"grades": {"segment_by": "source"}})
    cuts = AllCuts.from_json(CUTS | {"segments": {"Salon": {"A": 0.2, "B": 0.1, "C": 0.05}}})
    decide = Decider(policy, cuts).decide
    assert decide(0.25, lambda: {"source": "salon"}, None, NOON).grade == "A"
    assert decide(0.25, lambda: {"source": "web"}, None, NOON).grade == "C"


VALUES = st.sampled_from([None, "web", "Web", "salon", "3", 3, 4.5, True, ""])
LEADS = st.lists(st.tuples(st.floats(0, 1), VALUES, VALUES), max_size=30)


@given(LEADS)
def test_all_leads_at_once_are_decided_as_each_by_itself(leads: list[tuple[float, Any, Any]]) -> None:
    rules = [
        {"when": {"field": "amount", "op": "above", "value": 3}, "do": "lift", "grade": "A", "reason": "x"},
        {"when": {"field": "source", "op": "is", "value": "web"}, "do": "cap", "grade": "C", "reason": "y"},
        {"when": {"field": "grade", "op": "is", "value": "D"}, "do": "exclude", "reason": "z"},
        {"when": {"field": "probability", "op": "below", "value": 0.2}, "do": "lift", "grade": "B",
         "reason": "a"},
    ]  # fmt: skip
    policy = Policy.model_validate({"grades": {"segment_by": "source"}, "rules": rules})
    cuts = AllCuts.from_json(CUTS | {"segments": {"salon": {"A": 0.2, "B": 0.1, "C": 0.05}}})
    decider_ = Decider(policy, cuts)
    one_by_one = [
        decider_.decide(p, lambda v=(source, amount): {"source": v[0], "amount": v[1]}, None, NOON)
        for p, source, amount in leads
    ]
    columns = {
        "probability": [one[0] for one in leads],
        "source": [one[1] for one in leads],
        "features": [[one[2]] for one in leads],
    }
    decided = decide_all(policy, cuts, Population.of(columns, ["amount"]))
    assert decided.grades.tolist() == [one.grade for one in one_by_one]
    assert decided.held.tolist() == [one.held.grade for one in one_by_one]
    assert decided.excluded.tolist() == [one.excluded for one in one_by_one]


def people(probabilities: list[float], **columns: list[Any]) -> Population:
    return Population.of({"probability": probabilities, **columns}, ())


def test_shares_of_leads_become_cuts_by_the_leads_there_are() -> None:
    ten = [n / 10 for n in range(10)]
    policy = Policy.model_validate({"grades": {"by": "percentile", "all": {"A": 10, "B": 30, "C": 60}}})
    assert settle(policy, people(ten), None) == pytest.approx({"A": 0.85, "B": 0.65, "C": 0.35})
    policy = Policy.model_validate({"grades": {"by": "capacity", "all": {"A": 2, "B": 0, "C": 20}}})
    assert settle(policy, people(ten), None) == pytest.approx({"A": 0.75, "B": 0.75, "C": 0})
    with pytest.raises(NoLeads):
        settle(policy, people([]), CUTS)
    assert settle(Policy(), people([]), CUTS) == CUTS
    with pytest.raises(NoLeads):
        settle(Policy(), people([]), None)


def test_segments_have_their_own_shares_and_excluded_leads_take_no_place() -> None:
    one = {"A": 1, "B": 0, "C": 0}
    grades = {"by": "capacity", "all": {"A": 1, "B": 1, "C": 1}, "segment_by": "source"}
    rival = {"field": "company", "op": "is", "value": "rival"}
    policy = Policy.model_validate(
        {
            "grades": grades | {"segments": {"salon": one, "none": one}},
            "rules": [{"when": rival, "do": "exclude", "reason": "A rival"}],
        }
    )
    leads = people(
        [0.9, 0.8, 0.7, 0.6, 0.5],
        source=["web", "web", "Salon", "salon", "web"],
        company=["rival", None, None, None, None],
    )
    cuts = settle(policy, leads, None)
    assert cuts["segments"] == {"salon": pytest.approx({"A": 0.65, "B": 0.65, "C": 0.65})}
    assert (cuts["A"], cuts["B"], cuts["C"]) == (pytest.approx(0.65), 0, 0)
    assert moved(cuts, cuts) == 0
    assert moved(CUTS, cuts) == float("inf")


BY_VALUE = {"priority": {"by": "expected_value", "urgency": {"half_life_days": 10, "message_waiting": 3}}}
AMOUNTS = {"amounts": {"all": 2000.0, "segments": {"salon": 500.0}}}


def worth(probability: float, **facts: Any) -> Any:
    ready = Decider(Policy.model_validate(BY_VALUE | {"rules": BANDS}), AllCuts.from_json(CUTS | AMOUNTS))
    return ready.decide(probability, lambda: facts, None, NOON)


BANDS = [
    {"when": {"field": "company", "op": "is", "value": "low"}, "do": "cap", "grade": "C", "reason": "r"},
    {"when": {"field": "company", "op": "is", "value": "high"}, "do": "lift", "grade": "A", "reason": "r"},
]


def test_the_place_by_expected_value_is_probability_times_amount_times_urgency() -> None:
    decision = worth(0.4, amount=1000, days_since_last=10.0, message_waiting=True)
    assert decision.place == decision.worth.value == pytest.approx(0.4 * 1000 * 0.5 * 3)
    assert decision.grade == "B", "the grade is by the probability alone"
    assumed = worth(0.4, amount=None, source="Salon").worth
    assert (assumed.amount, assumed.assumed, assumed.segment) == (500.0, True, "salon")
    assert (worth(0.4, amount=0).worth.amount, worth(0.4).worth.segment) == (2000.0, None)


def test_rules_move_the_probability_that_an_expected_value_is_counted_with() -> None:
    capped, lifted = worth(0.9, amount=100, company="low"), worth(0.2, amount=100, company="high")
    assert (capped.grade, capped.place) == ("C", pytest.approx(0.3 * 100)), "the most of a C"
    assert (lifted.grade, lifted.place) == ("A", pytest.approx(0.6 * 100)), "the least of an A"


def test_an_amount_or_a_time_that_says_nothing_is_none() -> None:
    said = [0, -5, True, "soon", float("nan"), float("inf"), 1e13, None, "1200", 3]
    assert [amount_of(value) for value in said] == [None] * 8 + [1200.0, 3.0]
    assert urgency_of(Urgency(), 3650, True) == pytest.approx(0.2)
    assert urgency_of(Urgency(), None, None) == urgency_of(Urgency(), -3, False) == 1


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from(["salon", "web", None]),
            st.sampled_from([None, 0, 10, 2500.5]),
            st.sampled_from(["low", "high", None]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_all_leads_at_once_are_worth_what_each_is(leads: list[tuple[float, str | None, Any, Any]]) -> None:
    policy = Policy.model_validate(BY_VALUE | {"rules": BANDS})
    cuts = AllCuts.from_json(CUTS | AMOUNTS)
    names = ("probability", "source", "amount", "company")
    columns = {name: [one[at] for one in leads] for at, name in enumerate(names)}
    together = Population.of(columns | {"message_waiting": [False] * len(leads)}, ())
    ready = Decider(policy, cuts)
    one_by_one = [
        ready.decide(lead[0], lambda v=lead: dict(zip(names, v, strict=True)), None, NOON).worth
        for lead in leads
    ]
    assert expected_values(policy, cuts, together, decide_all(policy, cuts, together)) == one_by_one


def test_assumed_amounts_are_medians_of_five_leads_or_more() -> None:
    policy = Policy.model_validate({"priority": {"by": "expected_value"}, "grades": {"all": CUTS}})
    leads = people(
        [0.5] * 8,
        source=["Salon"] * 5 + ["web"] * 3,
        amount=[100, 200, 300, 400, 10_000, 5, None, 0],
    )
    settled = settle(policy, leads, None)
    assert settled["amounts"] == {"all": 250.0, "segments": {"salon": 300.0}}
    with pytest.raises(NoAmounts):
        settle(policy, people([0.5], source=["web"], amount=[None]), None)


def test_assumed_amounts_are_settled_anew_when_one_changed_by_a_twentieth() -> None:
    before = {"all": 100.0, "segments": {"salon": 1000.0}}
    assert furthest(before, {"all": 102.0, "segments": {"salon": 1040.0}}) == pytest.approx(0.04)
    assert furthest(before, {"all": 102.0, "segments": {}}) == furthest(before, None) == float("inf")
    assert furthest(None, None) == 0


PARIS = [
    # from, hours, until, all in UTC; winter: Paris is one hour ahead, summer: two
    ("2026-03-02T08:30", 1, "2026-03-02T09:30"),
    ("2026-03-02T10:30", 1, "2026-03-02T13:30"),  # over lunch
    ("2026-03-06T16:30", 1, "2026-03-09T08:30"),  # over a weekend
    ("2026-03-27T16:30", 4, "2026-03-30T12:30"),  # and the change to summer time
    ("2026-05-13T15:30", 1, "2026-05-15T07:30"),  # Ascension Day
    ("2026-03-08T12:00", 1, "2026-03-09T09:00"),  # begins on a Sunday
]


@pytest.mark.parametrize(("start", "hours", "until"), PARIS)
def test_deadlines_count_french_working_hours(start: str, hours: float, until: str) -> None:
    calendar = decider().calendar
    begins = datetime.fromisoformat(f"{start}+00:00")
    assert calendar.after_hours(begins, hours) == datetime.fromisoformat(f"{until}+00:00")


def test_two_days_are_two_working_days_and_absence_is_none() -> None:
    friday = datetime(2026, 3, 6, 9, 15, tzinfo=UTC)
    calendar = decider().calendar
    assert calendar.after_days(friday, 2) == datetime(2026, 3, 10, 9, 15, tzinfo=UTC)
    away = calendar.without(frozenset({date(2026, 3, 9), date(2026, 3, 10)}))
    assert away.after_days(friday, 2) == datetime(2026, 3, 12, 9, 15, tzinfo=UTC)
    assert away.after_hours(friday.replace(hour=16, minute=30), 1) == datetime(2026, 3, 11, 8, 30, tzinfo=UTC)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as hypothesis wants
    st.floats(0.1, 60),
    st.floats(0.1, 60),
)
def test_hours_of_work_add_up(start: datetime, first: float, then: float) -> None:
    calendar = decider().calendar
    at_once = calendar.after_hours(start, first + then)
    in_two = calendar.after_hours(calendar.after_hours(start, first), then)
    # A span's end and the next one's beginning are the same working moment.
    apart = calendar.after_hours(in_two, 1) - calendar.after_hours(at_once, 1)
    assert abs(apart) < timedelta(milliseconds=1)


def test_first_contact_is_due_by_grade() -> None:
    due = decider().first_contact_due
    morning = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert due("A", morning) == morning + timedelta(hours=1)
    assert due("B", morning) == morning + timedelta(hours=6)
    assert due("C", morning) == morning + 2 * DAY
    assert due("D", morning) is due("A", None) is due(None, morning) is None


def test_opening_hours_that_leave_next_to_no_time_end_somewhere() -> None:
    hours = {"week": {"sun": [["10:00", "10:01"]]}}
    policy = Policy.model_validate({"deadlines": {"working_hours": hours}})
    due = Decider(policy, AllCuts.from_json(CUTS)).calendar.after_hours(NOON, 1000)
    assert due > NOON + 365 * DAY


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"grade": "D", "message_waiting": True}, "reply_waiting"),
        ({"message_waiting": True}, "reply_waiting"),
        ({"grade": "D", "draft_status": "waiting"}, "reply_waiting"),
        ({"grade": "A", "draft_status": "sent"}, "call_now"),
        ({"grade": "B"}, "call_today"),
        ({"grade": "C"}, "nurture"),
        ({"grade": "D"}, "no_action"),
        ({}, "not_scored_yet"),
        ({"grade": "A", "message_waiting": True, "status": "won"}, "no_action"),
    ],
)
def test_the_next_action_is_the_first_that_fits(facts: dict[str, Any], code: str) -> None:
    known = {"status": "open", "message_waiting": False, "draft_status": None, "grade": None} | facts
    assert decider().next_action(known).action == code
    assert decider(next_actions=[]).next_action(known).action == "no_action"
