"""What drafted replies gave back, over HTTP, from decisions of real people on a real Postgres."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.responder import store
from services.responder.handlers import on_records
from services.responder.retrieval import add_passage
from shared.contracts.approval import content_hash
from shared.postgres import Connection
from tests.harness.platform import Platform
from tests.harness.stack import Stack, serving
from tests.integration.test_responder_drafts import drafting, message, record

BODY = "Merci pour votre demande de devis. Nous vous adressons notre offre avec les délais."
ARRIVED = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with serving("responder", platform, tmp_path_factory.mktemp("responder")) as stack:
        yield stack


@pytest.fixture
def connection(stack: Stack) -> Iterator[Connection]:
    with stack.installation.connect(store.SCHEMA) as connection:
        connection.execute("TRUNCATE passage, message, draft, decision, consultation, outbox CASCADE")
        teach(connection)
        yield connection


def teach(connection: Connection) -> None:
    """The one reply that the house knows."""
    add_passage(
        connection,
        kind="template",
        language="fr",
        title="Demande de devis",
        body=BODY,
        intent="devis",
        created_by="test",
    )


def arrive(connection: Connection, number: int, **fields: Any) -> None:
    values = message(id=f"m-{number}", occurred_at=ARRIVED.isoformat(), **fields)
    values["lead_id"] = f"7b0f6f64-5c1f-4a53-9a43-{number:012}"
    on_records(connection, [record(values)], drafting())


def waiting(client: httpx.Client) -> dict[str, Any]:
    drafts = client.get("/v1/drafts", params={"status": "waiting"}).json()["drafts"]
    assert isinstance(drafts[0], dict)
    return drafts[0]


def approve(client: httpx.Client, *, change: tuple[str, str] = ("", "")) -> None:
    draft = waiting(client)
    names = ("draft_id", "version", "channel", "sender", "recipients", "subject")
    content = {name: draft[name] for name in names} | {"attachments": []}
    content["body"] = draft["body"].replace(*change) if change[0] else draft["body"]
    told = {name: value for name, value in content.items() if name != "draft_id"}
    answer = client.post(
        f"/v1/drafts/{draft['draft_id']}/approve", json=told | {"sha256": content_hash(content)}
    )
    assert answer.status_code == 200, answer.text


def groups(client: httpx.Client, path: str = "/v1/value", **query: Any) -> dict[str | None, dict[str, Any]]:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return {group["group"]: group for group in answer.json()["groups"]}


def test_nothing_decided_is_told_as_nothing(connection: Connection, stack: Stack) -> None:
    with stack.signed_in("responder", "marketing", "Mireille Caron") as reader:
        assert groups(reader) == {}


def test_one_sees_ones_own_figures_and_others_only_those_of_five(
    connection: Connection, stack: Stack
) -> None:
    arrive(connection, 1)
    arrive(connection, 2)
    with (
        stack.signed_in("responder", "rep", "Awa Ndiaye") as awa,
        stack.signed_in("responder", "marketing", "Mireille Caron") as reader,
    ):
        approve(awa)
        approve(awa, change=("notre offre", "une offre"))
        own = groups(awa, "/v1/value/mine")[None]
        assert (own["approved"], own["unedited"], own["withheld"]) == (2, 0.5, False)
        assert own["first_reply_median_h"] == pytest.approx(2, abs=0.9)
        assert own["minutes_given_back"] > 1
        others = groups(reader)[None]
        assert (others["approved"], others["people"], others["withheld"]) == (2, 1, True)
        assert others["unedited"] is others["minutes_given_back"] is None
        assert groups(reader, "/v1/value/mine") == {}
        assert awa.get("/v1/value").status_code == 403


def test_five_people_are_a_group(connection: Connection, stack: Stack) -> None:
    for number in range(5):
        arrive(connection, number)
    for number in range(5):
        with stack.signed_in("responder", "rep", f"Rep {number}") as rep:
            approve(rep)
    with stack.signed_in("responder", "marketing", "Mireille Caron") as reader:
        assert groups(reader)[None]["unedited"] == 1.0
        assert groups(reader, by="intent")["devis"]["approved"] == 5
        assert groups(reader, by="language")["fr"]["people"] == 5
        assert len(groups(reader, by="week")) == 1


def test_figures_of_few_are_read_once_an_administrator_recorded_that_the_staff_was_consulted(
    connection: Connection, stack: Stack
) -> None:
    arrive(connection, 1)
    consultation = {"held_on": "2026-03-02", "note": "CSE du 2 mars, point 4"}
    with (
        stack.signed_in("responder", "rep", "Awa Ndiaye") as awa,
        stack.signed_in("responder", "marketing", "Mireille Caron") as reader,
    ):
        approve(awa)
        assert reader.post("/v1/consultations", json=consultation).status_code == 403
        with stack.signed_in("responder", "admin", "Ines Roy") as admin:
            assert admin.post("/v1/consultations", json=consultation).json()["recorded_by"] == "Ines Roy"
            assert groups(reader)[None]["unedited"] == 1.0
            admin.post("/v1/consultations", json={"held_on": None, "note": "mise en cause"})
        assert groups(reader)[None]["withheld"]
        assert len(reader.get("/v1/consultations").json()["consultations"]) == 2


def test_a_wait_begins_with_the_first_message_nobody_answered(connection: Connection, stack: Stack) -> None:
    arrive(connection, 1)
    later = message(id="m-again", occurred_at=(ARRIVED + timedelta(hours=1)).isoformat())
    on_records(connection, [record(later | {"lead_id": f"7b0f6f64-5c1f-4a53-9a43-{1:012}"})], drafting())
    with stack.signed_in("responder", "rep", "Awa Ndiaye") as awa:
        approve(awa)
        own = groups(awa, "/v1/value/mine")[None]
        assert own["first_reply_median_h"] == pytest.approx(2, abs=0.9)


def test_an_approval_held_back_because_they_wrote_again_is_not_counted_as_approved(
    connection: Connection, stack: Stack
) -> None:
    arrive(connection, 1)
    with stack.signed_in("responder", "rep", "Awa Ndiaye") as awa:
        approve(awa)
        assert groups(awa, "/v1/value/mine")[None]["approved"] == 1
        again = message(id="m-again", occurred_at=(ARRIVED + timedelta(hours=1)).isoformat())
        again["lead_id"] = f"7b0f6f64-5c1f-4a53-9a43-{1:012}"
        on_records(connection, [record(again)], drafting())
        held_back = groups(awa, "/v1/value/mine")[None]
    assert (held_back["messages"], held_back["approved"], held_back["overtaken"]) == (1, 0, 1)
    assert held_back["first_reply_median_h"] is held_back["unedited"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"until": "0001-01-01T00:00:00Z"}, "until"),
        ({"since": "2026-01-01"}, "since"),
        ({"writing_wpm": "0"}, "writing_wpm"),
        ({"by": "person"}, "by"),
    ],
)
def test_a_wrong_question_is_refused_by_its_field(
    connection: Connection, stack: Stack, query: dict[str, str], field: str
) -> None:
    with stack.signed_in("responder", "marketing", "Mireille Caron") as reader:
        answer = reader.get("/v1/value", params=query)
        assert answer.status_code == 422
        assert field in answer.text
