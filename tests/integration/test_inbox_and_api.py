"""What the inbox does goes by API too: the same approvals and recalls leave the same behind."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from flask.testing import FlaskClient

from services.console.app import create_app
from services.console.settings import ConsoleSettings
from services.responder.handlers import on_records
from shared.http import close
from shared.postgres import Connection
from tests.harness.platform import PASSWORD
from tests.integration.test_responder_api import Served, approval, connection, released, rep, served
from tests.integration.test_responder_drafts import drafting, message, record
from tests.unit.console.conftest import csrf
from tests.unit.console.test_sure_replies import shown

__all__ = ["connection", "rep", "served"]

LEFT_BEHIND = """
SELECT d.status, d.version, d.sends_at IS NOT NULL AS waits,
       round(extract(epoch FROM d.sends_at - c.at)) AS wait_s,
       c.action, c.user_name, c.content - 'draft_id' AS content, r.user_name AS recalled_by
FROM draft d JOIN decision c USING (draft_id)
LEFT JOIN recall r ON (r.draft_id, r.version) = (c.draft_id, c.version)
WHERE d.lead_id = ANY(%s) ORDER BY d.status, d.lead_id
"""


@pytest.fixture
def console(served: Served) -> Any:
    address = "http://127.0.0.1:1"
    app = create_app(
        ConsoleSettings.model_validate(
            {
                "database_url": served.installation.database_url,
                "kafka_bootstrap_servers": "127.0.0.1:1",
                "token_secret": served.installation.token_secret,
                "ingest_url": address,
                "scoring_url": address,
                "responder_url": served.address,
            }
        )
    )
    client = app.test_client()
    token = csrf(client.get("/login").text)
    form = {"csrf_token": token, "email": "lea@example.fr", "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 302
    yield client
    close(app)


def written(connection: Connection, house: int) -> list[UUID]:
    """Three leads who ask the same; their drafts are sure."""
    leads = [UUID(int=house * 100 + n) for n in range(3)]
    batch = [
        record(message(id=f"h-{lead}") | {"lead_id": str(lead)}, offset=n) for n, lead in enumerate(leads)
    ]
    on_records(connection, batch, drafting())
    connection.execute("UPDATE draft SET confidence = 0.97")
    return leads


def test_the_inbox_and_the_api_leave_the_same_behind(
    console: FlaskClient, rep: httpx.Client, connection: Connection
) -> None:
    connection.execute("TRUNCATE message, draft, decision, recall, outbox")
    by_api = written(connection, 1)
    drafts = rep.get("/v1/drafts", params={"sure": True}).json()["drafts"]
    sent = [approval(draft) | {"draft_id": draft["draft_id"]} for draft in drafts]
    outcomes = rep.post("/v1/drafts/approvals", json={"approvals": sent}).json()["outcomes"]
    back = next(o["draft"] for o in outcomes if o["draft"]["lead_id"] == str(by_api[0]))
    rep.post(f"/v1/drafts/{back['draft_id']}/recall", json={"version": 1})

    by_console = written(connection, 2)
    page = console.get("/drafts/sure").text
    ticked = [
        one
        for one in shown(page)
        if UUID(rep.get(f"/v1/drafts/{one.partition(':')[0]}").json()["lead_id"]) in by_console
    ]
    assert console.post("/drafts/sure", data={"csrf_token": csrf(page), "shown": ticked}).status_code == 302
    row = connection.execute("SELECT draft_id FROM draft WHERE lead_id = %s", [by_console[0]]).fetchone()
    assert row is not None
    form = {"csrf_token": csrf(page), "one": f"{row['draft_id']}:1"}
    assert console.post("/drafts/leaving", data=form).status_code == 302

    first = connection.execute(LEFT_BEHIND, [by_api]).fetchall()
    assert [row["status"] for row in first] == ["approved", "approved", "waiting"]
    assert first[2]["recalled_by"] == "Léa Martin"
    second = connection.execute(LEFT_BEHIND, [by_console]).fetchall()
    assert [{**row, "wait_s": None} for row in second] == [{**row, "wait_s": None} for row in first]
    assert {row["wait_s"] for row in first + second if row["waits"]} == {120}
    assert len(released(connection)) == 4
