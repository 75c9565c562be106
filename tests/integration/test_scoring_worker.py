"""What a batch of events does to leads, scores and topics, on the real Postgres."""

import threading

import pytest
import structlog

from services.scoring import handlers, model_store, store, worker
from services.scoring.learning.fit import fit
from services.scoring.model import from_bytes, score, to_bytes
from services.scoring.registry import Registry
from services.scoring.settings import ScoringSettings
from shared.contracts.topics import CRM_EVENTS, CRM_REJECTED, DELIVERY_STEPS, LEAD_MESSAGES, LEAD_SCORED
from shared.contracts.validation import check
from shared.records import Record
from tests.harness.history import (
    count,
    created,
    event,
    history,
    only_lead,
    publish_a_model,
    published,
    records,
    rows,
    take_in,
)
from tests.harness.platform import Installation
from tests.harness.processes import wait_until


def test_redelivered_event_scores_once(installation: Installation) -> None:
    version = publish_a_model(installation)
    for _ in range(2):
        take_in(installation, [created()])
    take_in(installation, [created(), created()])
    assert [count(installation, table) for table in ("event", "lead", "score", "snapshot")] == [1, 1, 1, 1]
    (scored,) = published(installation, LEAD_SCORED)
    check(scored, "lead.scored")
    assert (scored["score_version"], scored["model_version"], scored["status"]) == (1, version, "open")
    assert published(installation, CRM_REJECTED) == []


def test_same_id_with_another_body_is_quarantined_once_and_has_no_effect(installation: Installation) -> None:
    other = created(lead={"email": "other@example.fr"})
    take_in(installation, [created()])
    before = only_lead(installation)
    take_in(installation, [other, other])
    take_in(installation, [other])
    (rejected,) = published(installation, CRM_REJECTED)
    check(rejected, "crm.rejected")
    assert (rejected["reason"], rejected["event_key"]) == ("id_reused", "crm|created")
    assert only_lead(installation) == before
    assert count(installation, "event") == 1


def test_what_is_no_event_is_quarantined_and_the_rest_goes_on(installation: Installation) -> None:
    (good,) = records([created()])
    bad = Record(CRM_EVENTS, 0, 7, "crm|1", b"{", {})
    with (
        structlog.testing.capture_logs() as logged,
        installation.connect(store.SCHEMA) as connection,
        connection.transaction(),
    ):
        handlers.on_events(connection, [bad, good], Registry())
    assert count(installation, "lead") == 1
    assert [rejected["reason"] for rejected in published(installation, CRM_REJECTED)] == ["invalid_event"]
    (said,) = (line for line in logged if line["event"] == "record_rejected")
    assert (said["reason"], said["partition"], said["offset"]) == ("invalid_event", 0, 7)


def test_events_of_one_address_in_two_sources_are_one_lead(installation: Installation) -> None:
    take_in(installation, [created()])
    take_in(
        installation, [created("f1", source="forms", subject="A-7", lead={"email": " Claire@Example.fr"})]
    )
    assert {row["source"] for row in rows(installation, "SELECT source FROM event")} == {"crm", "forms"}
    assert {"subject.crm", "subject.forms"} <= only_lead(installation)["state"]["registers"].keys()


def test_two_workers_racing_on_a_new_address_end_with_one_lead(installation: Installation) -> None:
    one, other = records([created()]), records([created("f1", source="forms", subject="A-7")])

    def take_other() -> None:
        with installation.connect(store.SCHEMA) as connection, connection.transaction():
            handlers.on_events(connection, other, Registry())

    racing = threading.Thread(target=take_other)
    with installation.connect(store.SCHEMA) as connection, connection.transaction():
        handlers.on_events(connection, one, Registry())
        racing.start()
        blocked = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        wait_until(lambda: rows(installation, blocked), what="the second worker, waiting for the first")
    racing.join(30)
    assert only_lead(installation)["email"] == "claire@example.fr"
    assert count(installation, "event") == 2
    assert count(installation, "suspected_duplicate") == 0


def test_the_owner_a_source_names_is_the_leads_owner(installation: Installation) -> None:
    take_in(installation, [created(owner="lea")])
    assert only_lead(installation)["owner"] == "lea"
    take_in(installation, [event("u1", "crm.lead.updated", hours=2, owner="paul")])
    assert only_lead(installation)["owner"] == "paul"


def test_reasons_and_base_sum_to_the_log_odds_stored(installation: Installation) -> None:
    publish_a_model(installation)
    take_in(installation, history(40))
    scores = rows(installation, "SELECT * FROM score")
    assert len(scores) > 10
    for one in scores:
        total = one["base_log_odds"] + sum(reason["contribution"] for reason in one["reasons"])
        assert total == pytest.approx(one["log_odds"], abs=1e-9)
        assert (
            sorted(one["reasons"], key=lambda r: (r["code"] == "other", -abs(r["contribution"])))
            == one["reasons"]
        )


def test_a_stored_score_is_reproduced_from_its_snapshot_and_model(installation: Installation) -> None:
    publish_a_model(installation)
    for start in range(0, 120, 40):
        take_in(installation, history(40)[start : start + 40])
    found = rows(
        installation,
        "SELECT s.*, n.features, m.artifact, m.sha256 FROM score s JOIN snapshot n USING (snapshot_id) "
        "JOIN model m USING (model_version)",
    )
    assert len(found) > 20
    model = from_bytes(found[0]["artifact"], found[0]["sha256"])
    for stored, again in zip(found, score(model, [one["features"] for one in found]), strict=True):
        assert stored["probability"] == again.probability
        assert stored["log_odds"] == again.log_odds


def test_a_message_goes_to_the_responder_and_declared_history_does_not(installation: Installation) -> None:
    publish_a_model(installation)
    old = event("m0", "crm.message.received", hours=1, channel="email", text="Bonjour")
    take_in(installation, [created(), old])
    assert published(installation, LEAD_MESSAGES) == []
    new = event("m1", "crm.message.received", hours=2, history=False, channel="email", text="Un devis ?")
    take_in(installation, [new, event("s1", "crm.stage.changed", hours=3, to="quoted")])
    (message,) = published(installation, LEAD_MESSAGES)
    check(message, "lead.messages")
    assert message["message"]["text"] == "Un devis ?"
    assert (message["lead"]["attributes"], message["stage"]) == ({"size": "large"}, "quoted")
    assert message["grade"] == only_lead(installation)["grade"] is not None
    assert only_lead(installation)["message_waiting"]


def test_the_first_score_of_a_lead_that_waited_for_a_model_is_told(installation: Installation) -> None:
    def first_scores() -> list[list[int]]:
        told = (step.get("scores") for step in published(installation, DELIVERY_STEPS))
        return [scores["score_version"] for scores in told if scores]

    take_in(installation, [created()])
    publish_a_model(installation)
    take_in(installation, [created("other", subject="other", lead={"email": "other@example.fr"})])
    assert first_scores() == []
    take_in(installation, [event("seen", "crm.page.viewed", hours=40)])
    take_in(installation, [event("again", "crm.page.viewed", hours=41)])
    assert first_scores() == [[1]]


def test_a_closed_lead_leaves_the_queue_and_is_announced_as_newer(installation: Installation) -> None:
    publish_a_model(installation)
    take_in(installation, [created()])
    take_in(installation, [event("won", "crm.lead.converted", hours=30)])
    scored, closed = published(installation, LEAD_SCORED)
    check(closed, "lead.scored")
    assert (closed["status"], closed["probability"]) == ("won", None)
    assert closed["score_version"] > scored["score_version"]
    with installation.connect(store.SCHEMA) as connection:
        assert store.queue(connection, grade=None, owner=None, after=(None, None), limit=10) == []
    take_in(installation, [event("seen", "crm.page.viewed", hours=40)])
    assert len(published(installation, LEAD_SCORED)) == 2


def test_a_corrupt_model_leaves_the_last_good_one_serving(installation: Installation) -> None:
    good, registry = publish_a_model(installation), Registry()
    with installation.connect(store.SCHEMA) as connection:
        assert registry.published(connection)
        leads = [{"attribute.size": "large" if n % 3 else "small"} for n in range(120)]
        result = fit(leads, [float(n % 2) for n in range(120)], seed=2)
        model_store.publish(connection, result.model, dict(result.grade_cuts), by="test")
        connection.execute(
            "UPDATE model SET artifact = %s WHERE model_version = %s",
            [to_bytes(result.model)[:-9], result.model.version],
        )
    for name, known in (("before", registry), ("now", Registry())):  # when the worker started
        with structlog.testing.capture_logs() as logged:
            take_in(installation, [created(name, subject=name, lead={})], registry=known)
        (refused,) = (line for line in logged if line["event"] == "model_refused")
        assert (refused["log_level"], refused["model"]) == ("error", result.model.version)
    scores = rows(installation, "SELECT model_version FROM score")
    assert [score["model_version"] for score in scores] == [good, good]


def test_a_worker_started_on_a_damaged_model_scores_with_the_former_one_and_says_so(
    installation: Installation,
) -> None:
    take_in(installation, [created()])
    good, damaged = publish_a_model(installation), publish_a_model(installation, seed=2)
    rows(installation, "UPDATE model SET artifact = 'cut' WHERE model_version = %s RETURNING 1", damaged)
    settings = ScoringSettings(
        database_url=installation.database_url,
        kafka_bootstrap_servers=installation.platform.bootstrap,
        token_secret=installation.token_secret,
        topic_prefix=installation.topic_prefix,
    )
    stop = threading.Event()
    running = threading.Thread(target=worker.run, args=(settings, stop))
    running.start()
    try:
        with installation.connect(store.SCHEMA) as connection:
            wait_until(lambda: model_store.refused(connection), what="the worker says it")
            told = model_store.refused(connection)
            wait_until(lambda: only_lead(installation)["model_version"], what="the lead is scored")
    finally:
        stop.set()
        running.join()
    assert told
    assert (told["version"], told["serving"]) == (damaged, good)
    assert only_lead(installation)["model_version"] == good


def test_a_model_mended_by_the_same_training_serves_again(installation: Installation) -> None:
    version, registry = publish_a_model(installation), Registry()
    rows(installation, "UPDATE model SET artifact = 'x' RETURNING 1")
    with installation.connect(store.SCHEMA) as connection:
        assert registry.published(connection) is None
        assert publish_a_model(installation) == version
        found = registry.published(connection)
    assert found is not None
    assert found.model.version == version
