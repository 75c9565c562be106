"""Trainings on the real Postgres: what they publish, and what becomes of the open leads."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.scoring import model_store, store, trainings
from services.scoring.learning.run import run
from services.scoring.registry import Registry
from services.scoring.settings import ScoringSettings
from services.scoring.worker import refresh_stale
from shared.contracts.topics import LEAD_SCORED
from shared.postgres import connect_pool
from tests.harness.history import (
    MONDAY,
    count,
    created,
    event,
    history,
    publish_a_model,
    published,
    rows,
    take_in,
)
from tests.harness.platform import Installation


def train(installation: Installation) -> dict[str, Any]:
    """Ask for a training, run it here; gives its row."""
    with installation.connect(store.SCHEMA) as connection:
        training_id = model_store.request_training(connection, "test")
        run(connection, training_id)
        row = model_store.training(connection, training_id)
    assert row is not None
    return row


def settings(installation: Installation) -> ScoringSettings:
    return ScoringSettings(
        database_url=installation.database_url,
        kafka_bootstrap_servers=installation.platform.bootstrap,
        token_secret=installation.token_secret,
    )


def test_too_few_outcomes_say_how_many_are_missing_and_publish_nothing(installation: Installation) -> None:
    take_in(installation, history(30))
    won, lost = (
        rows(installation, "SELECT count(*) AS n FROM lead WHERE status = %s", status)[0]["n"]
        for status in ("won", "lost")
    )
    training = train(installation)
    assert (training["status"], training["model_version"]) == ("failed", None)
    assert {"code": "not_enough_outcomes", "wins": won, "losses": lost, "needed": 20}.items() <= training[
        "error"
    ].items()
    assert f"Missing: {20 - won} won" in training["error"]["detail"]
    assert (count(installation, "model"), count(installation, "threshold")) == (0, 0)


def test_a_training_publishes_and_every_open_lead_is_scored_again(installation: Installation) -> None:
    first = publish_a_model(installation)
    take_in(installation, history(300))
    training = train(installation)
    assert (training["status"], training["progress"]) == ("done", 1)
    version = training["model_version"]
    assert version != first
    (cuts,) = rows(installation, "SELECT cuts FROM threshold ORDER BY threshold_version DESC LIMIT 1")
    assert 1 > cuts["cuts"]["A"] > cuts["cuts"]["B"] > cuts["cuts"]["C"] > 0
    registry = Registry()
    with connect_pool(installation.database_url, schema=store.SCHEMA) as pool:
        while refresh_stale(pool, registry, settings(installation)):
            pass
        announced = len(published(installation, LEAD_SCORED))
        assert not refresh_stale(pool, registry, settings(installation))
    open_leads = rows(installation, "SELECT model_version, score_version FROM lead WHERE status = 'open'")
    assert {lead["model_version"] for lead in open_leads} == {version}
    assert len(open_leads) > 50
    assert len(published(installation, LEAD_SCORED)) == announced, "what is fresh is not scored again"


def test_the_thresholds_a_person_published_are_kept(installation: Installation) -> None:
    take_in(installation, history(300))
    mine = '{"A": 0.5, "B": 0.3, "C": 0.1}'
    rows(
        installation,
        "INSERT INTO threshold (cuts, created_by, published_at) VALUES (%s, 'person:1', now()) RETURNING 1",
        mine,
    )
    assert train(installation)["status"] == "done"
    with installation.connect(store.SCHEMA) as connection:
        found = Registry().published(connection)
    assert found is not None
    assert found.policy.cuts == {"A": 0.5, "B": 0.3, "C": 0.1}


def test_the_same_data_give_the_same_version_which_is_then_current(installation: Installation) -> None:
    take_in(installation, history(300))
    version = train(installation)["model_version"]
    other = publish_a_model(installation)
    proposed = count(installation, "threshold")
    with installation.connect(store.SCHEMA) as connection:
        assert model_store.published_version(connection) == other
        assert train(installation)["model_version"] == version
        assert model_store.published_version(connection) == version
        assert train(installation)["status"] == "done"
    assert count(installation, "model") == 2
    assert count(installation, "threshold") == proposed + 1, "the same cuts again are no new thresholds"


def test_the_rows_learnt_from_were_known_while_the_lead_was_open(installation: Installation) -> None:
    take_in(installation, history(120))
    with installation.connect(store.SCHEMA) as connection:
        learnt = model_store.training_rows(connection, 1)
    closed = rows(installation, "SELECT 1 FROM lead WHERE status IN ('won', 'lost')")
    assert len(learnt) == len(closed)
    assert all(row["as_of"] <= row["known_at"] for row in learnt)


def test_an_outcome_is_learnt_from_only_once_it_was_known(installation: Installation) -> None:
    take_in(installation, [created()])
    won = event("won", "crm.lead.converted", hours=30, history=False)
    take_in(installation, [won], received_at=MONDAY + timedelta(hours=90))
    with installation.connect(store.SCHEMA) as connection:
        (learnt,) = model_store.training_rows(connection, 1)
    assert learnt["as_of"] <= MONDAY + timedelta(hours=30)
    assert learnt["known_at"] == MONDAY + timedelta(hours=90)


def test_the_worker_runs_a_training_in_a_process_of_its_own(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(Path(__file__).parents[2])
    take_in(installation, history(40))
    with connect_pool(installation.database_url, schema=store.SCHEMA) as pool:
        with pool.connection() as connection:
            training_id = model_store.request_training(connection, "test")
        assert trainings.run_next(pool, threading.Event())
        assert not trainings.run_next(pool, threading.Event())
        with pool.connection() as connection:
            row = model_store.training(connection, training_id)
            unknown = model_store.training(connection, UUID(int=1))
    assert row is not None
    assert row["status"] == "failed"
    assert row["error"]["code"] == "not_enough_outcomes"
    assert unknown is None
