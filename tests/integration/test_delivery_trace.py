"""The workers as real processes: an event is followed to its score, a replay of many reaches Kafka."""

import json
from pathlib import Path
from typing import Any

from shared.contracts.topics import CRM_EVENTS
from shared.kafka.publisher import Publisher
from shared.records import Outgoing
from tests.harness.history import created, publish_a_model, records
from tests.harness.platform import Installation
from tests.harness.processes import wait_until, worker
from tests.integration.test_ingest_http import held
from tests.integration.test_ingest_quarantine import MENDED, Api, api, as_bytes, client, reject

__all__ = ["api", "client"]  # fixtures


def test_the_workers_tell_the_trace_and_replay_in_bulk(
    installation: Installation, api: Api, tmp_path: Path
) -> None:
    publish_a_model(installation)
    (taken,) = records([created()])
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    publisher.publish([Outgoing(CRM_EVENTS, taken.key, taken.value)], timeout_s=30)
    publisher.close()
    reject(installation, as_bytes(MENDED))
    job = api.post("/v1/rejected/replay").json

    def path(event_id: str) -> Any:
        return api.get("/v1/deliveries", source="crm", id=event_id).json

    environment = installation.environment
    with (
        worker("ingest", environment, tmp_path / "ingest.log"),
        worker("scoring", environment, tmp_path / "scoring.log"),
    ):
        wait_until(lambda: path("created")["status"] == "scored", timeout_s=120, what="the trace")
        wait_until(
            lambda: api.get(f"/v1/rejected/replays/{job['replay_id']}").json["finished_at"],
            timeout_s=60,
            what="the replay",
        )
        wait_until(lambda: path("e1")["status"] == "scored", timeout_s=60, what="the replayed event's trace")
    sent = [json.loads(record.value)["id"] for record in held(installation, CRM_EVENTS)]
    assert sorted(sent) == ["created", "e1"]
