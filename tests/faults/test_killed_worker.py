"""kill -9 of the scoring worker in the middle of an import: each event has one effect, nothing differs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.ingest.accept import Sender, accept
from services.scoring import store
from shared.kafka.publisher import Publisher
from tests.harness.history import history, publish_a_model
from tests.harness.platform import Installation, Platform, new_installation
from tests.harness.processes import wait_until, worker

pytestmark = pytest.mark.long

NOW = datetime.now(UTC)
WAITING = "SELECT id FROM outbox"
LEADS = 2500
# What follows from the events alone: a refresh looks at the clock (a lead that leans to another grade for a
# day gets it then), and the grade itself remembers what was shown before, so what each batch held.
FINAL_SNAPSHOTS = """
SELECT DISTINCT ON (l.email) l.email, l.status, n.kind, n.as_of, n.last_id, n.features
FROM lead l JOIN snapshot n USING (lead_id) WHERE n.kind <> 'refresh'
ORDER BY l.email, n.as_of DESC, n.snapshot_id DESC
"""
FINAL_SCORES = """
SELECT DISTINCT ON (l.email) l.email, s.probability, n.as_of, n.last_id
FROM lead l JOIN score s USING (lead_id) JOIN snapshot n USING (snapshot_id)
WHERE l.status = 'open' AND n.kind <> 'refresh' ORDER BY l.email, s.score_version DESC
"""


@contextmanager
def imported(installation: Installation, events: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Publish a model and put `events` into Kafka as ingest does; gives the worker's environment."""
    publish_a_model(installation)
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    accepted = accept(((orjson.dumps(e), lambda e=e: e) for e in events), Sender(None, history=True), NOW)
    assert not accepted.refused
    publisher.publish(accepted.outgoing, timeout_s=60)
    yield {**installation.environment, "WORKER_INSTANCE": "one", "REFRESH_AFTER_HOURS": "1000000"}
    publisher.close()


def stored(installation: Installation) -> int:
    with installation.connect(store.SCHEMA) as connection:
        row = connection.execute("SELECT count(*) AS events FROM event").fetchone()
    return int(row["events"]) if row else 0


def result(installation: Installation, query: str) -> list[Any]:
    with installation.connect(store.SCHEMA) as connection:
        return connection.execute(query.encode()).fetchall()


def test_killed_in_an_import_each_event_has_one_effect(platform: Platform, tmp_path: Path) -> None:
    events = history(LEADS)
    with new_installation(platform) as calm, imported(calm, events) as env:
        with worker("scoring", env, tmp_path / "calm.log"):
            wait_until(lambda: stored(calm) == len(events), timeout_s=120, what="the import")
        expected_snapshots, expected_scores = result(calm, FINAL_SNAPSHOTS), result(calm, FINAL_SCORES)

    with new_installation(platform) as killed, imported(killed, events) as env:
        seen = 0
        for round_ in range(2):
            with worker("scoring", env, tmp_path / "killed.log") as process:
                wait_until(lambda: stored(killed) > seen, timeout_s=60, what="a first batch")  # noqa: B023
                process.send_signal(signal.SIGKILL)
                process.wait()
            seen = stored(killed)
            assert 0 < seen < len(events), f"round {round_}: the kill came too late to mean anything"
        with worker("scoring", env, tmp_path / "killed.log"):
            wait_until(lambda: stored(killed) == len(events), timeout_s=120, what="the rest")
            wait_until(
                lambda: result(killed, "SELECT count(*) AS n FROM outbox") == [{"n": 0}],
                what="an empty outbox",
            )
        repeated = "SELECT source, id FROM event GROUP BY source, id HAVING count(*) > 1"
        assert result(killed, repeated) == []
        assert result(killed, FINAL_SNAPSHOTS) == expected_snapshots
        assert result(killed, FINAL_SCORES) == expected_scores
        assert len(expected_scores) > 500
