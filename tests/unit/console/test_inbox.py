"""The inbox of drafts: who wrote, what of it is shown, and what was changed in a proposal."""

import pytest
from flask.testing import FlaskClient

from services.console.difference import Piece, difference
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import draft_id
from tests.unit.console.test_deciding import FRAGMENT, form_of


def test_the_list_says_who_wrote_and_their_grade(rep: FlaskClient) -> None:
    page = rep.get("/drafts").text
    assert "4 replies wait for your word" in page
    for words in ("Mehdi Durand", "Durand &amp; Fils", "Grade when they wrote", "Reply to write", ">sure<"):
        assert words in page


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", "status=open"),
        ("?show=ready", "status=waiting"),
        ("?show=sure", "sure=true"),
        ("?show=write", "status=no_source"),
        ("?language=en", "language=en"),
        ("?show=nonsense&language=de", "status=open"),
    ],
)
def test_a_filter_is_asked_of_the_service(
    rep: FlaskClient, services: FakeServices, query: str, asked: str
) -> None:
    services.calls.clear()
    assert rep.get(f"/drafts{query}").status_code == 200
    listed = next(path for _, path, _ in services.calls if path.startswith("/v1/drafts?"))
    assert asked in listed
    assert "nonsense" not in listed
    assert "language=de" not in listed


def test_a_filter_that_finds_nothing_leads_back(rep: FlaskClient) -> None:
    page = rep.get("/drafts?language=en").text
    assert "No draft is of this kind for now." in page
    assert 'href="/drafts"' in page


def test_more_drafts_come_page_by_page_with_their_filter(rep: FlaskClient, services: FakeServices) -> None:
    services.most_drafts = 2
    page = rep.get("/drafts?show=ready").text
    assert "More than 2 replies wait" in page
    assert 'href="/drafts?cursor=2&amp;show=ready"' in page
    more = rep.get("/drafts?cursor=2&show=ready", headers=FRAGMENT).text
    assert more.count("<li") == 1
    assert "Show more" not in more


def test_what_was_changed_stays_readable_after_the_decision(rep: FlaskClient, services: FakeServices) -> None:
    body = services.drafts[draft_id(1)]["body"].replace("trois semaines", "deux semaines")
    page = rep.post(
        f"/drafts/{draft_id(1)}/approve", data=form_of(rep, services, 1, body=body), headers=FRAGMENT
    ).text
    assert "What was changed in the proposal" in page
    assert '<del><span class="visually-hidden">Removed: </span>trois </del>' in page
    assert '<ins><span class="visually-hidden">Added: </span>deux </ins>' in page


def test_an_unchanged_text_has_no_difference(rep: FlaskClient, services: FakeServices) -> None:
    page = rep.post(f"/drafts/{draft_id(1)}/approve", data=form_of(rep, services, 1), headers=FRAGMENT).text
    assert "What was changed" not in page


def test_a_difference_holds_both_texts() -> None:
    before, after = "Un devis part demain. Merci.", "Un devis part ce soir.\n\nMerci."
    pieces = difference(before, after)
    assert [p for p in pieces if p.change == "removed"] == [Piece("demain. ", "removed")]
    assert "".join(p.text for p in pieces if p.change != "removed") == after
    assert difference(before, f" {before}\n") == []
    assert difference("a " * 3000, "b") == []
