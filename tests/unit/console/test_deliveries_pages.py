"""The pages about deliveries, in each state, on a stand-in for ingest."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.console.conftest import csrf, sign_in
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import lead_id

AT = "2026-03-02T09:00:00+00:00"
REPLAY_ID = "7d3f0a52-5b0e-4c39-9f0a-0b2a54a1e001"
RAW = '{"id": "e1", "time": "<script>alert(1)</script>"}'


def row(rejected_id: int = 7, **changes: Any) -> dict[str, Any]:
    return {
        "rejected_id": rejected_id,
        "received_at": AT,
        "source": "forms",
        "connector": "events",
        "reason": "invalid_event",
        "detail": "time: not an RFC 3339 time with an offset: write it as 2026-03-14T09:26:53Z",
        "status": "waiting",
        **changes,
    }


def one(**changes: Any) -> dict[str, Any]:
    body = {"text": RAW, "bytes": len(RAW)}
    return {**row(), "raw": body, "body": body, "edited": False, "editable": True, "decisions": [], **changes}


COUNTS = [
    {"source": "forms", "reason": "invalid_event", "status": "waiting", "count": 1240},
    {"source": "hubspot", "reason": "id_reused", "status": "waiting", "count": 2},
    {"source": "forms", "reason": "invalid_event", "status": "replayed", "count": 31},
]


@pytest.fixture
def ingest() -> Iterator[FakeServices]:
    with FakeServices() as running:
        running.routes = {
            ("GET", "/v1/rejected"): (
                200,
                {"rejected": [row(), row(8, reason="id_reused")], "next_cursor": "abc", "counts": COUNTS},
            ),
            ("GET", "/v1/rejected/7"): (200, one()),
            ("GET", "/v1/status"): (200, {"rejected_waiting": 1242, "events_waiting": 0, "paused": []}),
            ("POST", "/v1/rejected/7/replay"): (200, {"status": "replayed", "events": 1}),
        }
        yield running


@pytest.fixture
def ivan(make_console: Callable[..., Flask], ingest: FakeServices) -> FlaskClient:
    """An integrator, signed in, reading English."""
    return sign_in(make_console(ingest_url=ingest.url).test_client(), email="ivan@example.fr")


def send(client: FlaskClient, path: str, **fields: str) -> Any:
    token = csrf(client.get("/data/deliveries/7").text)
    return client.post(path, data={"csrf_token": token, **fields})


def asked(ingest: FakeServices, method: str = "POST") -> list[tuple[str, Any]]:
    return [(path, body) for called, path, body in ingest.calls if called == method]


def test_the_list_says_how_much_waits_and_of_what_kind(ivan: FlaskClient, ingest: FakeServices) -> None:
    page = ivan.get("/data/deliveries?reason=invalid_event&text=time").text
    assert "1,242 deliveries were refused and wait for you" in page
    assert "Not as the contract says" in page
    assert "cursor=abc" in page
    (path,) = [path for path, _ in asked(ingest, "GET") if path.startswith("/v1/rejected?")]
    assert {"reason=invalid_event", "text=time", "status=waiting"} <= set(path.split("?")[1].split("&"))


def test_nothing_refused_is_said_as_good_news(ivan: FlaskClient, ingest: FakeServices) -> None:
    ingest.routes["GET", "/v1/rejected"] = (200, {"rejected": [], "next_cursor": None, "counts": []})
    ingest.routes["GET", "/v1/status"] = (200, {"rejected_waiting": 0, "paused": []})
    page = ivan.get("/data/deliveries").text
    assert "Nothing was refused that still waits" in page
    assert "Replay all" not in page


def test_a_paused_worker_is_an_alert(ivan: FlaskClient, ingest: FakeServices) -> None:
    paused = [{"failed": 210, "looked_at": 1000, "worker": "a", "since": AT, "error": "ValueError"}]
    ingest.routes["GET", "/v1/status"] = (200, {"rejected_waiting": 0, "paused": paused})
    page = ivan.get("/data/deliveries").text
    assert "Paused: 210 of the last 1,000 records failed." in page
    assert "Nothing is lost" in page


def test_without_ingest_the_page_says_so(ivan: FlaskClient, ingest: FakeServices) -> None:
    ingest.down.add("ingest")
    answer = ivan.get("/data/deliveries")
    assert answer.status_code == 200
    assert "Deliveries cannot be read for now" in answer.text


def test_a_rep_has_no_such_page(make_console: Callable[..., Flask], ingest: FakeServices) -> None:
    rep = sign_in(make_console(ingest_url=ingest.url).test_client())
    assert "/data/deliveries" not in rep.get("/data/duplicates").text
    assert rep.get("/data/deliveries").status_code == 403


def test_a_path_is_told_step_by_step(ivan: FlaskClient, ingest: FakeServices) -> None:
    steps = [
        {"step": "received", "at": AT},
        {"step": "stored", "at": AT, "outcome": "new"},
        {"step": "lead", "at": AT, "lead_id": lead_id(0)},
        {"step": "scored", "at": AT, "outcome": "not_scored", "why_not": "no_model"},
        {"step": "written_back", "at": AT, "destination": "webhook", "status": "delivered"},
    ]
    ingest.routes["GET", "/v1/deliveries"] = (200, {"status": "written_back", "steps": steps})
    page = ivan.get("/data/deliveries?of=crm&id=e1").text
    for words in ("Received", "Belongs to a lead", "no model was published", "Written back to webhook"):
        assert words in page
    assert f"/leads/{lead_id(0)}" in page


def test_what_is_not_known_yet_is_said_to_wait(ivan: FlaskClient, ingest: FakeServices) -> None:
    ingest.routes["GET", "/v1/deliveries"] = (200, {"status": "waiting", "steps": [], "events_waiting": 12})
    assert "12 events are waiting to be read" in ivan.get("/data/deliveries?of=crm&id=e1").text
    ingest.routes["GET", "/v1/deliveries"] = (200, {"status": "unknown", "steps": [], "events_waiting": 0})
    assert "It never arrived here" in ivan.get("/data/deliveries?of=crm&id=e1").text


def test_what_came_is_shown_as_text_and_never_as_markup(ivan: FlaskClient, ingest: FakeServices) -> None:
    page = ivan.get("/data/deliveries/7").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    binary = {"text": None, "hex": "ff 00 fe", "bytes": 3}
    ingest.routes["GET", "/v1/rejected/7"] = (200, one(raw=binary, body=binary))
    page = ivan.get("/data/deliveries/7").text
    assert "ff 00 fe" in page
    assert 'name="body"' not in page


def test_only_a_changed_body_is_sent_as_an_edit(ivan: FlaskClient, ingest: FakeServices) -> None:
    assert send(ivan, "/data/deliveries/7/replay", body=RAW).status_code == 302
    assert send(ivan, "/data/deliveries/7/replay", body=RAW + "\r\n").status_code == 302
    assert asked(ingest)[-2:] == [
        ("/v1/rejected/7/replay", {"new_id": False}),
        ("/v1/rejected/7/replay", {"new_id": False, "body": RAW + "\n"}),
    ]


@pytest.mark.parametrize("status", [409, 422, 500])
def test_what_was_typed_survives_a_refusal(ivan: FlaskClient, ingest: FakeServices, status: int) -> None:
    ingest.routes["POST", "/v1/rejected/7/replay"] = (status, {"title": "No", "detail": "time: still wrong"})
    answer = send(ivan, "/data/deliveries/7/replay", body="my mended text")
    assert answer.status_code == (503 if status == 500 else 422)
    assert "my mended text" in answer.text
    assert "time: still wrong" in answer.text or status == 500


def test_a_reused_id_offers_a_new_one(ivan: FlaskClient, ingest: FakeServices) -> None:
    ingest.routes["GET", "/v1/rejected/7"] = (200, one(reason="id_reused"))
    assert "under a new id" in ivan.get("/data/deliveries/7").text
    send(ivan, "/data/deliveries/7/replay", new_id="1")
    assert asked(ingest)[-1] == ("/v1/rejected/7/replay", {"new_id": True})


def test_a_dismissal_wants_a_reason_and_can_be_taken_back(ivan: FlaskClient, ingest: FakeServices) -> None:
    ingest.routes["POST", "/v1/rejected/7/dismiss"] = (200, {"status": "dismissed"})
    assert send(ivan, "/data/deliveries/7/dismiss", reason=" ").status_code == 422
    assert send(ivan, "/data/deliveries/7/dismiss", reason="a test").status_code == 302
    assert asked(ingest)[-1] == ("/v1/rejected/7/dismiss", {"reason": "a test"})
    decision = {"at": AT, "by_name": "Ivan", "action": "dismissed", "detail": {"why": "a test"}}
    ingest.routes["GET", "/v1/rejected/7"] = (200, one(status="dismissed", decisions=[decision]))
    page = ivan.get("/data/deliveries/7").text
    assert "Take the dismissal back" in page
    assert "dismissed it" in page
    assert "(a test)" in page


def test_a_replay_of_many_shows_how_far_it_is(ivan: FlaskClient, ingest: FakeServices) -> None:
    job = {"replay_id": REPLAY_ID, "total": 200, "replayed": 50, "refused": 10, "finished_at": None}
    ingest.routes["POST", "/v1/rejected/replay"] = (202, job)
    ingest.routes["GET", f"/v1/rejected/replays/{REPLAY_ID}"] = (200, job)
    answer = send(ivan, "/data/deliveries/replay", reason="invalid_event", source="forms")
    assert asked(ingest)[-1] == ("/v1/rejected/replay", {"reason": "invalid_event", "source": "forms"})
    page = ivan.get(answer.location).text
    assert "60 of 200 replayed so far" in page
    assert "data-poll" in page
    ingest.routes["GET", f"/v1/rejected/replays/{REPLAY_ID}"] = (200, {**job, "finished_at": AT})
    part = ivan.get(answer.location, headers={"X-Fragment": "1"}).text
    assert "50 deliveries were replayed" in part
    assert "<html" not in part


def test_a_tried_payload_tells_what_it_would_do(
    ivan: FlaskClient, ingest: FakeServices, services: FakeServices
) -> None:
    event = {"type": "crm.lead.created", "source": "crm", "id": "e1"}
    ingest.routes["POST", "/v1/dry-runs"] = (
        200,
        {"events": [event], "rejected": [{"index": 1, "id": None, "error": "add time"}]},
    )
    effect = {
        "outcome": "new",
        "lead": {"lead_id": lead_id(0), "new": False},
        "changes": [{"field": "name", "before": None, "after": "<b>Claire</b>"}],
        "score": {"before": None, "after": {"grade": "A", "probability": 0.62}},
    }
    services.routes["POST", "/v1/dry-runs"] = (200, {"events": [effect]})
    answer = send(ivan, "/data/deliveries/try", payload=RAW, source="")
    assert "1 event would come of it" in answer.text
    assert "&lt;b&gt;Claire" in answer.text
    assert "62.0 %" in answer.text
    assert "Refused: add time" in answer.text
    assert "alert(1)&lt;/script&gt;" in answer.text

    ingest.routes["POST", "/v1/dry-runs"] = (400, {"title": "The body cannot be read", "detail": "line 1"})
    refused = send(ivan, "/data/deliveries/try", payload="{", source="")
    assert (refused.status_code, "line 1" in refused.text) == (422, True)


def test_whoever_decides_second_is_told_so_and_loses_nothing(
    make_console: Callable[..., Flask], ingest: FakeServices
) -> None:
    reader = sign_in(
        make_console(ingest_url=ingest.url).test_client(), email="ivan@example.fr", language="fr"
    )
    ingest.routes["POST", "/v1/rejected/7/dismiss"] = (409, {"title": "It was replayed already"})
    answer = send(reader, "/data/deliveries/7/dismiss", reason="a test")
    assert "quelqu’un a décidé avant vous" in reader.get(answer.location).text

    said = {"title": "It was replayed already", "detail": "Nothing was changed. Post a new event instead."}
    ingest.routes["POST", "/v1/rejected/7/replay"] = (409, said)
    token = csrf(reader.get("/data/deliveries/7").text)
    ingest.routes["GET", "/v1/rejected/7"] = (200, one(status="replayed"))
    body = {"csrf_token": token, "body": "what I mended"}
    page = reader.post("/data/deliveries/7/replay", data=body).text
    assert "Quelqu’un l’a déjà rejouée" in page
    assert "what I mended" in page


@pytest.mark.parametrize(
    ("many", "words"), [(1, "Replay the one"), (1240, "Replay the 1,240"), (100_000, "the 10,000 oldest")]
)
def test_the_button_says_how_many_it_replays(
    ivan: FlaskClient, ingest: FakeServices, many: int, words: str
) -> None:
    counts = [
        {"source": "forms", "reason": "invalid_event", "status": "waiting", "count": many},
        {"source": "crm", "reason": "invalid_event", "status": "waiting", "count": 5},
    ]
    ingest.routes["GET", "/v1/rejected"] = (200, {"rejected": [row()], "next_cursor": None, "counts": counts})
    assert words in ivan.get("/data/deliveries?source=forms").text


def test_without_an_id_the_latest_of_a_source_are_listed(ivan: FlaskClient, ingest: FakeServices) -> None:
    came = [
        {"id": "e1", "at": AT, "outcome": "new", "lead_id": lead_id(0), "score_version": 3},
        {"id": "e0", "at": AT, "outcome": "new", "lead_id": lead_id(0), "unscored": "no_model"},
        {"id": "e0", "at": AT, "outcome": "repeated"},
    ]
    ingest.routes["GET", "/v1/deliveries"] = (200, {"deliveries": came, "next_cursor": "older"})
    page = ivan.get("/data/deliveries?of=crm").text
    for words in ("Its lead was scored", "no model was published", "no second effect", "before=older"):
        assert words in page


def test_the_descriptions_of_the_services_are_read_through_the_console(
    ivan: FlaskClient, ingest: FakeServices
) -> None:
    ingest.routes["GET", "/openapi.json"] = (200, {"openapi": "3.1.0"})
    assert ivan.get("/reference/ingest/openapi.json").json == {"openapi": "3.1.0"}
    for path in ("/reference/ingest/metrics", "/reference/postgres/docs", "/reference/ingest/v1/rejected"):
        assert ivan.get(path).status_code == 404
