"""What a draft would change, from columns of leads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.policy.absences import Absence, Absences
from services.scoring.policy.deciding import AllCuts, Decider
from services.scoring.policy.document import Policy
from services.scoring.policy.population import Population
from services.scoring.policy.simulation import Draft, expected_wins, latest_missed, simulate

CUTS = {"A": 0.6, "B": 0.3, "C": 0.1}
NOON = datetime(2026, 3, 4, 11, tzinfo=UTC)  # a Wednesday, 12:00 in Paris
CURRENT = Decider(Policy(), AllCuts.from_json(CUTS))


def people(*rows: dict[str, Any]) -> Population:
    known = {"owner": None, "source": "web", "company": None, "grade_since": NOON.timestamp()} | {
        "excluded": False, "contacted": False, "day": "2026-03-04",
    }  # fmt: skip
    filled = [
        known | {"held_grade": row["grade"], "lead_id": str(number), "queue_rank": -row["probability"]} | row
        for number, row in enumerate(rows)
    ]
    of_a_row = ("held_grade", "lead_id", "queue_rank", "grade", "probability")
    names = filled[0] if filled else known | dict.fromkeys(of_a_row)
    return Population.of({name: [row[name] for row in filled] for name in names}, ())


def tried(leads: Population, arrivals: Population | None = None, **policy: Any) -> Any:
    draft = Draft.of(Policy.model_validate(policy), CUTS)
    return simulate(draft, CURRENT, leads, arrivals or people(), NOON)


LEADS = people(
    {"probability": 0.7, "grade": "A", "owner": "lea", "company": "rival"},
    {"probability": 0.65, "grade": "B", "owner": "lea"},
    {"probability": 0.2, "grade": "C", "owner": "paul", "source": "salon"},
    {"probability": 0.05, "grade": "D"},
)
RULES = [
    {"when": {"field": "company", "op": "is", "value": "rival"}, "do": "exclude", "reason": "A rival"},
    {"when": {"field": "source", "op": "is", "value": "salon"}, "do": "lift", "grade": "B", "reason": "Met"},
]


def test_it_counts_grades_who_moves_and_why() -> None:
    told = tried(LEADS, rules=RULES)
    assert {grade: (one["now"], one["then"]) for grade, one in told["grades"].items()} == {
        "A": (1, 1), "B": (1, 1), "C": (1, 0), "D": (1, 1),
    }  # fmt: skip
    assert told["excluded"] == {"now": 0, "then": 1}
    moves = told["moves"]
    assert moves["count"] == 3
    assert {(one["from"], one["to"]): one["leads"] for one in moves["by"]} == {
        ("A", "excluded"): 1, ("B", "A"): 1, ("C", "B"): 1,
    }  # fmt: skip
    assert [(one["lead_id"], one["to"]) for one in moves["leads"]] == [
        ("0", "excluded"),
        ("1", "A"),
        ("2", "B"),
    ]
    assert moves["leads"][2]["rules"] == [{"do": "lift", "grade": "B", "reason": "Met"}]
    (lea,) = [one for one in told["owners"] if one["owner"] == "lea"]
    assert (lea["now"]["B"], lea["then"]["excluded"]) == (1, 1)


def test_by_expected_value_it_says_who_would_stand_first_and_what_comes_of_it() -> None:
    leads = people(
        {"probability": 0.7, "grade": "A", "amount": 1000.0, "days_since_last": 0.0},
        {"probability": 0.2, "grade": "C", "amount": None, "days_since_last": 0.0, "company": "rival"},
        {"probability": 0.1, "grade": "C", "amount": 50_000.0, "days_since_last": 14.0},
        {"probability": 0.05, "grade": "D", "amount": None, "days_since_last": 0.0, "message_waiting": True},
    )
    cuts = CUTS | {"amounts": {"all": 10_000.0, "segments": {}}}
    draft = Draft.of(Policy.model_validate({"priority": {"by": "expected_value"}, "rules": RULES[:1]}), cuts)
    queue = simulate(draft, CURRENT, leads, people(), NOON)["queue"]
    shown = [(one["lead_id"], one["position"], one["position_now"]) for one in queue["leads"]]
    assert shown == [("2", 1, 3), ("0", 2, 1), ("3", 3, 4)]
    assert [one["expected_value"]["value"] for one in queue["leads"]] == [2500.0, 700.0, 500.0]
    assert (queue["by"], queue["assumed_amounts"], queue["new_among_first"]) == ("expected_value", 1, 0)
    assert queue["expected_of_first"]["then"] == {"wins": 0.85, "amount": 6200.0}
    plain = tried(LEADS)["queue"]
    assert [one["position_now"] for one in plain["leads"]] == [1, 2, 3, 4]
    assert plain["expected_of_first"]["then"]["amount"] is None


def test_work_is_compared_with_what_the_team_can_do() -> None:
    work = {"minutes": {"A": 60, "B": 30}, "hours_per_rep_per_day": 2}
    told = tried(LEADS, workload=work)["work"]
    assert (told["reps"], told["hours_a_day"]) == (2, 4), "as many as own leads"
    assert (told["hours"], told["days"]) == ({"now": 1.5, "then": 2.0}, {"now": 0.4, "then": 0.5})
    more = tried(LEADS, workload=work | {"reps": 4})["work"]
    assert (more["reps"], more["days"]["then"]) == (4, 0.2)


def test_arrivals_are_told_by_day() -> None:
    came = people(
        {"probability": 0.7, "grade": "B", "day": "2026-03-03"},
        {"probability": 0.2, "grade": "C"},
        {"probability": 0.2, "grade": "C"},
    )
    first, second = tried(LEADS, came, workload={"minutes": {"A": 60, "C": 15}, "reps": 1})["days"]
    assert (first["day"], first["now"]["B"], first["then"]["A"], first["hours"]) == ("2026-03-03", 1, 1, 1)
    assert (second["now"]["C"], second["then"]["C"], second["hours"], second["hours_a_day"]) == (2, 2, 0.5, 4)


def test_expected_wins_hold_what_draws_give_nineteen_times_of_twenty() -> None:
    probabilities = np.random.default_rng(1).uniform(0, 0.5, 200)
    told = expected_wins(probabilities)
    wins = (np.random.default_rng(2).random((4000, 200)) < probabilities).sum(axis=1)
    assert told["value"] == pytest.approx(wins.mean(), abs=0.5)
    inside = ((wins >= told["low"]) & (wins <= told["high"])).mean()
    assert 0.93 < inside < 0.97
    assert expected_wins(np.array([])) == {"value": 0, "low": 0, "high": 0}
    assert expected_wins(np.array([0.9]))["high"] == 1


def test_deadlines_count_those_who_wait_for_a_first_contact() -> None:
    monday, early = (NOON - timedelta(days=2)).timestamp(), (NOON - timedelta(minutes=30)).timestamp()
    leads = people(
        {"probability": 0.7, "grade": "A", "grade_since": monday},
        {"probability": 0.7, "grade": "A", "grade_since": early},
        {"probability": 0.7, "grade": "A", "grade_since": monday, "contacted": True},
        {"probability": 0.7, "grade": "D", "grade_since": monday},
    )
    missed = tried(leads)["deadlines_missed"]
    assert (missed["now"], missed["then"]) == (
        {"A": 1, "B": 0, "C": 0, "D": 0},
        {"A": 2, "B": 0, "C": 0, "D": 0},
    )


def test_leads_of_someone_who_is_away_wait_unless_another_stands_in() -> None:
    since = (NOON - timedelta(days=2)).timestamp()
    leads = people(
        *({"probability": 0.7, "grade": "A", "grade_since": since, "owner": name} for name in ("lea", "paul"))
    )
    monday, wednesday = NOON.date() - timedelta(days=2), NOON.date()
    away = [Absence("lea", monday, wednesday), Absence("paul", monday, wednesday, "anne")]
    draft = Draft.of(Policy(), CUTS)
    told = simulate(draft, CURRENT, leads, people(), NOON, Absences(away, wednesday))
    assert told["deadlines_missed"]["then"]["A"] == 1


def test_a_stand_in_who_is_away_has_one_too_and_a_circle_ends() -> None:
    day = NOON.date()
    chain = [Absence("lea", day, day, "paul"), Absence("paul", day, day, "anne")]
    assert Absences(chain, day).does("lea") == "anne"
    assert Absences(chain, day + timedelta(days=1)).does("lea") == "lea"
    circle = [*chain, Absence("anne", day, day, "lea")]
    assert Absences(circle, day).does("lea") in ("lea", "paul", "anne")
    assert Absences([], day).does(None) is None
    assert Absences([Absence("lea", day, day)], day).does("lea") == "lea"


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 4), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_lead_is_late_when_its_own_deadline_has_passed(since: datetime) -> None:
    for grade in ("A", "B", "C"):
        limit, due = latest_missed(CURRENT, grade, NOON), CURRENT.first_contact_due(grade, since)
        assert due is not None
        if abs(since.timestamp() - limit) > 1:
            assert (since.timestamp() < limit) == (due < NOON)


def test_no_leads_at_all_are_no_error() -> None:
    told = tried(people())
    assert told["moves"] == {"count": 0, "by": [], "leads": []}
    assert told["days"] == told["owners"] == []
