"""The scoring API on the real Postgres and Kafka."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.scoring import store
from services.scoring.app import create_app
from services.scoring.registry import Registry
from services.scoring.settings import ScoringSettings
from tests.harness.clients import running_api
from tests.harness.history import created, event, only_lead, publish_a_model, rows, take_in
from tests.harness.platform import Installation

SCOPES = ("leads:read", "models:read", "models:write", "thresholds:read", "status:read")
Get = Callable[..., Any]


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    with running_api(create_app, ScoringSettings, installation, installation.key(*SCOPES)) as made:
        yield made


@pytest.fixture
def get(client: FlaskClient) -> Get:
    def ask(path: str, status: int = 200, **query: Any) -> Any:
        response = client.get(f"/v1/{path}", query_string=query)
        assert response.status_code == status, response.text
        return response.json

    return ask


def leads(number: int, **more: Any) -> list[dict[str, Any]]:
    return [
        created(f"created {n}", subject=str(n), lead={"email": f"lead{n}@example.fr"}, **more)
        for n in range(number)
    ]


def pages(get: Get, path: str, of: str, **query: Any) -> list[dict[str, Any]]:
    """Every page, one after the other."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = get(path, **query, **cursor)
        found += answer[of]
        if answer["next_cursor"] is None:
            return found
        assert len(answer[of]) == query["limit"]
        cursor = {"cursor": answer["next_cursor"]}


@pytest.mark.parametrize("scored", [False, True], ids=["unscored", "scored_alike"])
def test_paging_shows_each_lead_once_while_scores_tie(
    get: Get, installation: Installation, scored: bool
) -> None:
    if scored:
        publish_a_model(installation)
    take_in(installation, leads(21))
    found = pages(get, "queue", "leads", limit=7)
    assert len({lead["probability"] for lead in found}) == 1
    assert len(found) == len({lead["lead_id"] for lead in found}) == 21
    assert get("queue")["counts"]["open"] == 21


def test_the_queue_can_be_asked_for_an_owner_and_a_grade(get: Get, installation: Installation) -> None:
    publish_a_model(installation)
    take_in(installation, [*leads(3), created("other", subject="9", owner="lea", lead={"email": "o@b.fr"})])
    (mine,) = get("queue", owner="lea")["leads"]
    assert mine["owner"] == "lea"
    assert len(get("queue", grade=mine["grade"], owner="lea")["leads"]) == 1
    assert get("queue", owner="paul")["leads"] == []


def test_unscored_says_whether_a_model_is_missing(get: Get, installation: Installation) -> None:
    take_in(installation, leads(1))
    (lead,) = get("queue")["leads"]
    assert (lead["unscored_reason"], lead["next_action"]["code"]) == ("no_model", "not_scored_yet")
    publish_a_model(installation)
    assert get("queue")["leads"][0]["unscored_reason"] == "not_yet"
    assert get(f"leads/{lead['lead_id']}")["unscored_reason"] == "not_yet"


def test_scores_and_timeline_can_be_read_page_by_page(get: Get, installation: Installation) -> None:
    publish_a_model(installation)
    for n, one in enumerate([created(), *(event(f"v{n}", "crm.page.viewed", hours=n + 1) for n in range(5))]):
        take_in(installation, [one])
        assert only_lead(installation)["score_version"] == n + 1
    lead_id = only_lead(installation)["lead_id"]
    scores = pages(get, f"leads/{lead_id}/scores", "scores", limit=2)
    assert [score["score_version"] for score in scores] == [6, 5, 4, 3, 2, 1]
    events = pages(get, f"leads/{lead_id}/timeline", "events", limit=4)
    assert [one["id"] for one in events] == ["v4", "v3", "v2", "v1", "v0", "created"]
    assert get(f"leads/{lead_id}/scores", status=400, cursor="nonsense")["title"] == "Cursor not valid"


def test_a_lead_is_found_by_what_a_source_calls_it(get: Get, installation: Installation) -> None:
    publish_a_model(installation)
    take_in(installation, [created(subject="A-1")])
    lead = get("leads", external_id="A-1")
    assert lead["external_ids"] == [{"source": "crm", "subject": "A-1"}]
    assert lead["attributes"] == {"size": "large"}
    score = lead["score"]
    total = score["base_log_odds"] + sum(reason["contribution"] for reason in score["all_reasons"])
    assert total == pytest.approx(score["log_odds"])
    assert get("leads", status=404, external_id="none")["title"] == "No such lead"
    take_in(
        installation, [created("other", source="shop", subject="A-1", lead={"email": "other@example.fr"})]
    )
    assert "Two leads" in get("leads", status=409, external_id="A-1")["title"]


def test_an_erased_lead_is_no_lead(get: Get, installation: Installation) -> None:
    take_in(installation, [created(), event("gone", "crm.lead.erased", hours=1)])
    lead_id = only_lead(installation)["lead_id"]
    for path in (f"leads/{lead_id}", f"leads/{lead_id}/timeline", f"leads/{lead_id}/scores"):
        assert get(path, status=404)["title"] == "No such lead"
    assert get("queue")["leads"] == []


def test_status_and_models_tell_what_there_is(
    get: Get, client: FlaskClient, installation: Installation
) -> None:
    version = publish_a_model(installation)
    take_in(installation, [*leads(2), event("won", "crm.lead.converted", subject="1", hours=2)])
    status = get("status")
    assert (status["events_waiting"], status["leads_open"], status["leads_won"]) == (0, 1, 1)
    assert status["model_version"] == version
    (model,) = get("models")["models"]
    assert (model["model_version"], model["published"]) == (version, True)
    assert len(get("thresholds")["thresholds"]) == 1
    asked = client.post("/v1/trainings")
    training = asked.get_json()
    assert (asked.status_code, training["status"]) == (202, "queued")
    assert get(f"trainings/{training['training_id']}")["status"] == "queued"
    assert rows(installation, "SELECT 1 FROM training")


def test_a_person_brings_an_earlier_model_back_and_says_why(installation: Installation) -> None:
    earlier, later = publish_a_model(installation), publish_a_model(installation, seed=2)
    manager = installation.person("marketing")
    with running_api(create_app, ScoringSettings, installation, installation.person_token(manager)) as client:
        refused = client.post(f"/v1/models/{later}/publish", json={"comment": "again"})
        assert (refused.status_code, refused.json["detail"]) == (409, "It is the current model already.")
        assert client.post(f"/v1/models/{earlier}/publish", json={"comment": ""}).status_code == 422
        assert client.post("/v1/models/none/publish", json={"comment": "why"}).status_code == 404
        done = client.post(f"/v1/models/{earlier}/publish", json={"comment": "ranks resellers too high"})
        assert done.status_code == 200, done.text
        told = client.get("/v1/models").json
    assert {one["model_version"]: one["published"] for one in told["models"]} == {earlier: True, later: False}
    assert [(one["model_version"], one["comment"]) for one in told["publications"]] == [
        (earlier, "ranks resellers too high"), (later, ""), (earlier, ""),
    ]  # fmt: skip
    assert told["publications"][0]["published_by"] == manager.name
    with installation.connect(store.SCHEMA) as connection:
        serving = Registry().published(connection)
    assert serving is not None
    assert serving.model.version == earlier
    (cuts,) = rows(installation, "SELECT cuts FROM model WHERE model_version = %s", earlier)
    assert serving.policy.cuts == cuts["cuts"], "its own grades come back with it"


def test_a_damaged_model_is_told_with_what_serves_and_since_when_until_another_is_published(
    get: Get, installation: Installation
) -> None:
    good, damaged = publish_a_model(installation), publish_a_model(installation, seed=2)
    loaded, restarted = Registry(), Registry()

    def look(registry: Registry) -> dict[str, Any] | None:
        with installation.connect(store.SCHEMA) as connection:
            registry.watch(connection)
        told: dict[str, Any] | None = get("status")["model_refused"]
        return told

    assert look(loaded) is None
    rows(installation, "UPDATE model SET artifact = 'cut' WHERE model_version = %s RETURNING 1", damaged)
    told = look(loaded)
    assert told, "damaged once it was loaded"
    assert (told["version"], told["serving"]) == (damaged, damaged)
    assert "until it is restarted" in told["detail"]
    again = look(restarted)
    assert again
    assert (again["version"], again["serving"], again["since"]) == (damaged, good, told["since"])
    for words in (damaged, good, "POST /v1/models/<version>/publish", "eclaireur train"):
        assert words in again["detail"]
    assert get("models")["refused"] == again
    assert get("status")["model_version"] == get("queue")["model"]["version"] == good
    take_in(installation, [created()], registry=restarted)
    assert only_lead(installation)["model_version"] == good

    token = installation.person_token(installation.person("marketing"))
    with running_api(create_app, ScoringSettings, installation, token) as marketing:
        done = marketing.post(f"/v1/models/{good}/publish", json={"comment": "the other is damaged"})
        assert done.status_code == 200, done.text
    assert look(restarted) is None
    assert (get("status")["model_version"], get("models")["refused"]) == (good, None)


def test_where_no_model_loads_leads_stay_unscored_and_the_status_says_it(
    get: Get, installation: Installation
) -> None:
    version, registry = publish_a_model(installation), Registry()
    rows(installation, "UPDATE model SET artifact = 'cut' RETURNING 1")
    take_in(installation, [created()], registry=registry)
    with installation.connect(store.SCHEMA) as connection:
        registry.watch(connection)
    told = get("status")
    assert (told["model_version"], told["model_refused"]["version"]) == (None, version)
    assert "nobody is scored" in told["model_refused"]["detail"]
    assert get("queue")["leads"][0]["unscored_reason"] == "no_model"


def test_a_machine_publishes_no_model_and_a_damaged_file_is_not_published(
    client: FlaskClient, installation: Installation
) -> None:
    earlier, _ = publish_a_model(installation), publish_a_model(installation, seed=2)
    assert client.post(f"/v1/models/{earlier}/publish", json={"comment": "why"}).status_code == 403
    rows(
        installation,
        "UPDATE model SET artifact = 'cut short' WHERE model_version = %s RETURNING 1", earlier,
    )  # fmt: skip
    token = installation.person_token(installation.person("marketing"))
    headers = {"Authorization": f"Bearer {token}"}
    refused = client.post(f"/v1/models/{earlier}/publish", json={"comment": "why"}, headers=headers)
    assert refused.status_code == 409
    assert "damaged" in refused.json["detail"]
