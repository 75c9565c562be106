"""`eclaireur doctor`: every check, and every setting with where it comes from."""

import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from deploy.local import checks, health, lock, settings_report
from deploy.local.checks import Check
from deploy.local.installation import is_set, kind_of, load_environment, setting
from deploy.local.settings_report import Setting
from deploy.local.status import paused_in_words, paused_workers
from deploy.processes import SERVERS

# A start makes these itself: missing beforehand is not a fault.
MADE_AT_START = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "TOKEN_SECRET", "INGEST_WEBHOOK_SECRETS")
MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warning[/]", "fail": "[red]failed[/]"}


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found."""

    checks: list[Check]
    settings: list[Setting]

    @property
    def failed(self) -> bool:
        return any(check.status == "fail" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        return {"ok": not self.failed, **asdict(self)}


def examine(root: Path, caller: Mapping[str, str]) -> Examination:
    """Check this machine, and the installation in `root` when there is one."""
    root = root.resolve()
    installed = load_environment(root)
    environment = {**installed, **caller}
    running = lock.is_running(root)
    rows = settings_report.report(settings_report.fields(), caller=caller, installed=installed)
    if not installed:
        rows = [_made_at_start(row) for row in rows]
    found = [
        checks.python_version(sys.version_info[:3]),
        checks.operating_system(platform.system(), platform.machine()),
        checks.memory(psutil.virtual_memory().available),
        checks.data_folder(root, demo=kind_of(root) == "demo"),
        checks.disk_space(shutil.disk_usage(checks.nearest_folder(root)).free, root),
        checks.settings(rows),
        checks.model_folder(environment.get("EMBEDDING_MODEL") or "packaged"),
        checks.embedding_model(
            environment.get("EMBEDDING_MODEL") or "packaged",
            environment.get("EMBEDDING_LANGUAGES") or "en",
            _learnt(environment),
        ),
        checks.texts_given(environment.get("REPHRASE_URL") or "", environment.get("REPHRASE_MODEL") or ""),
    ]
    if running:
        found.append(Check("Installation", "ok", f"running in {root}"))
        with health.direct_client() as client:
            if (told := health.spool(client, environment)) is not None:
                found.append(checks.spool(told))
    else:
        found += [checks.port(server, environment) for server in SERVERS.values()]
    if not is_set("DATABASE_URL", caller):
        found.append(checks.embedded_postgres())
    if not is_set("KAFKA_BOOTSTRAP_SERVERS", caller):
        found.append(checks.embedded_kafka())
    reachable = environment if running else caller
    if is_set("DATABASE_URL", reachable):
        url = setting("DATABASE_URL", reachable) or ""
        found.append(checks.own_database(url))
        found += [Check("Worker", "fail", paused_in_words(row)) for row in paused_workers(url)]
    if is_set("KAFKA_BOOTSTRAP_SERVERS", reachable):
        found.append(checks.own_broker(setting("KAFKA_BOOTSTRAP_SERVERS", reachable) or ""))
    return Examination(found, rows)


def _learnt(environment: Mapping[str, str]) -> frozenset[str]:
    """Languages that the embedding model has learnt by an adapter; none when it is not there."""
    from services.responder.embedding import Embedder, ModelUnusable  # noqa: PLC0415

    try:
        return Embedder(environment.get("EMBEDDING_MODEL") or "packaged").languages
    except ModelUnusable:
        return frozenset()


def _made_at_start(row: Setting) -> Setting:
    if row.origin == "missing" and row.name in MADE_AT_START:
        return Setting(row.name, "", "made at the first start", row.description)
    return row


def show(found: Examination) -> None:
    """Print it for a person."""
    screen = Console()
    checks = Table(box=None, show_header=False)
    for check in found.checks:
        checks.add_row(MARKS[check.status], check.name, _plain(check.detail))
        if check.remedy:
            checks.add_row("", "", _plain(f"→ {check.remedy}"))
    screen.print(checks)
    settings = Table("setting", "value", "from", "what it is", box=None)
    for row in found.settings:
        settings.add_row(row.name, _plain(row.value), _plain(row.origin), _plain(row.description))
    screen.print()
    screen.print(settings)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
