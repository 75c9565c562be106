"""docs/integrators.md, followed to the letter: its files written, its command run, its programs started."""

import importlib.util
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.topics import REPLY_EVENTS
from tests.harness.history import publish_a_model
from tests.harness.platform import Installation
from tests.harness.processes import free_port, running, server, wait_until, worker
from tests.harness.receiver import SECRET
from tests.integration.test_writeback_loop import publish
from tests.unit.writeback.records import a_reply

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"`([\w.]+)`[^`]*?\n```(?:yaml|json|python)\n(.*?)```", re.DOTALL)


def test_the_reader_writes_at_most_forty_lines() -> None:
    code = [
        line for name, block in BLOCK.findall(GUIDE) if name != "body.json" for line in block.splitlines()
    ]
    assert {name for name, _ in BLOCK.findall(GUIDE)} == {"crm.yaml", "body.json", "tell.py", "hear.py"}
    assert len([line for line in code if line.strip()]) <= 40


@pytest.mark.long
def test_an_in_house_crm_is_wired_both_ways_as_the_guide_says(
    installation: Installation, settings_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, block in BLOCK.findall(GUIDE):
        (tmp_path / name).write_text(block, encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "crm.db")) as crm:
        crm.execute(
            "CREATE TABLE contact (id text PRIMARY KEY, grade text, chances real, version int DEFAULT 0)"
        )
        crm.execute(
            "CREATE TABLE outbox (draft_id text PRIMARY KEY, recipients text, subject text, body text)"
        )
        crm.execute("INSERT INTO contact (id) VALUES ('42')")
        crm.commit()
    publish_a_model(installation)
    port = free_port()
    writeback = {
        **settings_env,
        "WRITEBACK_WEBHOOK_URL": f"http://127.0.0.1:{port}/",
        "WRITEBACK_WEBHOOK_SECRET": SECRET,
        "WRITEBACK_ALLOW_PRIVATE": "1",
    }
    hears = {**os.environ, "PORT": str(port), "WRITEBACK_WEBHOOK_SECRET": SECRET}
    log = tmp_path / "services.log"
    monkeypatch.chdir(tmp_path)
    with (
        server("ingest", settings_env, log) as url,
        running([sys.executable, "hear.py"], hears, log),
        worker("scoring", settings_env, log),
        worker("writeback", writeback, log),
    ):
        told = _apply(installation, url)
        monkeypatch.setenv("SOURCE_SECRET", told["secret"])
        monkeypatch.setenv("SOURCE_ADDRESS", f"{url}/v1/webhooks/house-crm")
        contact = httpx.Response(200, content=(tmp_path / "body.json").read_bytes()).json()
        _module(tmp_path / "tell.py").tell(contact)
        wait_until(
            lambda: _rows("SELECT id FROM contact WHERE grade IN ('A', 'B', 'C', 'D') AND version > 0"),
            timeout_s=120,
            what="the score",
        )
        publish(installation, REPLY_EVENTS, a_reply("lead-1", "draft-1"))
        wait_until(lambda: _rows("SELECT draft_id FROM outbox"), timeout_s=60, what="the reply")
    assert _rows("SELECT draft_id FROM outbox") == [("draft-1",)]


def _apply(installation: Installation, url: str) -> dict[str, str]:
    """The guide's own command; its words give the secret."""
    (command,) = re.findall(r"```sh\n(eclaireur .*)\n```", GUIDE)
    environment = {
        **os.environ,
        "INGEST_URL": url,
        "ECLAIREUR_API_KEY": installation.key("sources:read", "sources:write"),
        "PYTHONPATH": str(ROOT),
    }
    arguments = [sys.executable, "-m", "deploy.cli", *command.split()[1:]]
    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"shown this once: (\S+)", done.stdout)
    assert found, done.stdout
    return {"secret": found[1]}


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rows(query: str) -> list[Any]:
    with closing(sqlite3.connect("crm.db")) as crm:
        return crm.execute(query).fetchall()
