"""The invented company: reproducible, valid, and without a leak."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.demo import house
from deploy.demo.company import history, live, lives
from deploy.demo.messages import templates
from deploy.local import settings_report
from shared.contracts.events import OUTCOMES, event_key, parse_time, validate_event
from shared.contracts.identifiers import normalise_email

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def year() -> list[dict[str, Any]]:
    return list(history(now=NOW))


@pytest.fixture(scope="module")
def today() -> list[dict[str, Any]]:
    return list(live(now=NOW))


def _auc(scores: list[float], won: list[bool]) -> float:
    """Chance that a won one is above a lost one, ties counted half."""
    ranked = sorted(zip(scores, won, strict=True))
    below, pairs, tied = 0, 0.0, defaultdict[float, list[int]](lambda: [0, 0])
    for score, is_won in ranked:
        tied[score][is_won] += 1
    for losses, wins in tied.values():
        pairs += wins * (below + losses / 2)
        below += losses
    return pairs / (below * (len(won) - below))


def test_same_seed_same_events(year: list[dict[str, Any]], today: list[dict[str, Any]]) -> None:
    assert list(history(now=NOW)) == year
    assert list(live(now=NOW)) == today
    assert list(history(1, now=NOW, leads=20)) != list(history(2, now=NOW, leads=20))


def test_every_event_is_valid_recognisable_and_unique(
    year: list[dict[str, Any]], today: list[dict[str, Any]]
) -> None:
    for event in year + today:
        validate_event(event, now=NOW)
        assert event["source"] == house.SOURCE
    assert len({event_key(event) for event in year + today}) == len(year) + len(today)


def test_history_is_declared_in_order_and_past_and_the_day_is_neither(
    year: list[dict[str, Any]], today: list[dict[str, Any]]
) -> None:
    times = [parse_time(event["time"]) for event in year]
    assert times == sorted(times)
    assert times[-1] < NOW
    assert all(event["declaredhistory"] is True for event in year)
    assert all("declaredhistory" not in event and parse_time(event["time"]) > NOW for event in today)


def test_a_lead_begins_with_its_creation_and_nothing_follows_its_outcome(year: list[dict[str, Any]]) -> None:
    by_lead = defaultdict(list)
    for event in year:
        by_lead[event["subject"]].append(event["type"])
    assert len(by_lead) == 1500
    for types in by_lead.values():
        assert types[0] == "crm.lead.created"
        assert types.count("crm.lead.created") == 1
        assert not any(event_type in OUTCOMES for event_type in types[:-1])


def test_only_open_leads_are_active_today(year: list[dict[str, Any]], today: list[dict[str, Any]]) -> None:
    closed = {event["subject"] for event in year if event["type"] in OUTCOMES}
    known = {event["subject"] for event in year}
    assert {event["subject"] for event in today} <= known - closed


def test_shares_are_those_of_a_plausible_company(year: list[dict[str, Any]]) -> None:
    outcomes = [event["type"] for event in year if event["type"] in OUTCOMES]
    assert 0.12 < outcomes.count("crm.lead.converted") / len(outcomes) < 0.18
    assert 200 < 1500 - len(outcomes) < 350
    messages = [event["data"] for event in year if event["type"] == "crm.message.received"]
    assert 0.6 < sum(message["language"] == "fr" for message in messages) / len(messages) < 0.8
    assert all("{" not in message["text"] + message["subject"] for message in messages)


def test_behaviour_and_attributes_tell_the_outcome_and_no_more_than_they_should() -> None:
    drawn = lives(now=NOW)
    won = [life.outcome.type == "crm.lead.converted" for life in drawn]
    assert 0.8 < _auc([life.probability for life in drawn], won) < 0.9
    doings = [float(len(life.happenings)) for life in drawn]
    assert 0.65 < _auc(doings, won) < 0.85


def test_neither_attributes_nor_the_length_of_a_life_give_the_outcome_away() -> None:
    drawn = lives(now=NOW)
    won = [life.outcome.type == "crm.lead.converted" for life in drawn]
    lengths = [(life.ends_at - life.happenings[0].at).total_seconds() for life in drawn]
    assert 0.4 < _auc(lengths, won) < 0.65
    attributes = [house.SECTORS[life.person.sector] + house.CHANNELS[life.person.channel] for life in drawn]
    assert 0.55 < _auc(attributes, won) < 0.75


def test_addresses_and_numbers_reach_nobody_and_are_each_leads_own() -> None:
    drawn = [life.person for life in lives(now=NOW)]
    assert all(person.email.endswith(("@example.fr", "@example.com")) for person in drawn)
    assert len({person.email for person in drawn}) == len(drawn)
    phones = [person.phone for person in drawn if person.phone]
    assert len(set(phones)) == len(phones)


def test_the_day_comes_fast_for_a_minute_then_slowly(today: list[dict[str, Any]]) -> None:
    seconds = [(parse_time(event["time"]) - NOW).total_seconds() for event in today]
    assert 2 < sum(second <= 60 for second in seconds) / 60 < 4
    gaps = [after - before for before, after in zip(seconds[-20:], seconds[-19:], strict=False)]
    assert all(2.9 < gap < 5.1 for gap in gaps)
    assert 35 <= sum(event["type"] == "crm.message.received" for event in today) <= 45


def test_there_are_at_least_twelve_intents() -> None:
    assert len(templates()) >= 12


def test_its_own_settings_exist_and_replies_have_a_sender() -> None:
    assert house.SETTINGS.keys() <= settings_report.fields().keys()
    assert normalise_email(house.SETTINGS["REPLY_SENDER"]) == house.SETTINGS["REPLY_SENDER"]
