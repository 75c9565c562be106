"""A file becomes events in the background: through HTTP, the worker, Kafka and Postgres, all real."""

import contextlib
import csv
import hashlib
import io
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from kafka import KafkaConsumer, TopicPartition
from typer.testing import CliRunner

from services.ingest import cli
from services.ingest.app import create_app
from services.ingest.imports import running
from services.ingest.settings import IngestSettings
from shared import api_client
from shared.contracts.topics import CRM_EVENTS
from shared.http import close
from tests.harness.platform import PARTITIONS, Installation
from tests.harness.processes import wait_until, worker

ROOT = Path(__file__).parents[2]
LEADS = ROOT.parent / "shared" / "data" / "xeducation" / "Leads.csv"
SCOPES = ("imports:read", "imports:write", "events:history")
CSV = """Réf;Adresse mail;Société;Créé le;Montant HT;Issue
1;a@example.fr;Pompes SA;03/02/2025;1 234,56;gagné
2;b@example.fr;;28/02/2025;12,5;perdu
3;c@example.fr;=HYPERLINK(1);demain;7;perdu
4;d@example.fr;Vannes;01/03/2025;8;perdu;trop
"""
# Of `eclaireur import Leads.csv --outcome Converted=1 --exclude "Tags,Lead Quality"` before imports ran here.
X_EDUCATION = (18480, "83ac7eee2a0117b91b51ac4224a81a1fd0a6bf591a3d5fca2620fe7fa724662e")


@contextmanager
def ingest(
    installation: Installation, folder: Path, **settings: str
) -> Iterator[tuple[httpx.Client, Mapping[str, str]]]:
    """A client of the API, and the environment of its worker."""
    environment = installation.environment | {"INGEST_IMPORT_FOLDER": str(folder / "imports")} | settings
    app = create_app(
        IngestSettings.model_validate({name.lower(): value for name, value in environment.items()})
    )
    with httpx.Client(
        transport=httpx.WSGITransport(app=app),
        base_url="http://ingest",
        headers={"Authorization": f"Bearer {installation.key(*SCOPES)}"},
    ) as client:
        yield client, environment
    close(app)


@pytest.fixture
def api(installation: Installation, tmp_path: Path) -> Iterator[httpx.Client]:
    with ingest(installation, tmp_path) as (client, _):
        yield client


def upload(
    client: httpx.Client, content: bytes | str, name: str = "export.csv", **fields: str
) -> dict[str, Any]:
    content = content.encode() if isinstance(content, str) else content
    fields = {"known_at": "2026-03-01T00:00:00Z", **fields}
    answer = client.post("/v1/imports", files={"file": (name, content)}, data=fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def settled(client: httpx.Client, one: dict[str, Any], timeout_s: float = 60) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(client.get(f"/v1/imports/{one['import_id']}").json())
        return found["status"] in ("checked", "done", "failed", "cancelled")

    wait_until(ended, timeout_s=timeout_s, what="the import")
    return found


def published(installation: Installation) -> list[dict[str, Any]]:
    """Every event in Kafka, in the order of each key."""
    consumer = KafkaConsumer(bootstrap_servers=installation.platform.bootstrap, enable_auto_commit=False)
    topic = installation.topic_prefix + CRM_EVENTS
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends, events = consumer.end_offsets(partitions), []
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            events += [orjson.loads(record.value) for record in records]
    consumer.close()
    return events


def mapping_of(one: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**one["proposed"]["mapping"], **changes}


WON = {"won": {"column": "Issue", "values": ["gagné"]}}


def test_a_french_export_is_proposed_checked_and_published(
    installation: Installation, tmp_path: Path
) -> None:
    with ingest(installation, tmp_path) as (client, environment):
        one = upload(client, CSV.encode("cp1252"))
        roles = {name: column["as"] for name, column in one["proposed"]["mapping"]["columns"].items()}
        assert roles == {
            "Réf": "key",
            "Adresse mail": "email",
            "Société": "company",
            "Créé le": "created",
            "Montant HT": "attribute",
            "Issue": "attribute",
        }
        assert (one["detected"]["encoding"], one["proposed"]["doubts"]) == ("cp1252", [])
        mapping = mapping_of(one, **WON)
        path = f"/v1/imports/{one['import_id']}"
        with worker("ingest", environment, tmp_path / "worker.log"):
            assert client.post(f"{path}/dry-run", json=mapping).status_code == 202
            report = settled(client, one)["report"]
            assert (report["rows"], report["won"], report["lost"], report["refused"]) == (4, 1, 2, 2)
            assert [error["row"] for error in report["errors"]] == [3, 4]
            assert published(installation) == []
            assert client.post(f"{path}/start", json=mapping).status_code == 202
            done = settled(client, one)
        assert (done["status"], done["accepted"], done["refused"]) == ("done", 4, 2)
        assert done["progress"]["rows_done"] == 4
        created = {e["subject"]: e for e in published(installation) if e["type"] == "crm.lead.created"}
        assert created["1"]["time"] == "2025-02-03T00:00:00+00:00"
        assert created["1"]["data"]["lead"]["attributes"] == {"Montant HT": 1234.56}

        # The refused rows are mended and brought in again: under the same source, without being asked.
        text = client.get(f"{path}/errors.csv").content.decode("utf-8-sig")
        assert "'=HYPERLINK(1)" in text
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["Réf"] for row in rows] == ["3", "4"]
        rows[0]["Créé le"], rows[1]["Issue"] = "02/03/2025", "perdu"
        mended = io.StringIO()
        writer = csv.DictWriter(mended, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        again = upload(client, mended.getvalue(), "mended.csv")
        assert (again["proposed"]["confirmed_before"], again["source"]) == (True, one["source"])
        second = mapping_of(again)
        second["won"]["values"] += ["jamais"]
        second.pop("won")
        with worker("ingest", environment, tmp_path / "worker.log"):
            started = client.post(f"/v1/imports/{again['import_id']}/start", json=second)
            assert started.status_code == 202, started.text
            assert settled(client, again)["status"] == "done"
        last = {e["subject"]: e for e in published(installation) if e["type"] == "crm.lead.created"}
        assert last["3"]["data"]["lead"]["company"] == "=HYPERLINK(1)"
        assert set(last) == {"1", "2", "3", "4"}


def test_a_newer_export_tells_only_what_is_new(installation: Installation, tmp_path: Path) -> None:
    """Undated rows: an outcome and a changed field come at the newer file's date, all else stays."""
    first = "id,Ville,Visites,Issue\n1,Lyon,3,oui\n2,Metz,1,\n3,Brest,,non\n"
    later = "id,Ville,Visites,Issue\n1,Lyon,3,oui\n2,,9,oui\n3,Brest,,non\n4,Nice,2,\n"
    with (
        ingest(installation, tmp_path) as (client, environment),
        worker("ingest", environment, tmp_path / "worker.log"),
    ):

        def imported(content: str, known_at: str) -> tuple[int, int, int]:
            """Events taken, rows known already, rows that say something else."""
            one = upload(client, content, source="crm", known_at=known_at)
            condition = {
                name: {"column": "Issue", "values": [v]} for name, v in (("won", "oui"), ("lost", "non"))
            }
            mapping = mapping_of(one, **condition, open={"column": "Issue", "values": [""]})
            client.post(f"/v1/imports/{one['import_id']}/start", json=mapping).raise_for_status()
            done = settled(client, one)
            return done["accepted"], done["known"], done["changed"]

        march, april = "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"
        assert imported(first, march) == (5, 0, 0)
        assert imported(first, march) == (0, 3, 0)
        assert imported(first, april) == (0, 3, 0)
        assert imported(later, april) == (3, 2, 1)
        assert imported(later, april) == (0, 4, 0)
        # An older file says again what it said: it is overtaken by time, and the last word stays.
        assert imported(first, march) == (1, 2, 1)
        assert imported(later, april) == (0, 4, 0)
    told = [e for e in published(installation) if e["subject"] == "2"]
    assert [(e["type"], e["time"][:10]) for e in told[:3]] == [
        ("crm.lead.created", "2026-03-01"),
        ("crm.lead.updated", "2026-04-01"),
        ("crm.lead.converted", "2026-04-01"),
    ]
    assert told[1]["data"]["lead"]["attributes"] == {"Ville": None, "Visites": 9}


def test_what_is_ambiguous_is_asked_and_never_guessed(api: httpx.Client) -> None:
    one = upload(api, 'id,Created at,Budget,City\n1,01/02/2025,"1,234",Lyon\n2,03/04/2025,"5,678",Metz\n')
    assert [(d["column"], d["about"]) for d in one["proposed"]["doubts"]] == [
        ("Created at", "date_order"),
        ("Budget", "number"),
    ]
    path = f"/v1/imports/{one['import_id']}/start"
    refused = api.post(path, json=mapping_of(one))
    assert refused.status_code == 422
    assert "day first" in refused.json()["detail"]
    mapping = mapping_of(one)
    mapping["columns"]["Created at"]["date_order"] = "dmy"
    mapping["columns"]["Budget"]["number"] = "en"
    assert api.post(path, json=mapping).status_code == 202


def test_the_command_asks_imports_and_says_what_to_pass(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(
        "id,Créé le,Ville,Issue\n1,01/02/2025,Lyon,oui\n2,03/02/2025,Metz,non\n", encoding="utf-8"
    )
    with ingest(installation, tmp_path) as (client, environment):
        monkeypatch.setenv("ECLAIREUR_API_KEY", installation.key(*SCOPES))
        monkeypatch.setattr(api_client, "api_client", lambda _address, _key: contextlib.nullcontext(client))
        command = ["import", str(file), "--outcome", "Issue=oui", "--exclude", "Ville"]
        asked = CliRunner().invoke(cli.app, command)
        assert (asked.exit_code, "--map 'Créé le=dmy'" in asked.stderr) == (2, True), asked.output
        with worker("ingest", environment, tmp_path / "worker.log"):
            command += ["--map", "Créé le=dmy", "--json"]
            dry = CliRunner().invoke(cli.app, [*command, "--dry-run"])
            assert orjson.loads(dry.stdout)["events_accepted"] == 4, dry.output
            assert published(installation) == []
            done = CliRunner().invoke(cli.app, command)
            assert done.exit_code == 0, done.output
            summary = orjson.loads(done.stdout)
            assert (summary["rows"], summary["won"], summary["key"], summary["attributes"]) == (
                2,
                1,
                "id",
                [],
            )
            wrong = CliRunner().invoke(cli.app, ["import", str(file), "--outcome", "Isue=oui"])
            assert "Did you mean: Issue" in str(wrong.exception)
    assert len(published(installation)) == 4


def test_a_worker_killed_in_the_middle_loses_nothing_and_repeats_nothing_that_counts(
    installation: Installation, tmp_path: Path
) -> None:
    rows = 6 * running.CHUNK_ROWS
    content = "id,Ville,Issue\n" + "".join(f"{n},Lyon,{'oui' if n % 2 else 'non'}\n" for n in range(rows))
    with ingest(installation, tmp_path) as (client, environment):
        one = upload(client, content)
        mapping = mapping_of(one, won={"column": "Issue", "values": ["oui"]})
        assert client.post(f"/v1/imports/{one['import_id']}/start", json=mapping).status_code == 202

        def position() -> int:
            progress = client.get(f"/v1/imports/{one['import_id']}").json()["progress"]
            return int(progress["rows_done"])

        with worker("ingest", environment, tmp_path / "worker.log") as first:
            wait_until(lambda: position() > 0, what="the first chunk")
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
        assert 0 < position() < rows
        with worker("ingest", environment, tmp_path / "worker.log"):
            done = settled(client, one)
    assert (done["status"], done["accepted"], done["refused"]) == ("done", 2 * rows, 0)
    assert len({event["id"] for event in published(installation)}) == 2 * rows


@pytest.mark.long
def test_x_education_gives_what_the_command_line_gave(installation: Installation, tmp_path: Path) -> None:
    if not LEADS.exists():
        pytest.skip(f"X Education is not here: {LEADS.relative_to(ROOT.parent)} (see its README)")
    with ingest(installation, tmp_path) as (client, environment):
        one = upload(client, LEADS.read_bytes(), "Leads.csv")
        assert one["proposed"]["doubts"] == []
        mapping = mapping_of(one, won={"column": "Converted", "values": ["1"]})
        for leaking in ("Tags", "Lead Quality"):
            mapping["columns"][leaking] = {"as": "ignore"}
        client.post(f"/v1/imports/{one['import_id']}/start", json=mapping).raise_for_status()
        with worker("ingest", environment, tmp_path / "worker.log"):
            assert settled(client, one, timeout_s=240)["status"] == "done"
    of_lead: dict[str, list[dict[str, Any]]] = {}
    for event in published(installation):
        event.pop("receivedat")
        of_lead.setdefault(event["subject"], []).append(event)
    with LEADS.open(newline="") as file:
        keys = [row["Prospect ID"] for row in csv.DictReader(file)]
    digest = hashlib.sha256()
    for key in keys:
        for event in of_lead[key]:
            digest.update(orjson.dumps(event, option=orjson.OPT_SORT_KEYS))
    assert (sum(map(len, of_lead.values())), digest.hexdigest()) == X_EDUCATION


def test_files_are_private_and_removed_when_they_are_old(installation: Installation, tmp_path: Path) -> None:
    with ingest(installation, tmp_path) as (client, _):
        one = upload(client, CSV)
        kept = list((tmp_path / "imports").rglob("*"))
        assert {path.stat().st_mode & 0o077 for path in kept} == {0}
        with installation.connect("ingest") as connection:
            connection.execute("UPDATE import SET received_at = now() - interval '40 days'")
            assert running.remove_expired(connection, tmp_path / "imports", 30) == 1
        found = client.get(f"/v1/imports/{one['import_id']}").json()
        assert (found["file_kept"], found["status"]) == (False, "expired")
        assert "within 30 days" in found["error"]
        assert not list((tmp_path / "imports").rglob("*.csv"))
        start = client.post(f"/v1/imports/{one['import_id']}/start", json=mapping_of(one))
        assert start.status_code == 409


def test_what_is_no_table_is_refused_with_what_to_do(api: httpx.Client, tmp_path: Path) -> None:
    for name, content, said in (
        ("a.csv", b"", "is empty"),
        ("a.xlsx", b"PK\x03\x04 not a workbook", "cannot be read as a workbook"),
        ("a.csv", b"\x00\x01\x02\x03" * 50, "not text"),
        ("a.csv", b"just a letter\n", "does not look like a CSV file"),
    ):
        answer = api.post("/v1/imports", files={"file": (name, content)})
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
    assert not list((tmp_path / "imports").glob("*"))
    assert api.post("/v1/imports", data={"file": "text"}).status_code == 422


def test_the_watched_folder_imports_what_it_has_a_mapping_for(
    installation: Installation, tmp_path: Path
) -> None:
    watched = tmp_path / "watched" / "crm-maison"
    watched.mkdir(parents=True)
    with ingest(installation, tmp_path, INGEST_WATCH_FOLDER=str(watched.parent)) as (client, environment):
        (watched / "mars.csv").write_bytes(CSV.encode("cp1252"))
        with worker("ingest", environment, tmp_path / "worker.log"):

            def imports() -> list[dict[str, Any]]:
                return list(client.get("/v1/imports").json()["imports"])

            wait_until(imports, what="the file seen")
            (one,) = imports()
            assert (one["status"], one["origin"], one["source"]) == ("received", "folder", "crm-maison")
            assert (watched / "mars.csv").exists()
            whole = client.get(f"/v1/imports/{one['import_id']}").json()
            mapping = mapping_of(whole, **WON)
            client.post(f"/v1/imports/{one['import_id']}/start", json=mapping).raise_for_status()
            wait_until((watched / "done" / "mars.csv").exists, what="put away")
            assert "demain" in (watched / "done" / "mars.csv.errors.csv").read_text("utf-8-sig")
            first = published(installation)

            (watched / "mars.csv").write_bytes(CSV.encode("cp1252"))
            wait_until((watched / "done" / "mars (2).csv").exists, what="put away again")
            assert len(imports()) == 2
            second = published(installation)
    assert {event["id"] for event in second} == {event["id"] for event in first}
    assert {(e["id"], e["time"]) for e in second} == {(e["id"], e["time"]) for e in first}
