"""An event goes in by HTTP, through a real Kafka, and a lead stands in the queue."""

from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.harness.platform import Installation
from tests.harness.processes import server, wait_until, worker

SOURCE = "forms"


def lead_created(number: int, **lead: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"created-{number}",
        "source": SOURCE,
        "subject": f"lead-{number}",
        "type": "crm.lead.created",
        "time": datetime.now(UTC).isoformat(),
        "data": {"lead": {"email": f"lead{number}@example.fr", **lead}},
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_posted_events_become_leads_of_the_queue_once(installation: Installation, tmp_path: Path) -> None:
    env = installation.environment
    key = installation.key("events:write", "leads:read", "status:read")
    with (
        server("ingest", env, tmp_path / "ingest.log") as ingest,
        server("scoring", env, tmp_path / "scoring.log") as scoring,
        worker("scoring", env, tmp_path / "worker.log"),
        httpx.Client(headers=bearer(key), timeout=10) as client,
    ):
        events = [lead_created(n, name=f"Claire {n}") for n in range(20)]
        for _ in range(2):  # the same again has no second effect
            response = client.post(
                f"{ingest}/v1/events",
                json=events,
                headers={"Content-Type": "application/cloudevents-batch+json"},
            )
            assert (response.status_code, response.json()["accepted"]) == (202, 20)

        def settled() -> bool:
            status = client.get(f"{scoring}/v1/status").json()
            return bool(status.get("events_waiting") == 0 and status["leads_open"] == 20)

        wait_until(settled, what="20 open leads")
        queue = client.get(f"{scoring}/v1/queue", params={"limit": 15}).json()
        graded = {"A": 0, "B": 0, "C": 0, "D": 0, "excluded": 0}
        assert queue["counts"] == graded | {"unscored": 20, "open": 20}
        assert {lead["unscored_reason"] for lead in queue["leads"]} == {"no_model"}
        rest = client.get(f"{scoring}/v1/queue", params={"cursor": queue["next_cursor"]}).json()
        assert len({lead["lead_id"] for lead in queue["leads"] + rest["leads"]}) == 20
        timeline = client.get(f"{scoring}/v1/leads/{queue['leads'][0]['lead_id']}/timeline").json()
        assert [event["type"] for event in timeline["events"]] == ["crm.lead.created"]
