"""Pairs that may be one: what the page shows, and what each button does."""

from flask import Flask
from flask.testing import FlaskClient

from tests.unit.console.conftest import csrf, sign_in
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import lead_id

PAGE = "/data/duplicates"


def test_a_pair_is_shown_side_by_side_with_what_differs_and_why(rep: FlaskClient) -> None:
    page = rep.get(PAGE).text
    assert "Are these two the same?" in page
    assert "2 pairs wait for your word" in page
    assert "Claire Martin" in page
    assert "Sophie Le Goff" in page
    assert "same name" in page
    assert page.count('class="differs"') == 4
    assert 'href="/data/duplicates"' in page


def test_merging_keeps_the_one_chosen_and_can_be_undone(rep: FlaskClient, services: FakeServices) -> None:
    token = csrf(rep.get(PAGE).text)
    pair = services.duplicates[0]["duplicate_id"]
    answer = rep.post(f"{PAGE}/{pair}", data={"csrf_token": token, "keep": lead_id(3)})
    assert services.calls[-1] == ("POST", f"/v1/duplicates/{pair}/merge", {"survivor_id": lead_id(3)})
    page = rep.get(answer.location).text
    assert "Merged: the two are one lead now." in page
    assert "Inès Benali" in page, "the next pair"
    rep.post(f"/regroupings/{pair}/undo", data={"csrf_token": token})
    assert "Claire Martin" in rep.get(PAGE).text


def test_not_the_same_can_wait_again(rep: FlaskClient, services: FakeServices) -> None:
    token = csrf(rep.get(PAGE).text)
    pair = services.duplicates[0]["duplicate_id"]
    answer = rep.post(f"{PAGE}/{pair}", data={"csrf_token": token})
    assert "Noted: the two are not the same." in rep.get(answer.location).text
    rep.post(f"{PAGE}/{pair}/reopen", data={"csrf_token": token})
    assert services.duplicates[0]["status"] == "waiting"


def test_who_decides_second_is_told(rep: FlaskClient, services: FakeServices) -> None:
    token = csrf(rep.get(PAGE).text)
    services.duplicates[0]["status"] = "merged"
    pair = services.duplicates[0]["duplicate_id"]
    page = rep.post(f"{PAGE}/{pair}", data={"csrf_token": token}, follow_redirects=True).text
    assert "Nothing was changed. This pair is merged." in page


def test_skipping_goes_on_and_an_empty_list_says_so(rep: FlaskClient, services: FakeServices) -> None:
    assert "Inès Benali" in rep.get(f"{PAGE}?cursor=1").text
    for pair in services.duplicates:
        pair["status"] = "dismissed"
    assert "No suspected duplicates" in rep.get(PAGE).text


def test_without_scoring_the_page_says_so(rep: FlaskClient, services: FakeServices) -> None:
    services.down.add("scoring")
    assert "Duplicates cannot be read for now" in rep.get(PAGE).text


def test_it_speaks_french(console: Flask) -> None:
    page = sign_in(console.test_client(), language="fr").get(PAGE).text
    assert "Doublons" in page
    assert "Est-ce la même personne\u202f?" in page


def test_a_lead_shows_who_it_is_and_splits(rep: FlaskClient, services: FakeServices) -> None:
    page = rep.get(f"/leads/{lead_id(0)}").text
    assert "Sarah Lebrun merged another record into this one" in page
    assert "C. Martin" in page, "what another source says"
    token = csrf(page)
    answer = rep.post(f"/leads/{lead_id(0)}/split", data={"csrf_token": token, "identity": ["2", "3"]})
    assert services.calls[-1][2] == {"identity_ids": [2, 3]}
    assert answer.location == f"/leads/{lead_id(1)}"
    page = rep.post(f"/leads/{lead_id(0)}/split", data={"csrf_token": token}, follow_redirects=True).text
    assert "choose at least one identifier" in page
