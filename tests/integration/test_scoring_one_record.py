"""Visitors who become known; leads that a person merges, splits and takes apart again."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from services.scoring import comparing, handlers, regrouping, settling, store
from services.scoring.app import create_app
from services.scoring.registry import Registry
from services.scoring.settings import ScoringSettings
from shared.contracts.topics import LEAD_SCORED
from shared.contracts.validation import check
from tests.harness.clients import running_api
from tests.harness.history import (
    count,
    created,
    event,
    only_lead,
    publish_a_model,
    published,
    records,
    replies,
    reply,
    rows,
    take_in,
)
from tests.harness.platform import Installation
from tests.harness.processes import wait_until

BROWSER = {"external_ids": {"anonymous": "browser-1"}}


def visit(event_id: str, hours: float = 0, **lead: Any) -> dict[str, Any]:
    """A page seen by someone not known."""
    about = {**BROWSER, **lead}
    return event(event_id, "crm.page.viewed", hours=hours, source="site", subject=None, lead=about)


def told(event_id: str = "form", hours: float = 5, **lead: Any) -> dict[str, Any]:
    """The form by which the browser's person is known."""
    about = {**BROWSER, "email": "claire@example.fr", **lead}
    return event(event_id, "crm.form.submitted", hours=hours, source="site", subject=None, lead=about)


def standing(installation: Installation) -> list[dict[str, Any]]:
    return rows(installation, "SELECT * FROM lead WHERE status <> 'merged' ORDER BY lead_id")


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    with running_api(
        create_app, ScoringSettings, installation, installation.person_token(installation.person())
    ) as made:
        yield made


def post(client: FlaskClient, path: str, status: int = 200, **body: Any) -> Any:
    response = client.post(f"/v1/{path}", json=body)
    assert response.status_code == status, response.text
    return response.json


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    response = client.get(f"/v1/{path}")
    assert response.status_code == status, response.text
    return response.json


def two_leads(installation: Installation) -> tuple[UUID, UUID]:
    """Claire, twice: in the CRM, and by a form under another address."""
    take_in(installation, [created(owner="lea")])
    (first,) = standing(installation)
    other = {"email": "c.martin@autre.fr", "name": "Claire M.", "attributes": {"size": "small"}}
    take_in(installation, [created("form", source="forms", subject="A-7", lead=other, hours=2)])
    (second,) = (row for row in standing(installation) if row["lead_id"] != first["lead_id"])
    return first["lead_id"], second["lead_id"]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "batch by batch"])
def test_a_visitor_joins_the_known_lead_whose_name_owner_and_id_stay(
    installation: Installation, together: bool
) -> None:
    take_in(installation, [created(owner="lea")])
    known = only_lead(installation)
    events = [visit("v1", 1), visit("v2", 2, name="Mickey"), told(hours=3), visit("v3", 4, name="Donald")]
    for batch in [events] if together else [[one] for one in events]:
        take_in(installation, batch)
    (lead,) = standing(installation)
    assert (lead["lead_id"], lead["name"], lead["owner"]) == (known["lead_id"], "Claire", "lea")
    assert sum(lead["state"]["activities"]["page_viewed"]["days"].values()) == 3
    assert count(installation, "suspected_duplicate") == 0
    (done,) = rows(installation, "SELECT * FROM regrouping")
    assert (done["rule"], done["lead_id"], done["decided_by"]) == ("anonymous_visit", known["lead_id"], None)


def test_snapshots_before_a_visitor_was_known_hold_nothing_of_the_visits(installation: Installation) -> None:
    take_in(installation, [created(), visit("v1", 24), told(hours=48)])
    (lead,) = standing(installation)
    found = rows(
        installation, "SELECT kind, features FROM snapshot WHERE lead_id = %s ORDER BY 1", lead["lead_id"]
    )
    visits = [(one["kind"], one["features"].get("activity.page_viewed.count", 0)) for one in found]
    assert visits == [("before_event", 0), ("end_of_day", 0), ("end_of_day", 1)]


def test_a_browser_of_two_people_merges_neither(installation: Installation) -> None:
    take_in(installation, [told(), told("other", 6, email="paul@example.fr"), visit("v", 7)])
    assert len(standing(installation)) == 2
    (pair,) = rows(installation, "SELECT why, status FROM suspected_duplicate")
    assert pair == {"why": {"anonymous": {}}, "status": "waiting"}


def test_a_source_that_says_two_of_its_records_are_one_is_believed_or_proposed(
    installation: Installation, client: FlaskClient
) -> None:
    same = {"external_ids": {"crm": "2"}}
    take_in(installation, [created(), event("m", "crm.lead.updated", hours=1, lead=same)])
    take_in(installation, [event("2", "crm.lead.updated", hours=2, subject="2", lead={})])
    assert len(standing(installation)) == 1, "a record not met before is the one it was said to be"
    take_in(installation, [event("3", "crm.lead.updated", hours=3, subject="3", lead={})])
    take_in(installation, [event("4", hours=4, subject="3", lead={"external_ids": {"crm": "1"}})])
    assert len(standing(installation)) == 2, "two known leads wait for a person"
    (pair,) = get(client, "duplicates")["duplicates"]
    assert (pair["score"], pair["why"][0]["code"]) == (1.0, "subject")


def merged_at_source(
    event_id: str = "merge", gone: str = "2", into: Any = "1", hours: float = 9
) -> dict[str, Any]:
    """What a CRM says once a person merged two of its records there."""
    told = event(event_id, "crm.lead.updated", hours=hours, subject=gone, lead={})
    return told | {"data": {**told["data"], "merged_into": into}}


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "batch by batch"])
def test_what_a_source_merged_is_one_lead_of_the_record_that_stays(
    installation: Installation, client: FlaskClient, together: bool
) -> None:
    publish_a_model(installation)
    events = [
        created(owner="lea"),
        created("2", subject="2", lead={"email": "c@autre.fr", "attributes": {"size": "small"}}, hours=1),
        created("3", subject="3", lead={"email": "d@autre.fr"}, hours=1),
        event("seen", "crm.page.viewed", hours=2, subject="2", lead={}),
        merged_at_source("m1", gone="3", into="2"),
        merged_at_source("m2", gone="2", into=1, hours=10),
        event("late", "crm.page.viewed", hours=11, subject="3", lead={}),
    ]
    for batch in [events] if together else [[one] for one in events]:
        take_in(installation, batch)
    (lead,) = standing(installation)
    state = lead["state"]
    assert (lead["email"], lead["owner"]) == ("d@autre.fr", "lea")
    assert sum(state["activities"]["page_viewed"]["days"].values()) == 2
    assert state["registers"]["subject.crm"][0] == "3", "the latest event's, by whichever name it came"
    page = get(client, f"leads/{lead['lead_id']}")
    assert {(one["rule"], one["decided_name"]) for one in page["regroupings"]} == {
        ("merged_at_source", "crm")
    }
    assert len(page["merged_from"]) == 2
    assert get(client, "leads?external_id=2")["lead_id"] == str(lead["lead_id"])
    assert get(client, "duplicates")["duplicates"] == []
    assert lead["probability"] is not None


def test_a_persons_word_against_a_merge_stands(installation: Installation, client: FlaskClient) -> None:
    take_in(installation, [created(), created("2", subject="2", lead={"email": "c@autre.fr"}, hours=1)])
    before = {row["lead_id"]: row["state"] for row in standing(installation)}
    take_in(installation, [merged_at_source()])
    (lead,) = standing(installation)
    (done,) = get(client, f"leads/{lead['lead_id']}")["regroupings"]
    post(client, f"regroupings/{done['regrouping_id']}/undo")
    after = {row["lead_id"]: row["state"] for row in standing(installation)}
    assert after.keys() == before.keys()
    assert after[lead["lead_id"]]["registers"] == before[lead["lead_id"]]["registers"]
    take_in(installation, [merged_at_source("again", hours=12)])
    assert len(standing(installation)) == 2
    (pair,) = get(client, "duplicates")["duplicates"]
    post(client, f"duplicates/{pair['duplicate_id']}/dismiss")
    take_in(installation, [merged_at_source("thrice", hours=14), merged_at_source("back", "1", "2", 15)])
    assert len(standing(installation)) == 2


def test_an_erased_lead_is_merged_with_nobody(installation: Installation) -> None:
    take_in(installation, [created(), created("2", subject="2", lead={"email": "c@autre.fr"}, hours=1)])
    take_in(installation, [event("gone", "crm.lead.erased", hours=2, lead={})])
    take_in(installation, [merged_at_source()])
    assert sorted(row["status"] for row in standing(installation)) == ["erased", "open"]


def test_merged_and_undone_everything_is_as_before(installation: Installation, client: FlaskClient) -> None:
    first, second = two_leads(installation)
    before = {row["lead_id"]: row for row in standing(installation)}
    done = post(client, f"leads/{first}/merge", other_id=str(second), comment="same phone")
    (lead,) = standing(installation)
    assert lead["lead_id"] == first
    assert {"subject.crm", "subject.forms"} <= lead["state"]["registers"].keys()
    page = get(client, f"leads/{second}")
    assert (page["lead_id"], page["asked_lead_id"], page["merged_from"]) == (
        str(first),
        str(second),
        [str(second)],
    )
    assert page["regroupings"][0]["decided_name"] == "Léa Martin"
    assert page["regroupings"][0]["comment"] == "same phone"
    assert get(client, "leads?external_id=A-7")["lead_id"] == str(first)
    assert len(get(client, f"leads/{second}/timeline")["events"]) == 2
    post(client, f"regroupings/{done['regrouping_id']}/undo")
    post(client, f"regroupings/{done['regrouping_id']}/undo", 409)
    told_of = (
        "state",
        "name",
        "email",
        "owner",
        "status",
        "created_at",
        "last_activity_at",
        "source",
        "account",
    )
    for row in standing(installation):
        assert {name: row[name] for name in told_of} == {
            name: before[row["lead_id"]][name] for name in told_of
        }


def test_a_chain_of_merges_resolves_and_comes_apart_in_any_order(
    installation: Installation, client: FlaskClient
) -> None:
    first, second = two_leads(installation)
    take_in(installation, [created("c", source="mail", subject="m-1", lead={"email": "c@c.fr"}, hours=3)])
    (third,) = {row["lead_id"] for row in standing(installation)} - {first, second}
    before = {row["lead_id"]: row["state"] for row in standing(installation)}
    one = post(client, f"leads/{second}/merge", other_id=str(first))
    post(client, f"leads/{third}/merge", other_id=str(second))
    assert get(client, f"leads/{first}")["lead_id"] == str(third)
    post(client, f"regroupings/{one['regrouping_id']}/undo")
    after = {row["lead_id"]: row["state"] for row in standing(installation)}
    assert after.keys() == {first, third}
    assert after[first] == before[first]
    assert get(client, f"leads/{second}")["lead_id"] == str(third)


def test_a_merge_is_announced_and_the_survivor_scored_again(
    installation: Installation, client: FlaskClient
) -> None:
    publish_a_model(installation)
    first, second = two_leads(installation)
    score = rows(installation, "SELECT max(score_version) AS n FROM score WHERE lead_id = %s", first)[0]["n"]
    post(client, f"leads/{first}/merge", other_id=str(second))
    gone = published(installation, LEAD_SCORED)[-1]
    check(gone, "lead.scored")
    assert (gone["lead_id"], gone["status"], gone["merged_into"]) == (str(second), "merged", str(first))
    assert (gone["score_version"], gone["probability"]) == (2, None)
    refresh(installation)
    (lead,) = standing(installation)
    assert lead["score_version"] == score + 1
    assert published(installation, LEAD_SCORED)[-1]["lead_id"] == str(first)
    assert {one["source"] for one in published(installation, LEAD_SCORED)[-1]["external_ids"]} == {
        "crm",
        "forms",
    }


def refresh(installation: Installation) -> int:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    now = datetime.now(UTC)
    with installation.connect(store.SCHEMA) as connection, connection.transaction():
        return handlers.refresh(
            connection, Registry(), as_of=now, before=now - timedelta(days=36500), limit=100, demo=False
        )


def test_an_identity_split_off_takes_its_events_to_a_lead_of_its_own(
    installation: Installation, client: FlaskClient
) -> None:
    first, second = two_leads(installation)
    post(client, f"leads/{first}/merge", other_id=str(second))
    identities = get(client, f"leads/{first}")["identities"]
    form = next(i for i in identities if i["value"] == "A-7")
    mail = next(i for i in identities if i["value"] == "c.martin@autre.fr")
    assert form["events"] == 1
    post(client, f"leads/{first}/split", 409, identity_ids=[i["identity_id"] for i in identities])
    post(client, f"leads/{first}/split", 409, identity_ids=[mail["identity_id"]])
    assert len(standing(installation)) == 1, "nothing of a split that is refused stays"
    done = post(client, f"leads/{first}/split", identity_ids=[form["identity_id"], mail["identity_id"]])
    new = get(client, f"leads/{done['new_lead_id']}")
    assert (new["name"], new["email"], new["attributes"]) == (
        "Claire M.",
        "c.martin@autre.fr",
        {"size": "small"},
    )
    assert get(client, f"leads/{first}")["name"] == "Claire"
    post(client, f"regroupings/{done['regrouping_id']}/undo")
    assert get(client, f"leads/{done['new_lead_id']}")["lead_id"] == str(first)


def test_the_draft_of_a_merged_lead_is_shown_by_the_survivor(
    installation: Installation, client: FlaskClient
) -> None:
    first, second = two_leads(installation)
    draft = str(uuid4())
    replies(installation, reply("drafted", 3, str(second), draft))
    done = post(client, f"leads/{first}/merge", other_id=str(second))
    assert get(client, f"leads/{first}")["draft"] == {"draft_id": draft, "status": "waiting"}
    replies(installation, reply("rejected", 4, str(second), draft))
    assert get(client, f"leads/{first}")["draft"]["status"] == "rejected"
    post(client, f"regroupings/{done['regrouping_id']}/undo")
    assert get(client, f"leads/{first}")["draft"] is None
    assert get(client, f"leads/{second}")["draft"]["status"] == "rejected"


def test_erasing_reaches_every_identity_of_a_merged_lead(
    installation: Installation, client: FlaskClient
) -> None:
    publish_a_model(installation)
    first, second = two_leads(installation)
    done = post(client, f"leads/{first}/merge", other_id=str(second))
    gone = event("gone", "crm.lead.erased", hours=9, source="forms", subject="A-7", lead={})
    take_in(installation, [gone])
    for lead in (first, second):
        get(client, f"leads/{lead}", 404)
        get(client, f"leads/{lead}/timeline", 404)
    records_of = {"crm": "1", "forms": "A-7"}
    for n, (source, subject) in enumerate(records_of.items()):
        take_in(installation, [created(f"late {n}", source=source, subject=subject, hours=10)])
    (row,) = standing(installation)
    assert (row["status"], row["name"], row["email"]) == ("erased", None, None)
    tombstones = [r["key"] for r in rows(installation, "SELECT key FROM outbox WHERE value IS NULL")]
    assert set(tombstones) == {str(first), str(second)}
    assert "claire" not in repr(rows(installation, "SELECT * FROM lead")).lower()
    post(client, f"regroupings/{done['regrouping_id']}/undo", 404)


def test_events_that_come_during_a_merge_reach_the_survivor(installation: Installation) -> None:
    first, second = two_leads(installation)
    batch = records(
        [
            event("late 1", "crm.page.viewed", hours=5, lead={}),
            event("late 2", "crm.page.viewed", hours=6, source="forms", subject="A-7", lead={}),
        ]
    )

    def take_batch() -> None:
        with installation.connect(store.SCHEMA) as connection, connection.transaction():
            handlers.on_events(connection, batch, Registry())

    worker = threading.Thread(target=take_batch)
    with installation.connect(store.SCHEMA) as connection, connection.transaction():
        regrouping.merge(connection, first, second, decision())
        worker.start()  # it has read who they are, and waits for the rows
        blocked = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        wait_until(lambda: rows(installation, blocked), what="the batch, waiting for the merge")
    worker.join(30)
    (lead,) = standing(installation)
    assert lead["lead_id"] == first
    assert sum(lead["state"]["activities"]["page_viewed"]["days"].values()) == 2


def test_batches_and_merges_at_once_end_with_every_event_counted(
    installation: Installation, client: FlaskClient
) -> None:
    first, second = two_leads(installation)
    failed: list[BaseException] = []

    def take_many(source: str, subject: str) -> None:
        try:
            for n in range(25):
                one = event(
                    f"{source} {n}", "crm.page.viewed", hours=n, source=source, subject=subject, lead={}
                )
                take_in(installation, [one])
        except BaseException as error:
            failed.append(error)

    workers = [threading.Thread(target=take_many, args=who) for who in (("crm", "1"), ("forms", "A-7"))]
    for worker in workers:
        worker.start()
    for _ in range(4):
        done = post(client, f"leads/{first}/merge", other_id=str(second))
        post(client, f"regroupings/{done['regrouping_id']}/undo")
    for worker in workers:
        worker.join(120)
    assert not failed
    seen = {
        row["lead_id"]: sum(row["state"]["activities"]["page_viewed"]["days"].values())
        for row in standing(installation)
    }
    assert seen == {first: 25, second: 25}


def decision() -> regrouping.Decision:
    from datetime import UTC, datetime  # noqa: PLC0415

    return regrouping.Decision("1", "Léa", datetime.now(UTC))


def test_who_looks_alike_is_proposed_with_reasons_and_settled_once(
    installation: Installation, client: FlaskClient
) -> None:
    one = {"email": "claire.martin@hydromeca.fr", "name": "Claire Martin", "company": "Hydromeca SAS"}
    other = {"email": "cmartin@hydromeca.fr", "name": "MARTIN Clairé", "company": "HYDROMECA"}
    third = {"email": "paul@hydromeca.fr", "name": "Paul Durand", "company": "Hydromeca"}
    for n, lead in enumerate((one, other, third)):
        take_in(installation, [created(f"c{n}", subject=str(n), lead=lead)])
    compare(installation)
    answer = get(client, "duplicates")
    (pair,) = answer["duplicates"]
    assert answer["waiting"] == 1
    assert {why["code"] for why in pair["why"]} == {"same_name", "same_account", "same_company"}
    assert all(why["text"] for why in pair["why"])
    assert {"name", "email", "company"} <= set(pair["differs"])
    path = f"duplicates/{pair['duplicate_id']}"
    post(client, f"{path}/dismiss")
    post(client, f"{path}/merge", 409, survivor_id=pair["leads"][0]["lead_id"])
    post(client, f"{path}/reopen")
    post(client, f"{path}/merge", 422, survivor_id=str(uuid4()))
    done = post(client, f"{path}/merge", survivor_id=pair["leads"][1]["lead_id"])
    assert get(client, path)["status"] == "merged"
    assert get(client, path)["decided_name"] == "Léa Martin"
    post(client, f"regroupings/{done['regrouping_id']}/undo")
    assert get(client, path)["status"] == "waiting"
    compare(installation)
    assert get(client, "duplicates")["waiting"] == 1


def compare(installation: Installation) -> None:
    with installation.connect(store.SCHEMA) as connection, connection.transaction():
        comparing.compare(connection, limit=100)


def test_sources_that_disagree_are_settled_by_priority_and_lose_nothing(
    installation: Installation, client: FlaskClient
) -> None:
    publish_a_model(installation)
    take_in(installation, [created()])
    take_in(
        installation,
        [
            created(
                "f",
                source="forms",
                subject="f1",
                hours=2,
                lead={**created()["data"]["lead"], "name": "Clara", "attributes": {"size": "small"}},
            )
        ],
    )
    assert only_lead(installation)["name"] == "Clara", "without priorities the latest word counts"
    response = client.put("/v1/source-priorities", json={"after": 0, "sources": ["crm"]})
    assert response.status_code == 403, "a rep may not"
    client.environ_base["HTTP_AUTHORIZATION"] = (
        f"Bearer {installation.person_token(installation.person('marketing', 'm@example.fr', 'Max'))}"
    )
    asked = {"after": 0, "sources": ["crm"], "fields": {"attribute.size": ["forms", "crm"]}}
    assert client.put("/v1/source-priorities", json=asked).status_code == 200
    assert client.put("/v1/source-priorities", json=asked).status_code == 409
    held = get(client, "source-priorities")
    assert (held["version"], held["set_name"], len(held["versions"])) == (1, "Max", 1)
    with installation.connect(store.SCHEMA) as connection, connection.transaction():
        assert settling.settle(connection, limit=10) == 1
        assert settling.settle(connection, limit=10) == 0
    assert only_lead(installation)["name"] == "Claire"
    refresh(installation)
    snapshot = rows(installation, "SELECT features FROM snapshot ORDER BY snapshot_id DESC LIMIT 1")[0]
    assert snapshot["features"]["attribute.size"] == "small"
    page = get(client, f"leads/{only_lead(installation)['lead_id']}")
    name = next(field for field in page["fields"] if field["field"] == "name")
    assert (name["value"], name["source"]) == ("Claire", "crm")
    assert [(other["value"], other["source"]) for other in name["others"]] == [("Clara", "forms")]


def test_a_company_is_told_by_siren_or_domain_and_merges_nobody(
    installation: Installation, client: FlaskClient
) -> None:
    for n, lead in enumerate(
        (
            {"email": "a@hydromeca.fr", "attributes": {"siret": "732 829 320 00074"}},
            {"email": "b@hydromeca.fr", "attributes": {"siren": 732829320}},
            {"email": "c@mail.hydromeca.fr"},
            {"email": "d@gmail.com"},
        )
    ):
        take_in(installation, [created(f"c{n}", subject=str(n), lead=lead)])
    found = rows(installation, "SELECT email, account, lead_id FROM lead ORDER BY email")
    assert [row["account"] for row in found] == [
        "siren:732829320",
        "siren:732829320",
        "domain:hydromeca.fr",
        None,
    ]
    account = get(client, f"leads/{found[0]['lead_id']}")["account"]
    assert [other["lead_id"] for other in account["others"]] == [str(found[1]["lead_id"])]
