"""Chances, dates and drafts in words."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st

from services.console.answers import Draft, Event, LeadRow, Sentence
from services.console.composing import Gap, spans
from services.console.timeline import tell
from services.console.wording import card_field, chances, headline, lead_title, said, shortened, source_name

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 12, 15, 30, tzinfo=PARIS)


@pytest.fixture(autouse=True)
def page(console: Flask) -> Iterator[None]:
    with console.test_request_context("/"), force_locale("fr"):
        yield


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.999, "plus de 9 chances sur 10"),
        (0.62, "environ 6 chances sur 10"),
        (0.31, "environ 3 chances sur 10"),
        (0.15, "environ 2 chances sur 10"),
        (0.1499, "environ 1 chance sur 7"),
        (0.05, "environ 1 chance sur 20"),
        (0.01, "environ 1 chance sur 100"),
        (0.0004, "moins de 1 chance sur 100"),
        (0.0, "moins de 1 chance sur 100"),
    ],
)
def test_chances_are_said_as_people_say_them(probability: float, words: str) -> None:
    assert chances(probability) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOW, "à l’instant"),
        (datetime(2026, 3, 12, 15, 18, tzinfo=PARIS), "il y a 12 min"),
        (datetime(2026, 3, 12, 9, 5, tzinfo=PARIS), "aujourd’hui 09:05"),
        (datetime(2026, 3, 11, 23, 59, tzinfo=PARIS), "hier 23:59"),
        (datetime(2026, 3, 13, 9, 0, tzinfo=PARIS), "demain 09:00"),
        (datetime(2026, 3, 9, 8, 0, tzinfo=PARIS), "lundi 08:00"),
        (datetime(2026, 1, 2, 8, 0, tzinfo=PARIS), "2 janvier"),
        (datetime(2025, 11, 2, 8, 0, tzinfo=PARIS), "2 nov. 2025"),
    ],
)
def test_dates_are_said_as_people_say_them(moment: datetime, words: str) -> None:
    assert said(moment, NOW) == words


def test_a_day_begins_at_midnight_of_the_time_zone() -> None:
    assert said(datetime.fromisoformat("2026-03-11T23:10:00+00:00"), NOW) == "aujourd’hui 00:10"


@pytest.mark.parametrize(
    ("event_type", "data", "words"),
    [
        ("crm.message.received", {"subject": "Devis"}, "A écrit\u00a0: Devis"),
        ("crm.call.logged", {"duration_s": 312, "outcome": "rappeler"}, "Appel\u00a0: 5 min, rappeler"),
        ("crm.meeting.held", {}, "Rendez-vous tenu"),
        ("crm.page.viewed", {"url": "https://x.example/a/b?c=d"}, "A vu la page /a/b"),
        ("crm.lead.converted", {"amount": 18400.5}, "Est devenu client, pour 18\u202f400,5"),
        ("crm.activity.logged", {"activity": "sample_shipped"}, "sample shipped"),
        ("crm.consent.changed", {"purpose": "x", "granted": False}, "A retiré son accord\u00a0: x"),
        ("crm.unheard.of", {}, "unheard.of"),
    ],
)
def test_events_are_told_in_one_sentence(event_type: str, data: dict[str, object], words: str) -> None:
    assert tell(Event(source="s", id="1", type=event_type, occurred_at=NOW, data=data)).sentence == words


@pytest.mark.parametrize(
    ("known", "title"),
    [
        ({"name": "Léa", "company": "Eaux", "email": "e@example.fr"}, "Léa"),
        ({"company": "Eaux", "email": "e@example.fr"}, "Eaux"),
        ({"email": "e@example.fr"}, "e@example.fr"),
        ({}, "Prospect 7927b2df"),
    ],
)
def test_a_lead_is_called_by_the_strongest_thing_known(known: dict[str, str], title: str) -> None:
    lead = LeadRow(lead_id="7927b2df-0000-4000-8000-000000000000", grade="A", **known)  # type: ignore[arg-type]
    assert lead_title(lead) == title
    assert (
        headline({"A": 1, "open": 1}, lead, scored=True)
        == f"1 personne à rappeler aujourd’hui\u00a0: {title}"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import:Leads", "fichier Leads"),
        ("import:leads: 2025", "fichier leads: 2025"),
        ("hubspot:123", "HubSpot"),
        ("demo:fluveance", "démonstration"),
        ("standard", "webhook"),
        ("crm", "crm"),
        ("salesforce:eu", "salesforce:eu"),
    ],
)
def test_a_source_is_said_in_words_where_it_is_one_of_ours(source: str, words: str) -> None:
    assert source_name(source) == words


def test_a_hash_is_shown_by_its_beginning() -> None:
    assert shortened("660737") == "660737"
    assert shortened("row-" + "3f" * 16) == "row-3f3f3f3f3f3f3f3f…"


def _draft(body: str, sentences: list[str], gaps: list[str]) -> Draft:
    return Draft(
        draft_id="d", version=1, lead_id="l", status="waiting", body=body,
        sentences=[Sentence(text=text) for text in sentences], gaps=gaps,
    )  # fmt: skip


@given(
    body=st.text("ab [].", max_size=60),
    sentences=st.lists(st.text("ab [].", max_size=8), max_size=5),
    gaps=st.lists(st.text("ab []", min_size=1, max_size=5), max_size=3),
)
def test_the_spans_of_a_draft_are_its_whole_body(body: str, sentences: list[str], gaps: list[str]) -> None:
    pieces = [piece for span in spans(_draft(body, sentences, gaps)) for piece in span.pieces]
    assert "".join(piece.marker if isinstance(piece, Gap) else piece for piece in pieces) == body


def test_a_sentence_that_stands_twice_keeps_both_places() -> None:
    found = spans(_draft("Oui. Oui. Non.", ["Oui.", "Oui.", "Non."], []))
    assert [span.pieces for span in found] == [("Oui.",), (" ",), ("Oui.",), (" ",), ("Non.",)]


def test_the_place_of_a_request_is_where_not_which() -> None:
    """One English word for two things would take the French of the other."""
    assert card_field("place") == "Lieu"
