"""Who gets in, and what is refused."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.console.access import local_path
from shared.http import authorization_rule
from tests.unit.console.conftest import PASSWORD, PeopleInMemory, csrf, sign_in
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import draft_id, lead_id


def test_every_route_has_a_rule(console: Flask) -> None:
    without = [name for name in console.view_functions if authorization_rule(console, name) is None]
    assert without == []


def test_a_route_without_a_rule_is_refused(console: Flask) -> None:
    console.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert sign_in(console.test_client()).get("/forgotten").status_code == 403


@pytest.mark.parametrize("path", ["/", f"/leads/{lead_id(0)}", "/drafts", f"/drafts/{draft_id(0)}", "/model"])
def test_a_visitor_is_sent_to_sign_in_and_back(console: Flask, path: str) -> None:
    client = console.test_client()
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=")
    page = client.get(answer.location)
    token = csrf(page.text)
    fields = {"csrf_token": token, "email": "sarah@example.fr", "password": PASSWORD, "next": path}
    assert client.post("/login", data=fields).location == path


def test_a_script_of_a_visitor_gets_401_not_a_login_page(console: Flask) -> None:
    answer = console.test_client().get("/", headers={"X-Fragment": "1"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "target",
    ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)",
     "/\t/elsewhere.example", "", None],
)  # fmt: skip
def test_only_local_paths_are_followed_after_sign_in(target: str | None) -> None:
    assert local_path(target) is None


def test_local_paths_keep_their_query() -> None:
    assert local_path("/?grade=A") == "/?grade=A"


def test_a_wrong_password_says_so_and_keeps_the_address(console: Flask) -> None:
    client = console.test_client()
    token = csrf(client.get("/login", headers={"Accept-Language": "en"}).text)
    answer = client.post(
        "/login",
        data={"csrf_token": token, "email": "sarah@example.fr", "password": "no"},
        headers={"Accept-Language": "en"},
    )
    assert answer.status_code == 401
    assert "do not go together" in answer.text
    assert 'value="sarah@example.fr"' in answer.text


def test_guessing_one_account_is_stopped_from_any_address(console: Flask) -> None:
    client = console.test_client()
    token = csrf(client.get("/login").text)
    statuses = [
        client.post(
            "/login",
            data={"csrf_token": token, "email": "sarah@example.fr", "password": "no"},
            environ_base={"REMOTE_ADDR": f"10.0.0.{n}"},
        ).status_code
        for n in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2


def test_guessing_from_one_address_is_stopped_for_any_account(console: Flask) -> None:
    client = console.test_client()
    token = csrf(client.get("/login").text)
    statuses = [
        client.post(
            "/login", data={"csrf_token": token, "email": f"p{n}@example.fr", "password": "no"}
        ).status_code
        for n in range(21)
    ]
    assert statuses == [401] * 20 + [429]


def test_signing_in_often_is_no_guessing(console: Flask) -> None:
    for _ in range(8):
        sign_in(console.test_client())


def test_posts_without_the_token_change_nothing(rep: FlaskClient, services: FakeServices) -> None:
    answer = rep.post(f"/drafts/{draft_id(1)}/reject", data={"version": "2"})
    assert answer.status_code == 400
    assert services.drafts[draft_id(1)]["status"] == "waiting"


def test_signing_out_ends_the_session(rep: FlaskClient) -> None:
    token = csrf(rep.get("/").text)
    rep.post("/logout", data={"csrf_token": token})
    assert rep.get("/").status_code == 302


def test_a_disabled_person_is_out_at_once(rep: FlaskClient, people: PeopleInMemory) -> None:
    people.known.clear()
    answer = rep.get("/")
    assert answer.status_code == 302
    assert "expired=1" in answer.location


def test_an_ended_session_is_told_from_a_first_visit(console: Flask) -> None:
    client = console.test_client()
    assert "expired" not in client.get("/").location
    client.set_cookie("eclaireur_session", "no longer readable")
    assert "expired=1" in client.get("/").location


def test_people_out_of_reach_is_a_503_that_says_so(rep: FlaskClient, people: PeopleInMemory) -> None:
    people.unavailable = True
    answer = rep.get("/")
    assert answer.status_code == 503
    assert "Accounts cannot be read" in answer.text
    assert rep.get("/readyz").status_code == 503


def test_a_role_without_leads_begins_with_the_data_and_is_told_so_elsewhere(console: Flask) -> None:
    integrator = sign_in(console.test_client(), email="ivan@example.fr")
    assert integrator.get("/").location == "/data"
    answer = integrator.get("/model")
    assert answer.status_code == 403
    assert "Your role does not give access" in answer.text


def test_the_session_cookie_is_out_of_reach_of_scripts(make_console: Callable[..., Flask]) -> None:
    client = make_console(console_secure_cookies=True).test_client()
    cookie = client.get("/login", base_url="https://localhost").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" in cookie


def test_pages_allow_no_inline_script_or_style(rep: FlaskClient) -> None:
    answer = rep.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert "style=" not in answer.text
    assert "onclick" not in answer.text
