"""What the page of data quality says, exports and lets be changed."""

import csv
import io
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.console.conftest import csrf, sign_in
from tests.unit.console.fake_services import FakeServices

PAGE = "/data/quality"


@pytest.fixture
def marketing(console: Flask) -> FlaskClient:
    return sign_in(console.test_client(), "marie@example.fr")


def test_what_to_mend_first_stands_first_with_its_owner_and_its_cost(marketing: FlaskClient) -> None:
    page = marketing.get(PAGE).text
    assert "10 things to mend, first of all effectif: missing from 1,204 leads (42 %)" in page
    assert page.index("Make it part of the form") < page.index("typeform has been silent for 5 days")
    assert "costs 2.1 points of 100 in ranking" in page
    assert "Owner: nobody yet" in page
    assert "“&lt;b&gt;agro&lt;/b&gt;”" in page


def test_it_is_the_first_page_under_data_and_a_rep_may_not_read_it(
    marketing: FlaskClient, rep: FlaskClient
) -> None:
    assert marketing.get("/data").location == PAGE
    assert rep.get(PAGE).status_code == 403
    assert PAGE not in rep.get("/").text


def test_an_owner_is_set_and_taken_away_where_it_stands(
    marketing: FlaskClient, services: FakeServices
) -> None:
    page = marketing.get(f"{PAGE}?sort=missing&_external=1").text
    assert 'action="/data/quality/owner?sort=missing"' in page
    form = {"csrf_token": csrf(page), "source": "crm:example", "field": "phone", "name": "Léa", "email": ""}
    answer = marketing.post(f"{PAGE}/owner?sort=missing", data=form)
    assert answer.location == f"{PAGE}?sort=missing"
    assert services.owners == [{"source": "crm:example", "field": "phone", "name": "Léa", "email": None}]
    assert "Owner: Léa Martin" in marketing.get(PAGE).text
    marketing.post(f"{PAGE}/owner", data=form | {"name": "", "field": ""})
    assert services.owners[-1] == {"source": "crm:example", "field": None, "name": "", "email": None}
    marketing.post(f"{PAGE}/owner", data=form | {"email": "nobody"})
    assert "Not kept: this is not an e-mail address." in marketing.get(PAGE).text


def test_every_field_is_exported_and_no_cell_is_a_formula(marketing: FlaskClient) -> None:
    answer = marketing.get(f"{PAGE}.csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename=quality.csv"
    found = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(found) == 7, "every page of them"
    assert found[-1]["field"] == "'=attribute.x"
    report = json.loads(marketing.get(f"{PAGE}.json").text)
    assert (len(report["fields"]), len(report["findings"])) == (7, 10)


def test_fields_come_page_by_page_sorted_as_asked(marketing: FlaskClient, services: FakeServices) -> None:
    page = marketing.get(f"{PAGE}?sort=missing&source=crm").text
    assert 'aria-sort="descending"' in page
    assert "sort=missing&amp;source=crm&amp;cursor=5" in page
    assert "Only the source crm." in page
    assert any("sort=missing" in path and "source=crm" in path for _, path, _ in services.calls)
    marketing.get(f"{PAGE}?sort=nonsense")
    assert "sort=cost" in services.calls[-1][1]


def test_each_state_says_what_to_do(marketing: FlaskClient, services: FakeServices) -> None:
    empty = {"as_of": None, "findings": [], "findings_total": 0, "fields": [], "sources": []}
    services.quality = empty | {"pending": 0}
    assert "eclaireur import leads.csv" in marketing.get(PAGE).text
    services.quality = empty | {"pending": 5}
    assert "5 events wait to be counted" in marketing.get(PAGE).text
    services.quality = {"findings": [], "findings_total": 0, "costs_known": False}
    page = marketing.get(PAGE).text
    assert "Nothing is missing that can be seen" in page
    assert "not known until a model is published" in page
    services.down = {"scoring"}
    assert "The scoring service does not answer." in marketing.get(PAGE).text
