"""Sources made at run time: saved after a trial, served from memory, their secrets shown once."""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.ingest.app import create_app
from services.ingest.handlers import on_rejected
from services.ingest.pull import Puller
from services.ingest.settings import IngestSettings
from services.ingest.sources.sealing import Sealer
from shared.contracts.topics import CRM_EVENTS, CRM_REJECTED
from shared.http import close
from shared.kafka.publisher import Publisher
from shared.postgres import Pool, connect_pool
from shared.records import Record
from tests.harness.platform import Installation
from tests.harness.processes import wait_until
from tests.integration.test_ingest_http import TERMINATE, held, running

CRM = """
name: intranet-crm
kind: webhook
signature: {scheme: hmac, header: X-Signature}
event: {type: crm.form.submitted, id: uid}
lead: {email: email, everything_else: true}
data: {form: form}
"""
SAMPLE = json.dumps({"uid": 1, "email": "claire@example.fr", "form": "devis", "size": 12})


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    with running(installation) as client:
        yield client


class Caller:
    """Calls the API of sources with a key that may."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str = "", body: Any = None) -> Any:
        return self._client.open(f"/v1/sources{path}", method=method, json=body, headers=self._headers)

    def save(self, definition: str = CRM, sample: str | None = SAMPLE, **others: Any) -> Any:
        name = definition.split("name: ")[1].split("\n", maxsplit=1)[0]
        return self("PUT", f"/{name}", {"definition": definition, "sample": sample, **others})


@pytest.fixture
def sources(installation: Installation, client: FlaskClient) -> Caller:
    return Caller(client, installation.key("sources:read", "sources:write"))


def post(client: FlaskClient, secret: str, name: str = "intranet-crm", **changes: Any) -> int:
    body = json.dumps({**json.loads(SAMPLE), **changes}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    answer = client.post(f"/v1/webhooks/{name}", data=body, headers={"X-Signature": signature})
    return answer.status_code


def test_a_source_is_tried_saved_and_takes_webhooks_at_once(
    installation: Installation, client: FlaskClient, sources: Caller
) -> None:
    tried = sources("POST", "/try", {"definition": CRM, "sample": SAMPLE}).json
    assert tried["events"][0]["data"]["lead"]["attributes"] == {"size": 12}
    assert client.post("/v1/webhooks/intranet-crm").status_code == 404  # trying keeps nothing
    saved = sources.save().json
    assert (saved["version"], saved["address"]) == (1, "http://localhost:8081/v1/webhooks/intranet-crm")
    wait_until(lambda: post(client, saved["secret"]) == 202, timeout_s=5, what="the new source")
    assert post(client, "another") == 401
    (record,) = held(installation, CRM_EVENTS)
    assert json.loads(record.value)["source"] == "intranet-crm"
    shown = sources("GET", "/intranet-crm").json
    assert saved["secret"] not in json.dumps(shown)
    with installation.connect("ingest") as connection:
        rows = connection.execute("SELECT encode(sealed, 'escape') AS sealed FROM source_secret").fetchall()
    assert saved["secret"] not in str(rows)
    wait_until(lambda: sources("GET", "/intranet-crm").json["activity"], timeout_s=10, what="its activity")
    assert sources("GET", "/intranet-crm").json["activity"]["accepted"] == 1


def test_what_is_wrong_is_said_with_its_line_and_nothing_is_saved(sources: Caller) -> None:
    answer = sources.save(CRM.replace("email: email", "emial: email"))
    assert answer.status_code == 422
    assert answer.json["errors"] == [
        {"line": 6, "field": "lead.emial", "error": "not a field here; did you mean email?"}
    ]
    no_lead = sources.save(sample='{"uid": 1}')
    assert (no_lead.status_code, no_lead.json["title"]) == (422, "The sample is not understood")
    assert "at least one of email" in no_lead.json["detail"]
    assert sources.save(sample=None).status_code == 422
    assert sources("GET", "/intranet-crm").status_code == 404
    for body in ({"definition": "\ud800"}, {"definition": {"name": None}}, {"definition": 5}, {}, []):
        assert sources("PUT", "/intranet-crm", body).status_code == 422


def test_a_definition_may_be_an_object(sources: Caller) -> None:
    definition = {"name": "form", "kind": "webhook", "description": None, "signature": {"scheme": "address"},
                  "event": {"type": "crm.form.submitted"}, "lead": {"email": "email"}}  # fmt: skip
    answer = sources("PUT", "/form", {"definition": definition, "sample": SAMPLE})
    assert (answer.status_code, answer.json["events_made"]) == (200, 1)
    assert "scheme: address" in sources("GET", "/form").json["definition"]


def test_each_save_is_a_version_and_an_earlier_one_comes_back(sources: Caller) -> None:
    first = sources.save().json
    second = sources.save(CRM.replace("crm.form.submitted", "crm.page.viewed"), version=1).json
    assert (second["version"], second["secret"]) == (
        2,
        None,
    )  # the secret is that of the source, not of a version
    assert sources.save(version=1).status_code == 409
    assert sources("POST", "/intranet-crm/versions/1/restore").json["version"] == 3
    shown = sources("GET", "/intranet-crm").json
    assert "crm.form.submitted" in shown["definition"]
    assert [one["version"] for one in shown["versions"]] == [3, 2, 1]
    assert all(one["made_by"] for one in shown["versions"])
    assert sources("POST", "/intranet-crm/versions/9/restore").status_code == 404
    assert sources("DELETE", "/intranet-crm").status_code == 200
    assert sources("GET", "/intranet-crm").status_code == 404
    again = sources.save().json
    assert again["version"] == 4
    assert again["secret"] not in (None, first["secret"])


def test_what_was_refused_is_replayed_once_the_definition_is_mended(
    installation: Installation, client: FlaskClient, sources: Caller, pool: Pool
) -> None:
    secret = sources.save().json["secret"]
    wait_until(lambda: post(client, secret) == 202, timeout_s=5, what="the new source")
    assert post(client, secret, uid=2, email=None, mail="paul@example.fr") == 202  # it names nobody: kept
    (kept,) = held(installation, CRM_REJECTED)
    record = Record(CRM_REJECTED, 0, 0, kept.key.decode(), kept.value, {})
    with pool.connection() as connection:
        on_rejected(connection, [record])
    headers = {"Authorization": f"Bearer {installation.key('rejected:read', 'rejected:write')}"}
    (listed,) = client.get("/v1/rejected", headers=headers).json["rejected"]
    replay = f"/v1/rejected/{listed['rejected_id']}/replay"
    assert client.post(replay, json={}, headers=headers).status_code == 422
    mended = CRM.replace("{email: email,", '{email: "not_null(email, mail)",')
    assert sources.save(mended).status_code == 200
    answer = client.post(replay, json={}, headers=headers)
    assert answer.status_code == 200, answer.json


def test_two_secrets_are_valid_while_they_are_rotated(client: FlaskClient, sources: Caller) -> None:
    first = sources.save().json
    second = sources("POST", "/intranet-crm/secrets", {}).json
    wait_until(lambda: post(client, second["secret"]) == 202, timeout_s=10, what="the new secret")
    assert post(client, first["secret"]) == 202
    assert sources("POST", "/intranet-crm/secrets", {}).status_code == 409
    assert sources("DELETE", f"/intranet-crm/secrets/{first['secret_id']}").status_code == 200
    wait_until(lambda: post(client, first["secret"]) == 401, timeout_s=10, what="the revocation")
    assert post(client, second["secret"]) == 202
    assert sources("DELETE", "/intranet-crm/secrets/none").status_code == 404


def test_webhooks_are_taken_while_postgres_is_down(
    installation: Installation, client: FlaskClient, sources: Caller
) -> None:
    secret = sources.save().json["secret"]
    wait_until(lambda: post(client, secret) == 202, timeout_s=5, what="the new source")
    installation.platform.execute(f"ALTER DATABASE {installation.database} ALLOW_CONNECTIONS false")
    installation.platform.execute(TERMINATE.format(installation.database))
    assert post(client, secret, uid=2) == 202
    with running(installation) as another:  # it never knew the source: the sender is asked to come again
        assert post(another, secret) == 503
        assert post(another, secret, name="odoo") == 401  # those of the settings are known all the same


def test_a_connector_serves_several_accounts_and_takes_secrets_at_run_time(
    installation: Installation, client: FlaskClient, sources: Caller
) -> None:
    second = sources.save("name: shop-segment\nkind: connector\nconnector: segment\n", sample=None).json
    page = [
        {"type": "page", "messageId": "m", "anonymousId": "a", "timestamp": datetime.now(UTC).isoformat()}
    ]

    def call(name: str, secret: str) -> int:
        body = json.dumps(page).encode()
        signature = hmac.new(secret.encode(), body, "sha1").hexdigest()
        return client.post(f"/v1/webhooks/{name}", data=body, headers={"X-Signature": signature}).status_code

    wait_until(lambda: call("shop-segment", second["secret"]) == 202, timeout_s=5, what="the second account")
    assert call("segment", "new") == 202  # that of the settings
    assert {json.loads(r.value)["source"] for r in held(installation, CRM_EVENTS)} == {
        "segment",
        "shop-segment",
    }
    made = sources("POST", "/typeform/secrets", {"secret": "given by hand"})
    assert (made.status_code, made.json["secret"]) == (201, None)
    wait_until(
        lambda: client.post("/v1/webhooks/typeform", data=b"{}").status_code == 401,
        timeout_s=10,
        what="typeform's secret",
    )
    assert sources("POST", "/standard/secrets", {"secret": "not base64 é"}).status_code == 422
    assert sources("POST", "/hubspot/secrets", {}).status_code == 422  # the vendor gives its own


def test_scopes_and_bound_keys_are_kept_to(installation: Installation, client: FlaskClient) -> None:
    reader = Caller(client, installation.key("sources:read"))
    assert reader("GET").status_code == 200
    assert reader.save().status_code == 403
    assert Caller(client, installation.key("events:write"))("GET").status_code == 403
    bound = Caller(client, installation.key("sources:read", "sources:write", source="intranet-crm"))
    assert bound.save().status_code == 200
    assert bound.save(CRM.replace("intranet-crm", "other")).status_code == 403
    assert [one["name"] for one in bound("GET").json["sources"]] == ["intranet-crm"]


def test_the_list_says_how_each_source_is_doing(sources: Caller) -> None:
    sources.save()
    rows = {row["name"]: row for row in sources("GET").json["sources"]}
    assert rows["intranet-crm"]["secrets_valid"] == 1
    assert (rows["segment"]["secrets_in_settings"], rows["segment"]["version"]) == (2, 0)
    assert rows["hubspot"]["activity"] is None


LEADS = """
name: erp
kind: sql
sql:
  query: SELECT id, mail, changed_at, amount FROM customer WHERE changed_at > :since ORDER BY changed_at
  cursor: changed_at
  rows: 3
event: {id: id, type: crm.lead.updated, time: {path: changed_at, zone: Europe/Paris}, subject: id}
lead: {email: mail}
data: {amount: amount}
"""
ROW = '{"id": 1, "mail": "claire@example.fr", "changed_at": "2026-03-14T09:26:53+00:00", "amount": 12.5}'


@pytest.fixture
def pool(installation: Installation) -> Iterator[Pool]:
    pool = connect_pool(installation.database_url, schema="ingest", max_size=2)
    yield pool
    pool.close()


@pytest.fixture
def publisher(installation: Installation) -> Iterator[Publisher]:
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    yield publisher
    publisher.close()


@contextmanager
def allowing(installation: Installation, allowed: str) -> Iterator[Caller]:
    settings = IngestSettings(
        database_url=installation.database_url,
        kafka_bootstrap_servers=installation.platform.bootstrap,
        topic_prefix=installation.topic_prefix,
        token_secret=installation.token_secret,
        ingest_sql_hosts=allowed,
    )
    app = create_app(settings)
    try:
        yield Caller(app.test_client(), installation.key("sources:read", "sources:write"))
    finally:
        close(app)


def emptied(puller: Puller) -> None:
    while puller.once():
        pass


def test_a_query_on_postgres_is_followed_by_its_cursor_and_can_write_nothing(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    base, _, query = installation.database_url.partition("?")
    address = f"{base}?{query}"
    folder = query.partition("host=")[2].partition("&")[0].replace("%2F", "/") or "127.0.0.1"
    with allowing(installation, folder) as sources:
        with installation.connect("public") as connection:
            connection.execute(
                "CREATE TABLE customer (id int, mail text, changed_at timestamptz, amount numeric)"
            )
            connection.execute(
                "INSERT INTO customer SELECT n, 'a' || n || '@example.fr', timestamptz '2026-03-01'"
                " + n / 2 * interval '1 h', n FROM generate_series(1, 8) n"
            )
        saved = sources.save(LEADS, ROW, secret=address)
        assert saved.status_code == 200, saved.json
        puller = Puller(pool, publisher, Sealer(installation.token_secret), folder)
        emptied(puller)
        state = sources("GET", "/erp").json["pull"]
        assert (state["error"], state["refused"]) == (None, 0)
        first = [json.loads(record.value) for record in held(installation, CRM_EVENTS)]
        assert {event["subject"] for event in first} == {str(n) for n in range(1, 9)}
        assert len({event["id"] for event in first}) == 8
        # A row that changes is another event; what is read again has the same id, and no second effect.
        with installation.connect("public") as connection:
            connection.execute("UPDATE customer SET changed_at = '2026-04-01' WHERE id = 1")
            connection.execute("INSERT INTO customer VALUES (9, 'no address', '2026-04-02', null)")
        sources.save(LEADS, ROW)
        emptied(puller)
        ids = {json.loads(record.value)["id"] for record in held(installation, CRM_EVENTS)}
        assert len(ids) == 10
        sources.save(
            LEADS.replace("SELECT id", "SELECT pg_notify('x', 'y'), nextval('ingest.source_revision'), id"),
            ROW,
        )
        emptied(puller)
        assert "read-only transaction" in sources("GET", "/erp").json["pull"]["error"]
        sources.save(
            LEADS.replace("SELECT id", "SELECT pg_sleep(9), id").replace("rows: 3", "timeout_s: 1"), ROW
        )
        emptied(puller)
        assert "timeout" in sources("GET", "/erp").json["pull"]["error"]


def test_a_query_on_sqlite_keeps_its_cursor_until_kafka_holds_the_rows(
    installation: Installation, pool: Pool, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "erp.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE customer (id integer, mail text, changed_at text, amount real)")
        rows = [(n, f"a{n}@example.fr", f"2026-03-0{n}T10:00:00", n) for n in range(1, 6)]
        rows.append((6, "", "2026-03-07T10:00:00", 1))
        database.executemany("INSERT INTO customer VALUES (?, ?, ?, ?)", rows)
    database.close()
    with allowing(installation, str(tmp_path)) as sources:
        definition = LEADS.replace(", subject: id", "")
        assert sources.save(definition, ROW, secret="sqlite:////etc/passwd").status_code == 422
        assert sources.save(definition, ROW, secret=f"sqlite:///{path}").status_code == 200
        sealer = Sealer(installation.token_secret)
        away = Publisher("127.0.0.1:1")
        assert Puller(pool, away, sealer, str(tmp_path)).once()
        assert "Kafka" in sources("GET", "/erp").json["pull"]["error"]
        assert sources("GET", "/erp").json["pull"]["cursor"] is None
        sources.save(definition, ROW)
        emptied(Puller(pool, publisher, sealer, str(tmp_path)))
        assert len(held(installation, CRM_EVENTS)) == 5
        (refused,) = held(installation, CRM_REJECTED)
        assert json.loads(refused.value)["source"] == "erp"
        state = sources("GET", "/erp").json["pull"]
        assert state["cursor"] == {"kind": "text", "value": "2026-03-07T10:00:00"}
        away.close()
