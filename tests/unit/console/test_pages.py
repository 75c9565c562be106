"""What the pages say in each state."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.console.app import create_app
from tests.unit.console.conftest import PeopleInMemory, csrf, settings, sign_in
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import lead_id

FRAGMENT = {"X-Fragment": "1"}


def test_today_answers_in_words_first(rep: FlaskClient) -> None:
    page = rep.get("/").text
    assert "4 people to call today, starting with Claire Martin" in page
    assert "about 6 chances in 10" in page
    assert "Asked for a quote yesterday" in page
    assert "1,240 events waiting" in page


def test_today_speaks_french_to_a_french_browser(console: Flask) -> None:
    page = sign_in(console.test_client(), language="fr-FR,fr;q=0.9").get("/").text
    assert "4 personnes à rappeler aujourd’hui, à commencer par Claire Martin" in page
    assert "environ 6 chances sur 10" in page
    assert "A demandé un devis hier" in page


def test_an_unknown_language_falls_back_to_french(console: Flask) -> None:
    page = console.test_client().get("/login", headers={"Accept-Language": "de"}).text
    assert '<html lang="fr">' in page


def test_the_language_chosen_is_kept_with_the_person(rep: FlaskClient, people: PeopleInMemory) -> None:
    token = csrf(rep.get("/").text)
    answer = rep.post("/language", data={"csrf_token": token, "language": "fr", "next": "/drafts"})
    assert answer.location == "/drafts"
    assert next(p for p in people.known.values() if p.name == "Sarah Lebrun").language == "fr"
    assert "Brouillons" in rep.get("/drafts").text


def test_what_a_lead_is_called_is_never_markup(rep: FlaskClient) -> None:
    page = rep.get("/").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_of_the_queue_follows_by_its_cursor(rep: FlaskClient) -> None:
    assert "cursor=10" in rep.get("/").text
    more = rep.get("/?cursor=10", headers=FRAGMENT).text
    assert "Yann Kerbrat" in more
    assert "<html" not in more
    assert "Claire Martin" not in more


def test_the_queue_can_be_asked_for_one_grade(rep: FlaskClient) -> None:
    page = rep.get("/?grade=B", headers=FRAGMENT).text
    assert "4 leads with this grade" in page
    assert "Claire Martin" not in page


def test_by_expected_value_the_queue_and_the_lead_say_what_was_counted_and_what_assumed(
    rep: FlaskClient, services: FakeServices
) -> None:
    assert "expected" not in rep.get("/", headers=FRAGMENT).text
    services.by_value = True
    queue = rep.get("/", headers=FRAGMENT).text
    assert "2,976 expected" in queue
    assert "(assumed amount)" in queue
    assert "× 12,000 (assumed amount: the median of “salon”) ×" in rep.get(f"/leads/{lead_id(1)}").text


def test_unscored_is_said_not_shown_as_zero(rep: FlaskClient, services: FakeServices) -> None:
    services.scored, services.model = False, {"version": None}
    page = rep.get("/").text
    assert "14 people waiting to be scored" in page
    assert "Not scored: no model has read this lead yet." in page
    assert "9 won, 17 lost" in page
    assert "chances in 10" not in page


def test_first_use_leads_to_the_import(rep: FlaskClient, services: FakeServices) -> None:
    services.people = []
    services.status |= {"leads_total": 0, "leads_open": 0}
    page = rep.get("/").text
    assert "eclaireur import leads.csv --outcome Converted=1" in page


def test_with_the_responder_down_the_rest_of_the_page_works(rep: FlaskClient, services: FakeServices) -> None:
    services.down.add("responder")
    page = rep.get("/")
    assert page.status_code == 200
    assert "The service that drafts replies does not answer." in page.text
    assert "Asked for a quote yesterday" in page.text


def test_with_scoring_down_today_says_so_and_drafts_work(rep: FlaskClient, services: FakeServices) -> None:
    services.down.add("scoring")
    today = rep.get("/")
    assert today.status_code == 200
    assert "The scoring service does not answer." in today.text
    assert "3 replies" not in today.text
    assert "May this reply go out?" in rep.get("/drafts").text


def test_a_service_that_cannot_be_reached_is_down(people: PeopleInMemory, services: FakeServices) -> None:
    app = create_app(settings(services, scoring_url="http://127.0.0.1:9"), people=people)
    page = sign_in(app.test_client()).get("/")
    app.extensions["console"].connections.close()
    assert "The scoring service does not answer." in page.text


def test_a_lead_page_tells_who_why_and_what_happened(rep: FlaskClient) -> None:
    page = rep.get(f"/leads/{lead_id(0)}").text
    for words in (
        "Laiterie du Ménez",
        "About 6 chances in 10 of becoming a customer",
        "Speaks against",
        "No answer for 12 days",
        "Viewed the page /pompes/prix",
        "Call: 5 min, rappeler en avril",
        "Model 3f9a1c52d0be",
    ):
        assert words in page


def test_older_events_follow_by_their_cursor(rep: FlaskClient) -> None:
    events = rep.get(f"/leads/{lead_id(0)}/events?cursor=6", headers=FRAGMENT).text
    assert "Became known through salon de Rennes" in events
    assert "Wrote:" not in events


@pytest.mark.parametrize("path", ["/nothing", "/leads/7", f"/leads/{lead_id(99)}"])
def test_what_does_not_exist_is_a_404_in_words(rep: FlaskClient, path: str) -> None:
    answer = rep.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_the_model_page_puts_figures_and_intervals_in_words(rep: FlaskClient) -> None:
    page = rep.get("/model").text
    assert "88 times in 100" in page
    assert "(between 87 and 90)" in page
    assert "Forward in time" in page
    assert "It learned from 7,392 leads, 2,848 of which became customers." in page


def test_an_earlier_model_is_brought_back_with_a_reason_that_the_page_keeps(
    rep: FlaskClient, console: Flask, services: FakeServices
) -> None:
    services.models.append({"model_version": "77aa", "kind": "logistic", "card": services.models[0]["card"]})
    assert "Make it the current model" not in rep.get("/model").text, "a rep does not decide on models"
    marketer = sign_in(console.test_client(), email="marie@example.fr")
    page = marketer.get("/model").text
    assert "Make it the current model" in page
    token = csrf(page)
    answer = marketer.post(
        "/model/77aa/publish", data={"csrf_token": token, "comment": "better"}, follow_redirects=True
    )
    assert "77aa is the current model" in answer.text
    assert "Which model served when" in answer.text
    assert "better" in answer.text
    again = marketer.post("/model/77aa/publish", data={"csrf_token": token}, follow_redirects=True)
    assert "It is the current model already." in again.text


@pytest.mark.parametrize(
    ("serving", "said"),
    [
        ("77aa", "Model 77aa, the last good one, goes on scoring."),
        ("3f9a1c52d0be", "It goes on scoring from memory until the worker restarts."),
        (None, "No earlier one can be read either, so new events are not scored."),
    ],
)
def test_the_model_page_says_that_the_published_file_is_damaged_and_offers_another(
    console: Flask, services: FakeServices, serving: str | None, said: str
) -> None:
    services.models.append({"model_version": "77aa", "kind": "logistic", "card": services.models[0]["card"]})
    since = services.models[0]["created_at"]
    services.refused_model = {"version": "3f9a1c52d0be", "since": since, "serving": serving}
    page = sign_in(console.test_client(), email="marie@example.fr").get("/model").text
    assert "The file of model 3f9a1c52d0be, published last, is damaged or missing." in page
    assert said in page
    assert ("Version 77aa" in page) == (serving == "77aa")
    assert ("No model can be read for now" in page) == (serving is None)
    assert "/model/77aa/publish" in page
    assert "/model/3f9a1c52d0be/publish" not in page


def test_without_a_model_the_page_says_what_there_is_to_learn_from(
    rep: FlaskClient, services: FakeServices
) -> None:
    services.models = []
    page = rep.get("/model").text
    assert "No model yet: there is not enough to learn from" in page
    assert "Leads won: 9" in page
    assert "(at least 20 wanted)" in page
    assert "motif de perte" in page
    services.status |= {"leads_won": 30, "leads_lost": 40}
    page = rep.get("/model").text
    assert "there is enough to train one" in page
    assert "eclaireur train" in page


@pytest.mark.parametrize("path", ["/", "/drafts", "/model", "/nothing"])
def test_invented_data_is_marked_on_every_page(make_console: Callable[..., Flask], path: str) -> None:
    client = sign_in(make_console(demo=True).test_client())
    assert "Invented data:" in client.get(path).text


def test_real_data_carries_no_such_mark(rep: FlaskClient) -> None:
    assert "Invented data:" not in rep.get("/").text


def test_metrics_and_health_answer_without_signing_in(console: Flask) -> None:
    client = console.test_client()
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    assert 'service="console"' in client.get("/metrics").text
