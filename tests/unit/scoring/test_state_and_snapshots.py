"""The fold is the same in any order, and when a lead is looked at does not depend on batches."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.features import features
from services.scoring.snapshots import Snapshot, fold_all
from services.scoring.state import Event, LeadState, fold, from_json, to_json

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
TYPES = (
    "crm.lead.created",
    "crm.page.viewed",
    "crm.message.received",
    "crm.message.sent",
    "crm.stage.changed",
)


def event(number: int, event_type: str = "crm.page.viewed", *, hours: float = 0, **data: Any) -> Event:
    at = START + timedelta(hours=hours)
    return Event("forms", f"e{number}", event_type, "lead-1", at, at, {"lead": {}, **data})


events_strategy = st.lists(
    st.builds(
        lambda kind, hours, value: (kind, hours, value),
        st.sampled_from(TYPES),
        st.integers(0, 24 * 20),
        st.sampled_from(["a", "b", None, 3, 2.5, True]),
    ),
    min_size=1,
    max_size=12,
)


def build(drawn: list[tuple[str, int, object]]) -> list[Event]:
    return [
        event(n, kind, hours=hours, to=str(value), lead={"attributes": {"size": value}, "name": f"N{n % 3}"})
        for n, (kind, hours, value) in enumerate(drawn)
    ]


@given(drawn=events_strategy, seed=st.randoms(use_true_random=False))
def test_state_does_not_depend_on_the_order_of_events(drawn: list[Any], seed: Any) -> None:
    events = build(drawn)
    shuffled = list(events)
    seed.shuffle(shuffled)
    one, other = LeadState(), LeadState()
    for e in events:
        fold(one, e)
    for e in shuffled:
        fold(other, e)
    assert one == other


@given(drawn=events_strategy)
def test_state_survives_storage(drawn: list[Any]) -> None:
    state = LeadState()
    for e in build(drawn):
        fold(state, e)
    assert from_json(orjson.loads(orjson.dumps(to_json(state)))) == state


def latest_per_day(snapshots: list[Snapshot]) -> dict[tuple[str, object], Snapshot]:
    return {(s.kind, s.as_of.date()): s for s in snapshots}


@given(drawn=events_strategy, cut=st.integers(0, 12))
def test_snapshots_kept_for_training_do_not_depend_on_batches(drawn: list[Any], cut: int) -> None:
    events = sorted(build(drawn), key=lambda e: e.known_at)
    at_once = fold_all(LeadState(), events)
    state = LeadState()
    in_two = fold_all(state, events[:cut])
    in_two += fold_all(state, events[cut:])
    assert latest_per_day(at_once) == latest_per_day(in_two)


def test_an_outcome_leaves_no_trace_in_the_features() -> None:
    state = LeadState()
    won = event(2, "crm.lead.converted", hours=1, amount=1000, lead={"attributes": {"signed by": "x"}})
    snapshots = fold_all(state, [event(1, "crm.lead.created"), won])
    assert state.status == "won"
    assert [p.as_of for p in snapshots] == [START]
    assert not any("amount" in name or "signed" in name for name in snapshots[0].features)
    assert not any("signed" in name for name in features(state, START))


def test_a_closed_lead_gives_no_more_snapshots() -> None:
    state = LeadState()
    fold_all(state, [event(1), event(2, "crm.lead.lost", hours=30)])
    assert fold_all(state, [event(3, hours=60)]) == []


def test_a_silence_is_seen_before_the_event_that_ends_it() -> None:
    snapshots = fold_all(LeadState(), [event(1), event(2, hours=24 * 10)])
    before = next(p for p in snapshots if p.kind == "before_event")
    assert before.features["activity.page_viewed.days_since_last"] == 10
    assert before.features["activity.page_viewed.count_7d"] == 0
    assert before.last_id == "e1"


def test_windows_count_days_and_today() -> None:
    state = LeadState()
    for n, hours in enumerate((0, 24 * 6, 24 * 29)):
        fold(state, event(n, hours=hours))
    seen = features(state, START + timedelta(days=29))
    assert [seen[f"activity.page_viewed.count_{w}d"] for w in (1, 7, 30, 90)] == [1, 1, 3, 3]


def test_a_message_waits_until_the_company_answered() -> None:
    state = LeadState()
    fold(state, event(1, "crm.message.received"))
    assert state.message_waiting
    assert features(state, START + timedelta(days=2))["message_waiting_days"] == 2
    fold(state, event(2, "crm.message.sent", hours=1))
    assert not state.message_waiting


def test_erased_stays_erased_whatever_comes_later() -> None:
    state = LeadState()
    fold(state, event(1, "crm.lead.created", lead={"email": "a@example.fr", "attributes": {"size": "large"}}))
    fold(state, event(2, "crm.message.received", hours=1))
    fold(state, event(3, "crm.lead.erased", hours=2))
    erased = orjson.dumps(to_json(state))
    assert (list(state.registers), state.activities) == (["outcome"], {})
    for late in (
        event(4, "crm.lead.created", hours=3, lead={"name": "Claire"}),
        event(5, "crm.lead.converted", hours=5),
        event(6, "crm.page.viewed", hours=-1),
    ):
        state = from_json(orjson.loads(orjson.dumps(to_json(state))))
        assert fold_all(state, [late]) == []
    assert state.status == "erased"
    assert orjson.dumps(to_json(state)) == erased


def test_an_outcome_told_at_once_and_one_imported_leave_the_same_snapshots() -> None:
    def lost(known: timedelta) -> list[Snapshot]:
        outcome = event(2, "crm.lead.lost", hours=24 * 9)
        outcome = dataclasses.replace(outcome, known_at=outcome.occurred_at + known)
        return fold_all(LeadState(), [event(1), outcome])

    assert lost(timedelta(seconds=2)) == lost(timedelta(0))
    assert [s.as_of for s in lost(timedelta(days=3))] == [START, START + timedelta(days=9)]


def test_attributes_and_subjects_are_told_by_name() -> None:
    state = LeadState()
    fold(state, event(1, lead={"attributes": {"subject.x": 1, "attribute.y": "z"}}))
    assert state.attributes() == {"subject.x": 1, "attribute.y": "z"}
    assert state.subjects() == {"forms": "lead-1"}
