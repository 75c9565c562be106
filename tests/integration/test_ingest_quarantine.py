"""What was refused can be mended and sent again, with one effect, and what became of it can be followed."""

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from services.ingest import cli_deliveries, replays, trace_store
from services.ingest.app import create_app
from services.ingest.handlers import on_records, on_rejected
from services.ingest.settings import IngestSettings
from shared import api_client
from shared.contracts.rejection import rejected
from shared.contracts.steps import (
    DeliveryStep,
    EventStep,
    ScoreStep,
    delivery_step,
    event_steps,
    score_steps,
)
from shared.contracts.topics import CRM_EVENTS, CRM_REJECTED, DELIVERY_STEPS, REPLY_EVENTS
from shared.contracts.validation import SCHEMAS
from shared.kafka.publisher import Publisher
from shared.outbox import relay_once
from shared.postgres import connect_pool
from shared.records import Outgoing, Record
from tests.harness.clients import running_api
from tests.harness.history import MONDAY, event
from tests.harness.platform import Installation
from tests.harness.processes import wait_until
from tests.integration.test_ingest_http import held

BROKEN = {
    **event("e1", "crm.form.submitted", history=False, lead={"email": "a@example.fr"}),
    "time": "monday",
}
MENDED = {**BROKEN, "time": MONDAY.isoformat()}

EXAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "examples" / "crm.rejected" / "1"


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    with running_api(create_app, IngestSettings, installation) as made:
        yield made


class Api:
    """Calls of one key."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(path, query_string=query, headers=self._headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self._client.post(path, json=body or {}, headers=self._headers)


@pytest.fixture
def api(installation: Installation, client: FlaskClient) -> Api:
    return Api(client, installation.key("rejected:read", "rejected:write", "deliveries:read", "status:read"))


def reject(installation: Installation, raw: bytes, **more: Any) -> int:
    """Have something in quarantine; its id."""
    values = {"source": "crm", "connector": "events", "reason": "invalid_event", "detail": "time: no", **more}
    record = rejected(raw, **values)
    with installation.connect("ingest") as connection:
        on_rejected(connection, [Record(CRM_REJECTED, 0, 0, "crm", record.value)])
        row = connection.execute("SELECT max(rejected_id) AS id FROM rejected").fetchone()
    assert row is not None
    return int(row["id"])


def outbox(installation: Installation) -> list[Any]:
    with installation.connect("ingest") as connection:
        rows = connection.execute("SELECT topic, key, value FROM outbox ORDER BY id").fetchall()
    return rows


def as_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def test_an_edited_body_is_sent_and_the_original_stays_beside_it(
    installation: Installation, api: Api
) -> None:
    rejected_id = reject(installation, as_bytes(BROKEN))
    refused = api.post(f"/v1/rejected/{rejected_id}/replay")
    assert (refused.status_code, refused.json["reason"]) == (422, "invalid_event")
    assert "time" in api.get(f"/v1/rejected/{rejected_id}").json["detail"]

    sent = api.post(f"/v1/rejected/{rejected_id}/replay", {"body": json.dumps(MENDED)})
    assert (sent.status_code, sent.json["events"]) == (200, 1)
    again = api.post(f"/v1/rejected/{rejected_id}/replay")
    assert (again.status_code, again.json["events"]) == (200, 0)
    (record,) = outbox(installation)
    assert json.loads(record["value"])["id"] == "e1"

    shown = api.get(f"/v1/rejected/{rejected_id}").json
    assert base64.b64decode(shown["raw_base64"]) == as_bytes(BROKEN)
    assert json.loads(shown["body"]["text"]) == MENDED
    assert [made["action"] for made in shown["decisions"]] == ["refused", "edited", "replayed"]
    assert all(made["by_name"].startswith("key:") for made in shown["decisions"])
    late_edit = api.post(f"/v1/rejected/{rejected_id}/replay", {"body": "{}"})
    assert late_edit.status_code == 409


@pytest.mark.parametrize(
    "body", ["\x00", '{"id": "\\u0000"}', '{"id": "\\ud800"}', "", "[" * 5000, "nul\x00"]
)
def test_a_hostile_edit_is_kept_refused_and_never_an_error(
    installation: Installation, api: Api, body: str
) -> None:
    rejected_id = reject(installation, as_bytes(BROKEN))
    assert api.post(f"/v1/rejected/{rejected_id}/replay", {"body": body}).status_code == 422
    shown = api.get(f"/v1/rejected/{rejected_id}").json
    assert (shown["body"]["text"], shown["status"]) == (body, "waiting")
    binary = {"body_base64": base64.b64encode(b"\xff\x00\xfe").decode()}
    assert api.post(f"/v1/rejected/{rejected_id}/replay", binary).status_code == 422
    assert api.get(f"/v1/rejected/{rejected_id}").json["body"]["hex"] == "ff 00 fe"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/1/replay", {"body": 1}, 422),
        ("/1/replay", {"body_base64": "é"}, 422),
        ("/1/replay", {"unknown": 1}, 422),
        ("/1/replay", {"body": "x" * 700_000}, 413),
        ("/9/replay", {}, 404),
        (f"/{2**63}/replay", {}, 422),
        ("/9/dismiss", {"reason": "test"}, 404),
        ("/1/dismiss", {"reason": "nul\x00"}, 422),
        ("/1/dismiss", {}, 422),
        ("/replay", {"source": "nul\x00"}, 422),
        ("/replay", {"since": "monday"}, 422),
        ("/replay", {"most": 0}, 422),
    ],
)
def test_bad_input_to_a_route_is_a_problem_that_says_so(
    installation: Installation, api: Api, path: str, body: Any, status: int
) -> None:
    reject(installation, as_bytes(BROKEN))
    answer = api.post(f"/v1/rejected{path}", body)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_lone_surrogate_in_a_body_is_refused(installation: Installation, client: FlaskClient) -> None:
    rejected_id = reject(installation, as_bytes(BROKEN))
    answer = client.post(
        f"/v1/rejected/{rejected_id}/replay",
        data=b'{"body": "\\ud800"}',
        headers={"Authorization": f"Bearer {installation.key('rejected:write')}"},
        content_type="application/json",
    )
    assert answer.status_code == 422


def test_two_people_replaying_one_at_once_send_it_once(installation: Installation, api: Api) -> None:
    rejected_id = reject(installation, as_bytes(MENDED))
    answers: list[int] = []

    def press() -> None:
        answers.append(api.post(f"/v1/rejected/{rejected_id}/replay").json["events"])

    pressing = [threading.Thread(target=press) for _ in range(4)]
    for thread in pressing:
        thread.start()
    for thread in pressing:
        thread.join(60)
    assert sorted(answers) == [0, 0, 0, 1]
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    with connect_pool(installation.database_url, schema="ingest") as pool:
        relay_once(pool, publisher)
    publisher.close()
    (record,) = held(installation, CRM_EVENTS)
    assert json.loads(record.value)["id"] == "e1"


def test_a_webhook_goes_through_its_connector_again_without_its_signature(
    installation: Installation, api: Api
) -> None:
    body = {"type": "crm.form.submitted", "timestamp": "monday", "data": MENDED["data"]}
    rejected_id = reject(
        installation,
        as_bytes(body),
        source="standard",
        connector="standard",
        content_type="application/json",
        headers={"webhook-id": "msg_7"},
    )
    # The sender knows it by the id of the webhook.
    (step,) = api.get("/v1/deliveries", source="standard", id="msg_7").json["steps"]
    assert (step["step"], step["rejected_id"]) == ("rejected", rejected_id)
    assert api.post(f"/v1/rejected/{rejected_id}/replay").status_code == 422
    mended = json.dumps({**body, "timestamp": MONDAY.isoformat()})
    assert api.post(f"/v1/rejected/{rejected_id}/replay", {"body": mended}).status_code == 200
    (record,) = outbox(installation)
    assert [json.loads(record["value"])[name] for name in ("id", "source")] == ["msg_7", "standard"]


def test_a_reused_id_is_said_and_replayed_under_a_new_one_when_asked(
    installation: Installation, api: Api
) -> None:
    reused = {"connector": CRM_EVENTS, "source": "crm|1", "reason": "id_reused", "event_key": "crm|e1"}
    rejected_id = reject(installation, as_bytes(MENDED), **reused)
    refused = api.post(f"/v1/rejected/{rejected_id}/replay")
    assert (refused.status_code, refused.json["new_id_possible"]) == (409, True)
    assert outbox(installation) == []
    assert api.post(f"/v1/rejected/{rejected_id}/replay", {"new_id": True}).status_code == 200
    (record,) = outbox(installation)
    assert json.loads(record["value"])["id"] == f"e1~{rejected_id}"


def test_an_approval_is_replayed_as_it_was_and_never_edited(installation: Installation, api: Api) -> None:
    approved = json.loads((SCHEMAS.parent / "examples/reply.events/1/approved.json").read_bytes())
    rejected_id = reject(installation, as_bytes(approved), connector=REPLY_EVENTS, source=approved["lead_id"])
    edited = api.post(f"/v1/rejected/{rejected_id}/replay", {"body": "{}"})
    assert edited.status_code == 409
    assert api.post(f"/v1/rejected/{rejected_id}/replay").status_code == 200
    (record,) = outbox(installation)
    assert (record["topic"], record["key"]) == (REPLY_EVENTS, approved["lead_id"])
    assert json.loads(record["value"]) == approved


def test_what_was_cut_is_not_replayed_as_if_it_were_whole(installation: Installation, api: Api) -> None:
    rejected_id = reject(installation, b" " * 700_001)
    assert api.post(f"/v1/rejected/{rejected_id}/replay").json["reason"] == "too_large"


def test_history_is_replayed_only_by_those_who_may_declare_it(
    installation: Installation, client: FlaskClient
) -> None:
    declared = {**MENDED, "declaredhistory": True}
    rejected_id = reject(installation, as_bytes(declared))
    may_not, may = (
        Api(client, installation.key("rejected:write", *more)) for more in ((), ("events:history",))
    )
    assert may_not.post(f"/v1/rejected/{rejected_id}/replay").status_code == 422
    assert may.post(f"/v1/rejected/{rejected_id}/replay").status_code == 200


def test_a_sources_key_sees_counts_and_replays_its_own_only(
    installation: Installation, client: FlaskClient
) -> None:
    own, other = reject(installation, as_bytes(MENDED)), reject(installation, b"{}", source="forms")
    bound = Api(client, installation.key("rejected:read", "rejected:write", source="crm"))
    found = bound.get("/v1/rejected").json
    assert [row["rejected_id"] for row in found["rejected"]] == [own]
    assert {row["source"] for row in found["counts"]} == {"crm"}
    assert bound.get("/v1/rejected", source="forms").status_code == 403
    assert bound.get(f"/v1/rejected/{other}").status_code == 404
    assert bound.post(f"/v1/rejected/{other}/replay").status_code == 404
    assert bound.post(f"/v1/rejected/{other}/dismiss", {"reason": "x"}).status_code == 404
    stolen = as_bytes({**MENDED, "source": "forms"}).decode()
    assert bound.post(f"/v1/rejected/{own}/replay", {"body": stolen}).status_code == 422
    assert bound.post("/v1/rejected/replay").json["total"] == 1


def test_a_dismissal_can_be_taken_back_and_each_decision_is_written_down(
    installation: Installation, api: Api
) -> None:
    rejected_id = reject(installation, as_bytes(MENDED))
    for _ in range(2):
        assert api.post(f"/v1/rejected/{rejected_id}/dismiss", {"reason": "a test"}).status_code == 200
    assert api.post(f"/v1/rejected/{rejected_id}/replay").status_code == 409
    assert api.post(f"/v1/rejected/{rejected_id}/reopen").json["status"] == "waiting"
    assert api.post(f"/v1/rejected/{rejected_id}/replay").status_code == 200
    assert api.post(f"/v1/rejected/{rejected_id}/dismiss", {"reason": "x"}).status_code == 409
    made = api.get(f"/v1/rejected/{rejected_id}").json["decisions"]
    assert [one["action"] for one in made] == ["dismissed", "reopened", "replayed"]
    assert made[0]["detail"] == {"why": "a test"}


def test_the_list_is_filtered_and_turned_page_by_page(installation: Installation, api: Api) -> None:
    ids = [reject(installation, b"%d" % n, detail=f"Time {n}", reason=f"r{n % 2}") for n in range(5)]
    first = api.get("/v1/rejected", limit=2).json
    second = api.get("/v1/rejected", limit=2, cursor=first["next_cursor"]).json
    assert [row["rejected_id"] for row in first["rejected"] + second["rejected"]] == ids[:0:-1]
    assert [row["detail"] for row in api.get("/v1/rejected", text="time 3").json["rejected"]] == ["Time 3"]
    assert len(api.get("/v1/rejected", reason="r1", status="waiting").json["rejected"]) == 2
    assert api.get("/v1/rejected", since="2090-01-01T00:00:00Z").json["rejected"] == []
    assert {row["reason"]: row["count"] for row in first["counts"]} == {"r0": 3, "r1": 2}
    assert api.get("/v1/rejected", cursor="x").status_code == 400
    assert api.get("/v1/rejected", text="nul\x00").status_code == 422


def test_a_replay_of_many_goes_on_where_a_killed_worker_left_it(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "CHUNK", 2)
    good = [as_bytes({**MENDED, "id": f"good{n}"}) for n in range(4)]
    for raw in [good[0], as_bytes(BROKEN), *good[1:]]:
        reject(installation, raw)
    reject(installation, as_bytes({**MENDED, "id": "forms"}), source="forms")
    job = api.post("/v1/rejected/replay", {"source": "crm"}).json
    assert job["total"] == 5
    with connect_pool(installation.database_url, schema="ingest") as pool:
        assert replays.replay_next(pool)
        settle = replays._settle
        monkeypatch.setattr(replays, "_settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            replays.replay_next(pool)
        monkeypatch.setattr(replays, "_settle", settle)
        half = api.get(f"/v1/rejected/replays/{job['replay_id']}").json
        assert (half["replayed"], half["refused"], half["finished_at"]) == (1, 1, None)
        while replays.replay_next(pool):
            pass
    done = api.get(f"/v1/rejected/replays/{job['replay_id']}").json
    assert (done["replayed"], done["refused"]) == (4, 1)
    assert done["finished_at"]
    assert "sender" not in done
    sent = sorted(json.loads(row["value"])["id"] for row in outbox(installation))
    assert sent == ["good0", "good1", "good2", "good3"]


def record_of(outgoing: Outgoing) -> Record:
    return Record(outgoing.topic, 0, 0, outgoing.key, outgoing.value)


def test_a_delivery_is_followed_from_receipt_to_write_back(installation: Installation, api: Api) -> None:
    lead_id = uuid4()
    steps = [
        EventStep("crm", "e1", MONDAY, "new", lead_id, 3, None),
        EventStep("crm", "e1", MONDAY, "repeated", None, None, None),
        EventStep("crm", "e2", MONDAY, "new", lead_id, None, "won"),
    ]
    reject(installation, as_bytes({**BROKEN, "id": "e3"}))
    told = [
        *event_steps(steps, MONDAY),
        delivery_step(DeliveryStep("webhook", "score", "pending", str(lead_id), 4, 1), MONDAY),
        delivery_step(DeliveryStep("webhook", "score", "delivered", str(lead_id), 4, 2), MONDAY),
        Outgoing(
            DELIVERY_STEPS, "scoring", b'{"service": "scoring", "at": "2026-03-02T09:00:00Z", "events": {}}'
        ),
    ]
    with installation.connect("ingest") as connection:
        on_records(connection, [record_of(one) for one in told])

    found = api.get("/v1/deliveries", source="crm", id="e1").json
    assert [step["step"] for step in found["steps"]].count("written_back") == 2
    assert [step["outcome"] for step in found["steps"] if step["step"] == "stored"] == ["new", "repeated"]
    assert found["status"] == "written_back"
    unscored = api.get("/v1/deliveries", source="crm", id="e2").json
    assert [step["why_not"] for step in unscored["steps"] if step["step"] == "scored"] == ["won"]
    assert api.get("/v1/deliveries", source="crm", id="e3").json["status"] == "rejected"
    assert api.get("/v1/deliveries", source="crm", id="e4").json["status"] == "unknown"
    recent = api.get("/v1/deliveries", source="crm", limit=2).json
    rest = api.get("/v1/deliveries", source="crm", limit=2, cursor=recent["next_cursor"]).json
    assert len(recent["deliveries"] + rest["deliveries"]) == 3
    assert len(api.get("/v1/deliveries", source="crm", outcome="repeated").json["deliveries"]) == 1
    assert api.get("/v1/deliveries", source="crm", cursor="x").status_code == 400
    assert api.get("/v1/deliveries").status_code == 422
    assert api.get("/v1/status").json["rejected_waiting"] == 1


def test_a_path_goes_on_to_the_score_that_came_once_there_was_a_model(
    installation: Installation, api: Api
) -> None:
    lead_id, later = uuid4(), MONDAY + timedelta(hours=3)
    told = [
        *event_steps([EventStep("crm", "e1", MONDAY, "new", lead_id, None, "no_model")], MONDAY),
        *score_steps([ScoreStep(uuid4(), 1), ScoreStep(lead_id, 1)], later),
        delivery_step(DeliveryStep("webhook", "score", "delivered", str(lead_id), 1, 1), later),
    ]
    with installation.connect("ingest") as connection:
        on_records(connection, [record_of(one) for one in told[:1]])
        assert api.get("/v1/deliveries", source="crm", id="e1").json["status"] == "stored"
        on_records(connection, [record_of(told[1])])
        assert api.get("/v1/deliveries", source="crm", id="e1").json["status"] == "scored"
        on_records(connection, [record_of(told[2])])
    found = api.get("/v1/deliveries", source="crm", id="e1").json
    path = [(step["step"], step.get("outcome")) for step in found["steps"]]
    assert path[-3:] == [("scored", "not_scored"), ("scored", "scored_later"), ("written_back", None)]
    assert found["status"] == "written_back"


def test_the_commands_say_what_to_check_and_fit_eighty_columns(
    installation: Installation, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(installation, as_bytes(BROKEN))
    transport = httpx.WSGITransport(app=client.application)
    with httpx.Client(transport=transport, base_url="http://ingest") as over_http:
        token = installation.key("rejected:read", "deliveries:read")
        over_http.headers["Authorization"] = f"Bearer {token}"
        monkeypatch.setenv("ECLAIREUR_API_KEY", token)
        monkeypatch.setattr(api_client, "api_client", lambda *_: contextlib.nullcontext(over_http))
        listed = CliRunner().invoke(cli_deliveries.app, ["rejected", "list"])
        lost = CliRunner().invoke(cli_deliveries.app, ["trace", "crm", "nowhere"])
    assert "invalid_event" in listed.stdout
    assert max(map(len, listed.stdout.splitlines())) <= 80
    assert (lost.exit_code, "Check the source and the id" in lost.stderr) == (1, True), lost.output


def test_what_waits_in_kafka_is_said_to_wait(installation: Installation, api: Api) -> None:
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    publisher.publish([Outgoing(CRM_EVENTS, "k", b"{}")] * 3, timeout_s=30)
    publisher.close()

    def waiting() -> Any:
        return api.get("/v1/deliveries", source="crm", id="e1").json

    # A broker that nobody read from yet makes its coordinator first: until then it does not say.
    wait_until(lambda: waiting()["events_waiting"] == 3, what="Kafka saying what waits")
    assert (waiting()["status"], waiting()["steps"]) == ("waiting", [])


def test_old_steps_are_dropped_by_the_day(installation: Installation) -> None:
    with installation.connect("ingest") as connection:
        step = event_steps([EventStep("crm", "e1", MONDAY, "new", None, None, None)], MONDAY)
        on_records(connection, [record_of(one) for one in step])
        assert trace_store.drop_before(connection, MONDAY.date()) == 0
        assert trace_store.drop_before(connection, MONDAY.date().replace(day=3)) == 1
        assert trace_store.event_steps(connection, "crm", "e1") == []


def test_a_sources_key_follows_and_tries_its_own_only(
    installation: Installation, client: FlaskClient
) -> None:
    bound = Api(client, installation.key("deliveries:read", "dry-runs:run", source="crm"))
    assert bound.get("/v1/deliveries", source="crm").status_code == 200
    assert bound.get("/v1/deliveries", source="forms").status_code == 403
    assert bound.post("/v1/dry-runs", MENDED).json["events"][0]["id"] == "e1"
    other = bound.post("/v1/dry-runs", {**MENDED, "source": "forms"}).json
    assert (other["events"], len(other["rejected"])) == ([], 1)


def test_a_dry_run_translates_refuses_and_publishes_nothing(
    installation: Installation, client: FlaskClient
) -> None:
    api = Api(client, installation.key("dry-runs:run"))
    body = {"type": "crm.form.submitted", "timestamp": MONDAY.isoformat(), "data": MENDED["data"]}
    tried = api.post("/v1/dry-runs?source=standard", body).json
    assert [one["source"] for one in tried["events"]] == ["standard"]
    mixed = api.post("/v1/dry-runs", [MENDED, BROKEN]).json
    assert (len(mixed["events"]), mixed["rejected"][0]["index"]) == (1, 1)
    assert api.post("/v1/dry-runs?source=unknown", body).status_code == 404
    for hostile in (b"\x00", b"[" * 9000, b"\xff"):
        answer = client.post(
            "/v1/dry-runs",
            data=hostile,
            headers=api._headers,
            content_type="application/json",
        )
        assert answer.status_code == 400
    assert held(installation, CRM_EVENTS) == []
    assert held(installation, CRM_REJECTED) == []


def test_an_id_longer_than_any_index_takes_is_kept_and_followed_by_no_key(
    installation: Installation, api: Api
) -> None:
    """A row of an index is at most 2,704 bytes: such an id stopped the worker."""
    noise = "".join(uuid4().hex for _ in range(200))
    rejected_id = reject(installation, as_bytes({**BROKEN, "id": noise}))
    assert api.get(f"/v1/rejected/{rejected_id}").json["event_key"] is None


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_of_the_contract_is_kept(installation: Installation, example: Path) -> None:
    with installation.connect("ingest") as connection:
        on_rejected(connection, [Record(CRM_REJECTED, 0, 0, "crm", example.read_bytes())])
        (row,) = connection.execute("SELECT count(*) AS kept FROM rejected").fetchall()
    assert row["kept"] == 1
