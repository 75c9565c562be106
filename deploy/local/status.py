"""How an installation is doing: its processes, its broker and database, and how far scoring is behind."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from deploy.local import checks, health, lock
from deploy.local.installation import Installation, kind_of, setting
from deploy.local.supervise import Supervisor
from deploy.processes import SERVERS, WORKERS
from shared.kafka import pauses
from shared.postgres import connect


@dataclass(frozen=True, slots=True)
class Process:
    """One supervised process; `ready` is None for those that answer no HTTP."""

    name: str
    state: str
    pid: int
    ready: bool | None


@dataclass(frozen=True, slots=True)
class Status:
    """`scoring` and `spool` are the services' own answers, None when they give none. `paused` says of each
    worker that takes no more records how many of how many failed, and of which service it is."""

    data_dir: str
    running: bool
    console: str | None
    processes: list[Process]
    database: checks.Check | None
    broker: checks.Check | None
    scoring: dict[str, Any] | None
    paused: list[dict[str, Any]]
    spool: dict[str, Any] | None = None

    @property
    def healthy(self) -> bool:
        """Whether everything that should run does, and answers."""
        return (
            self.running
            and not self.paused
            and not (self.scoring and self.scoring.get("model_refused"))
            and all(process.state == "RUNNING" and process.ready is not False for process in self.processes)
            and all(check is not None and check.status == "ok" for check in (self.database, self.broker))
        )

    def as_dict(self) -> dict[str, Any]:
        return {"healthy": self.healthy, **asdict(self)}


def examine(root: Path, environment: Mapping[str, str]) -> Status:
    """Ask every part of the installation in `root`, whose settings are in `environment`."""
    root = root.resolve()
    kind = kind_of(root)
    if kind is None or not lock.is_running(root):
        return Status(str(root), False, None, [], None, None, None, [])
    supervisor = Supervisor(Installation(root, demo=kind == "demo"))
    states = supervisor.states() if supervisor.answers() else {}
    with health.direct_client() as client:
        processes = [
            Process(
                state.name, state.state, state.pid,
                health.is_ready(client, SERVERS[state.name], environment) if state.name in SERVERS else None,
            )
            for state in states.values()
        ]  # fmt: skip
        scoring = _scoring_status(client, environment)
        spool = health.spool(client, environment)
    return Status(
        data_dir=str(root),
        running=True,
        console=environment.get("CONSOLE_URL"),
        processes=processes,
        database=checks.own_database(setting("DATABASE_URL", environment) or ""),
        broker=checks.own_broker(setting("KAFKA_BOOTSTRAP_SERVERS", environment) or ""),
        scoring=scoring,
        paused=paused_workers(setting("DATABASE_URL", environment) or ""),
        spool=spool,
    )


def paused_workers(url: str) -> list[dict[str, Any]]:
    """The workers that take no more records because too many failed; none while the database is away."""
    found: list[dict[str, Any]] = []
    try:
        for service in WORKERS:
            with connect(url, schema=service) as connection:
                rows = pauses.paused(connection)
            found += [{"service": service, **row, "since": row["since"].isoformat()} for row in rows]
    except psycopg.Error:
        return []
    return found


def paused_in_words(row: Mapping[str, Any]) -> str:
    """What happened, what was kept, what to do."""
    return (
        f"{row['service']}-worker paused: {row['failed']} of the last {row['looked_at']} records failed "
        f"({row['error']}); nothing is lost, fix or roll back, then restart."
    )


def _scoring_status(client: httpx.Client, environment: Mapping[str, str]) -> dict[str, Any] | None:
    url = environment.get("SCORING_URL", "http://127.0.0.1:8082")
    headers = {"Authorization": f"Bearer {environment.get('ECLAIREUR_API_KEY', '')}"}
    try:
        found: dict[str, Any] = client.get(f"{url}/v1/status", headers=headers).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    return found


def show(status: Status) -> None:
    """Print it for a person."""
    screen = Console()
    if not status.running:
        screen.print(
            f"Not running in {status.data_dir}: start it with `make run`.", soft_wrap=True, highlight=False
        )
        return
    table = Table("process", "state", "pid", "ready", box=None)
    for process in status.processes:
        ready = "" if process.ready is None else "yes" if process.ready else "no"
        table.add_row(process.name, process.state.lower(), str(process.pid or ""), ready)
    screen.print(table)
    for check in (status.database, status.broker):
        if check is not None:
            screen.print(f"{check.name}: {check.detail}", soft_wrap=True, highlight=False)
    for row in status.paused:
        screen.print(paused_in_words(row), soft_wrap=True, highlight=False, style="bold red")
    if status.scoring and (refused := status.scoring.get("model_refused")):
        words = f"Since {refused['since']}: {refused['detail']}"
        screen.print(words, soft_wrap=True, highlight=False, markup=False, style="bold red")
    if status.spool is not None:
        check = checks.spool(status.spool)
        screen.print(f"{check.name}: {check.detail}", soft_wrap=True, highlight=False)
    waiting = status.scoring.get("events_waiting") if status.scoring else None
    screen.print(f"Events waiting to be scored: {'unknown' if waiting is None else waiting}", highlight=False)
    screen.print(f"Console: {status.console}", soft_wrap=True, highlight=False)
