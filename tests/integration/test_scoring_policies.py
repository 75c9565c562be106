"""Policies on the real Postgres: drafts, publishing, rolling back, rules, and the worker that follows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.scoring import store
from services.scoring.app import create_app
from services.scoring.registry import Registry
from services.scoring.settings import ScoringSettings
from services.scoring.worker import refresh_stale
from shared.contracts.topics import LEAD_GRADE_CHANGED
from shared.contracts.validation import check
from shared.postgres import Pool, connect_pool
from tests.harness.clients import running_api
from tests.harness.history import created, event, publish_a_model, published, rows, take_in
from tests.harness.platform import Installation

LOOSE = {"A": 0.0, "B": 0.0, "C": 0.0}
STRICT = {"A": 1.0, "B": 1.0, "C": 1.0}


@pytest.fixture
def marketing(installation: Installation) -> Iterator[FlaskClient]:
    token = installation.person_token(installation.person("marketing"))
    with running_api(create_app, ScoringSettings, installation, token) as made:
        yield made


@pytest.fixture
def catch_up(installation: Installation) -> Iterator[Callable[[], None]]:
    """The worker's background work, until there is none; always the same registry, as without a restart."""
    registry = Registry()
    with connect_pool(installation.database_url, schema=store.SCHEMA) as pool:
        yield lambda: _until_done(pool, registry, installation)


def _until_done(pool: Pool, registry: Registry, installation: Installation) -> None:
    settings = ScoringSettings(
        database_url=installation.database_url,
        kafka_bootstrap_servers=installation.platform.bootstrap,
        token_secret=installation.token_secret,
    )
    while refresh_stale(pool, registry, settings):
        pass


def leads(*sizes: str) -> list[dict[str, Any]]:
    return [
        created(
            f"c{n}",
            subject=str(n),
            lead={"email": f"l{n}@example.fr", "company": f"Company {n}", "attributes": {"size": size}},
        )
        for n, size in enumerate(sizes)
    ]


def draft(client: FlaskClient, status: int = 201, **policy: Any) -> Any:
    answer = client.post("/v1/policies", json={"policy": policy, "comment": "try"})
    assert answer.status_code == status, answer.text
    return answer.json


def publish(client: FlaskClient, version: int, status: int = 200, **more: Any) -> Any:
    answer = client.post(f"/v1/policies/{version}/publish", json={"comment": "because", **more})
    assert answer.status_code == status, answer.text
    return answer.json


def grades(installation: Installation) -> list[str]:
    return [row["grade"] for row in rows(installation, "SELECT grade FROM lead ORDER BY email")]


def by_probability(cuts: dict[str, float]) -> dict[str, Any]:
    return {"grades": {"by": "probability", "all": cuts}}


def test_a_published_policy_grades_again_what_is_open_and_an_earlier_one_comes_back(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    take_in(installation, leads("large", "small", "middle"))
    catch_up()
    before = grades(installation)
    version = draft(marketing, **by_probability(LOOSE))["version"]
    catch_up()
    assert grades(installation) == before, "a draft has no effect"

    assert publish(marketing, version)["cuts"] == LOOSE
    catch_up()
    assert grades(installation) == ["A", "A", "A"]
    changes = published(installation, LEAD_GRADE_CHANGED)
    for change in changes:
        check(change, "lead.grade.changed")
    assert sorted(change["from"] for change in changes) == sorted(grade for grade in before if grade != "A")
    assert {change["threshold_version"] for change in changes} <= {version}
    (scored_by,) = {
        row["threshold_version"] for row in rows(installation, "SELECT threshold_version FROM lead")
    }
    assert scored_by == version

    publish(marketing, 1)
    catch_up()
    assert grades(installation) == before
    told = marketing.get("/v1/policies").json
    assert told["in_force"] == 1
    assert [(one["threshold_version"], one["comment"]) for one in told["publications"]] == [
        (1, "because"), (version, "because"), (1, ""),
    ]  # fmt: skip
    assert publish(marketing, 1, 409)["detail"] == "It is in force already."
    assert marketing.get("/v1/thresholds").json["thresholds"][0]["cuts"] == LOOSE


def test_a_rule_that_excludes_takes_leads_out_of_the_queue_and_says_why(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    take_in(installation, leads("large", "small"))
    rule = {
        "when": {"field": "company", "op": "is", "value": "company 0"},
        "do": "exclude",
        "reason": "Concurrent",
    }
    capped = {
        "when": {"field": "attribute.size", "op": "is", "value": "small"},
        "do": "cap",
        "grade": "C",
        "reason": "Trop petit",
    }
    rules = {"rules": [rule, capped], **by_probability(LOOSE)}
    publish(marketing, draft(marketing, **rules)["version"])
    catch_up()
    queue = marketing.get("/v1/queue").json
    (shown,) = queue["leads"]
    assert (shown["company"], shown["grade"]) == ("Company 1", "C")
    assert shown["rules"] == [{"do": "cap", "grade": "C", "reason": "Trop petit"}]
    assert (queue["counts"]["C"], queue["counts"]["excluded"], queue["counts"]["open"]) == (1, 1, 2)
    (out,) = marketing.get("/v1/queue?excluded=true").json["leads"]
    assert (out["company"], out["excluded"], out["rules"][0]["reason"]) == ("Company 0", True, "Concurrent")
    page = marketing.get(f"/v1/leads/{shown['lead_id']}").json
    assert (page["rules"], page["excluded"]) == (shown["rules"], False)

    take_in(installation, [event("back", "crm.lead.updated", subject="0", hours=2,
                                 lead={"email": "l0@example.fr", "company": "Another"})])  # fmt: skip
    assert len(marketing.get("/v1/queue").json["leads"]) == 2, "it is looked at with each event"


def test_the_queue_may_be_ordered_by_expected_value_and_says_what_it_assumes(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    came = leads("large", "small", "small", "small")
    assert (
        "No open lead has an amount"
        in publish(marketing, draft(marketing, priority={"by": "expected_value"})["version"], 409)["detail"]
    )
    for lead, amount in zip(came[1:], (90_000, 10, 10), strict=True):
        lead["data"]["amount"] = amount
    take_in(installation, came)
    catch_up()
    before = [one["company"] for one in marketing.get("/v1/queue").json["leads"]]
    assert before[0] == "Company 0"

    tried = marketing.post("/v1/simulations", json={"policy": {"priority": {"by": "expected_value"}}}).json
    assert [one["company"] for one in tried["queue"]["leads"]][:2] == ["Company 1", "Company 0"]
    version = draft(marketing, priority={"by": "expected_value"})["version"]
    assert publish(marketing, version)["cuts"]["amounts"] == {"all": 10.0, "segments": {}}
    catch_up()
    shown = marketing.get("/v1/queue").json["leads"]
    assert [one["company"] for one in shown][:2] == ["Company 1", "Company 0"]
    assumed = shown[1]["expected_value"]
    assert (assumed["amount"], assumed["assumed"], assumed["segment"]) == (10.0, True, None)
    assert "la médiane des prospects ouverts" in assumed["text"]
    page = marketing.get(f"/v1/leads/{shown[0]['lead_id']}", headers={"Accept-Language": "en"}).json
    assert "× 90,000 × urgency 0.1 = " in page["expected_value"]["text"]
    first = marketing.get("/v1/queue?limit=1").json
    rest = marketing.get(f"/v1/queue?cursor={first['next_cursor']}").json["leads"]
    assert [one["company"] for one in first["leads"] + rest] == [one["company"] for one in shown]

    publish_a_model(installation, seed=2)
    catch_up()
    assert marketing.get("/v1/queue").json["leads"][0]["expected_value"], "another model, the same amounts"
    publish(marketing, 1)
    catch_up()
    again = marketing.get("/v1/queue").json["leads"]
    assert [one["expected_value"] for one in again] == [None] * 4


def test_next_actions_may_look_at_a_leads_fields_and_first_contact_has_a_deadline(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    take_in(installation, leads("large"))
    action = {
        "when": {"field": "attribute.size", "op": "is", "value": "Large"},
        "action": "Envoyer le catalogue",
        "owner": "Léa",
        "due": "first_contact",
        "reason": "Les grands le demandent",
    }
    publish(
        marketing,
        draft(marketing, next_actions=[action], **by_probability(LOOSE))["version"],
    )
    catch_up()
    (lead,) = marketing.get("/v1/queue").json["leads"]
    told = lead["next_action"]
    assert (told["text"], told["owner"], told["reason"]) == (
        "Envoyer le catalogue", "Léa", "Les grands le demandent",
    )  # fmt: skip
    assert told["due"] == lead["first_contact_due"]
    since = rows(installation, "SELECT grade_since FROM lead")[0]["grade_since"]
    assert since < datetime.fromisoformat(told["due"]) < since + timedelta(days=5)

    take_in(installation, [event("call", "crm.call.logged", subject="0", hours=3)])
    (lead,) = marketing.get("/v1/queue").json["leads"]
    assert lead["contacted_at"]
    assert lead["first_contact_due"] is lead["next_action"]["due"] is None


def test_shares_of_leads_are_settled_at_publication_and_once_a_day(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    take_in(installation, leads(*["large"] * 2, *["small"] * 6))
    share = {"grades": {"by": "capacity", "all": {"A": 2, "B": 2, "C": 2}}}
    version = draft(marketing, **share)["version"]
    publish(marketing, version)
    catch_up()
    assert grades(installation)[:2] == ["A", "A"]
    assert "A" not in grades(installation)[2:]

    more = [
        created(f"n{n}", subject=f"n{n}", lead={"email": f"n{n}@example.fr", "attributes": {"size": "large"}})
        for n in range(5)
    ]
    take_in(installation, more)
    catch_up()
    assert marketing.get("/v1/policies").json["in_force"] == version, "not before a day has passed"
    rows(
        installation,
        "UPDATE threshold SET settled_at = now() - interval '25 h' WHERE threshold_version = %s RETURNING 1",
        version,
    )
    catch_up()
    told = marketing.get("/v1/policies").json
    assert told["in_force"] > version
    latest = told["publications"][0]
    assert (latest["version"], latest["published_by"]) == (version, "worker")
    leaning = rows(installation, "SELECT leans_to FROM lead WHERE grade = 'A'")
    assert leaning == [{"leans_to": "D"}] * 7, "seven tie for six places; a day decides"
    assert [one["version"] for one in told["policies"]] == [version, 1], "a refresh is no version of its own"
    assert marketing.get(f"/v1/policies/{told['in_force']}").json["version"] == version


def test_shares_of_no_leads_and_drafts_that_are_not_right_are_refused(
    installation: Installation, marketing: FlaskClient
) -> None:
    share = draft(marketing, grades={"by": "percentile", "all": {"A": 1, "B": 2, "C": 3}})["version"]
    assert "No lead is scored yet" in publish(marketing, share, 409)["detail"]
    assert "No lead is scored yet" in publish(marketing, draft(marketing)["version"], 409)["detail"]
    refused = draft(marketing, 422, rules=[{"when": {"field": "x", "op": "is"}, "do": "cap", "reason": "r"}])
    assert any("not a field of a lead" in error["error"] for error in refused["errors"])
    assert publish(marketing, 999, 404)["title"] == "No such policy"
    assert marketing.get("/v1/policies/999").status_code == 404
    assert publish(marketing, draft(marketing, **by_probability(STRICT))["version"])["published"]


def test_a_policy_waits_for_its_time_and_can_be_called_off(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    version = draft(marketing, **by_probability(LOOSE))["version"]
    later = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    off = publish(marketing, version, 202, at=later)["publication_id"]
    assert marketing.post(f"/v1/policies/publications/{off}/call-off").json["called_off"]
    assert marketing.post(f"/v1/policies/publications/{off}/call-off").status_code == 409
    waiting = publish(marketing, version, 202, at=later)["publication_id"]
    catch_up()
    assert marketing.get("/v1/policies").json["in_force"] == 1
    rows(
        installation,
        "UPDATE policy_publication SET due_at = now() WHERE publication_id IN (%s, %s) RETURNING 1",
        waiting, off,
    )  # fmt: skip
    catch_up()
    told = marketing.get("/v1/policies").json
    assert told["in_force"] == version
    assert told["publications"][0]["published_at"]
    assert told["publications"][1]["published_at"] is None


def test_a_machine_drafts_and_does_not_publish(installation: Installation) -> None:
    key = installation.key("thresholds:read", "thresholds:write")
    with running_api(create_app, ScoringSettings, installation, key) as client:
        version = draft(client, **by_probability(LOOSE))["version"]
        assert publish(client, version, 403)["title"] == "A person must decide this"


def test_a_policy_without_cuts_follows_the_model(installation: Installation, marketing: FlaskClient) -> None:
    publish_a_model(installation)
    rule = {"when": {"field": "company", "op": "known"}, "do": "cap", "grade": "B", "reason": "r"}
    version = draft(marketing, rules=[rule])["version"]
    first = publish(marketing, version)["cuts"]
    publish_a_model(installation, seed=2)
    told = marketing.get("/v1/policies").json
    current = marketing.get(f"/v1/policies/{told['in_force']}").json
    assert (current["version"], current["policy"]["rules"][0]["reason"]) == (version, "r")
    assert current["cuts"] != first


def test_a_policy_that_cannot_be_read_leaves_the_last_good_one(
    installation: Installation, marketing: FlaskClient
) -> None:
    publish_a_model(installation)
    registry = Registry()
    with installation.connect(store.SCHEMA) as connection:
        good = registry.published(connection)
        rows(
            installation,
            "INSERT INTO threshold (cuts, policy, created_by, published_at)"
            """ SELECT cuts, '{"from": "a later release"}', 'x', now() FROM threshold RETURNING 1""",
        )
        found = registry.published(connection)
    assert good is not None
    assert found is not None
    assert found.policy is good.policy


def test_a_simulation_says_what_publishing_then_does(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    take_in(installation, leads("large", "small", "middle"))
    catch_up()
    rule = {"field": "attribute.size", "op": "is", "value": "large"}
    policy = {"rules": [{"when": rule, "do": "exclude", "reason": "Trop grand"}], **by_probability(LOOSE)}
    answer = marketing.post("/v1/simulations", json={"policy": policy, "days": 90})
    assert answer.status_code == 200, answer.text
    told = answer.json
    assert (told["leads"], told["cuts"]) == (3, LOOSE)
    assert {grade: one["then"] for grade, one in told["grades"].items()} == {"A": 2, "B": 0, "C": 0, "D": 0}
    assert told["excluded"] == {"now": 0, "then": 1}
    (out,) = [lead for lead in told["moves"]["leads"] if lead["to"] == "excluded"]
    assert (out["company"], out["rules"][0]["reason"]) == ("Company 0", "Trop grand")
    assert told["grades"]["A"]["expected_wins_then"]["high"] > 0

    publish(marketing, draft(marketing, **policy)["version"])
    catch_up()
    counts = marketing.get("/v1/queue").json["counts"]
    assert (counts["A"], counts["excluded"]) == (2, 1)
    share = {"grades": {"by": "percentile", "all": {"A": 50, "B": 50, "C": 50}}}
    told = marketing.post("/v1/simulations", json={"policy": share}).json
    assert told["grades"]["A"]["then"] == 1, "half of three, no more"

    key = installation.key("thresholds:read")
    with running_api(create_app, ScoringSettings, installation, key) as client:
        moved = client.post("/v1/simulations", json={"policy": {}, "days": 1}).json["moves"]["leads"]
    assert moved
    assert "name" not in moved[0], "names are for those who may read leads"


def test_a_stand_in_takes_the_next_action_and_without_one_the_deadline_waits(
    installation: Installation, marketing: FlaskClient, catch_up: Callable[[], None]
) -> None:
    publish_a_model(installation)
    other = created("other", subject="2", owner="paul", lead={"email": "o@example.fr"})
    take_in(installation, [created(owner="lea"), other])
    publish(marketing, draft(marketing, **by_probability(LOOSE))["version"])
    catch_up()
    today = datetime.now(UTC).date()
    week = {"first_day": str(today), "last_day": str(today + timedelta(days=6))}
    before = {one["owner"]: one for one in marketing.get("/v1/queue").json["leads"]}

    def note(status: int = 201, **absence: Any) -> Any:
        answer = marketing.post("/v1/absences", json=week | absence)
        assert answer.status_code == status, answer.text
        return answer.json

    note(owner="lea", stand_in="anne")
    gone = note(owner="paul", first_day="2026-03-01", last_day="2026-03-31")["absence_id"]
    assert "someone else must stand in" in str(note(422, owner="lea", stand_in="lea"))
    assert "last_day must be" in str(note(422, owner="lea", last_day="2020-01-01"))
    after = {one["owner"]: one for one in marketing.get("/v1/queue").json["leads"]}
    told = after["lea"]["next_action"]
    assert (told["owner"], told["stands_in_for"]) == ("anne", "lea")
    assert after["lea"]["first_contact_due"] == before["lea"]["first_contact_due"]
    assert marketing.delete(f"/v1/absences/{gone}").json["removed"]
    assert marketing.delete(f"/v1/absences/{gone}").status_code == 404
    note(owner="paul")
    after = {one["owner"]: one for one in marketing.get("/v1/queue").json["leads"]}
    waits = datetime.fromisoformat(after["paul"]["first_contact_due"])
    assert waits >= datetime.fromisoformat(before["paul"]["first_contact_due"])
    assert [one["owner"] for one in marketing.get("/v1/absences").json["absences"]] == ["lea", "paul"]


def test_who_publishes_on_top_of_a_version_is_told_when_another_took_its_place(
    installation: Installation, marketing: FlaskClient
) -> None:
    publish_a_model(installation)
    mine, theirs = (draft(marketing, **by_probability(cuts))["version"] for cuts in (LOOSE, STRICT))
    publish(marketing, theirs, on_top_of=1)
    refused = publish(marketing, mine, 409, on_top_of=1)
    assert "Léa Martin published version 3 meanwhile" in refused["detail"]
    later = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    publish(marketing, mine, 409, on_top_of=1, at=later)
    told = marketing.get("/v1/policies").json
    assert (told["version_in_force"], len(told["publications"])) == (theirs, 2)
    publish(marketing, mine, on_top_of=theirs)


def test_the_distribution_counts_what_a_cut_counts(
    installation: Installation, marketing: FlaskClient
) -> None:
    publish_a_model(installation)
    take_in(installation, leads("large", "large", "small", "middle"))
    told = marketing.get("/v1/scores/distribution").json
    assert told["leads"] == 4
    for cut in (0.0, 0.05, 0.29, 0.5, 0.57, 0.95):
        policy = by_probability({"A": cut, "B": 0, "C": 0})
        then = marketing.post("/v1/simulations", json={"policy": policy}).json["grades"]["A"]
        above = [one for one in told["hundredths"] if one["hundredth"] >= round(100 * cut)]
        assert sum(one["leads"] for one in above) == then["then"]
        assert sum(one["expected_wins"] for one in above) == pytest.approx(
            then["expected_wins_then"]["value"], abs=0.01
        )


def test_a_condition_is_tried_on_the_leads_of_this_moment(
    installation: Installation, marketing: FlaskClient
) -> None:
    publish_a_model(installation)
    take_in(installation, leads("large", *["small"] * 5))

    def tried(when: dict[str, Any], status: int = 200) -> Any:
        answer = marketing.post("/v1/conditions/matches", json={"when": when, "limit": 2})
        assert answer.status_code == status, answer.text
        return answer.json

    told = tried({"field": "attribute.size", "op": "is", "value": "Small"})
    assert (told["open"], told["matches"], len(told["leads"])) == (6, 5, 2)
    assert {lead["company"] for lead in told["leads"]} < {f"Company {n}" for n in range(1, 6)}
    assert tried({"field": "probability", "op": "at_least", "value": 0})["matches"] == 6
    assert "only scores" in str(tried({"field": "draft_status", "op": "is", "value": "waiting"}, 422))
    tried({"field": "shoe_size", "op": "is", "value": "43"}, 422)

    fields = {one["field"]: one["values"] for one in marketing.get("/v1/conditions").json["fields"]}
    assert fields["attribute.size"] == ["small"], "what one lead says may be a person's own"
    assert fields["source"] == ["crm"]
    assert fields["probability"] == []
    key = installation.key("thresholds:read")
    with running_api(create_app, ScoringSettings, installation, key) as client:
        (lead,) = client.post(
            "/v1/conditions/matches",
            json={"when": {"field": "attribute.size", "op": "is", "value": "large"}},
        ).json["leads"]
    assert "name" not in lead
