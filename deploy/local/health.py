"""Whether the services of an installation are ready, asked as any client would."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from deploy.local.process import LocalError, last_lines
from deploy.local.supervise import State, Supervisor
from deploy.processes import SERVERS, WORKERS, Server

GIVE_UP_AFTER_ENDS = 3
ANSWER_TIMEOUT_S = 5.0


def direct_client() -> httpx.Client:
    """For services on this machine: no proxy may stand between."""
    return httpx.Client(timeout=ANSWER_TIMEOUT_S, trust_env=False)


def is_ready(client: httpx.Client, server: Server, environment: Mapping[str, str]) -> bool:
    """Whether a service answers 200 to `/readyz`."""
    try:
        return client.get(f"{server.url(environment)}/readyz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def spool(client: httpx.Client, environment: Mapping[str, str]) -> dict[str, Any] | None:
    """What ingest says of its spool: `records`, `age_s`, `writable`. None without one."""
    try:
        found = client.get(f"{SERVERS['ingest'].url(environment)}/readyz").json()
    except (httpx.HTTPError, ValueError):
        return None
    told = found.get("spool") if isinstance(found, dict) else None
    return told if isinstance(told, dict) else None


class Crashes:
    """Counts, between two looks at the supervisor, how often each process ended by itself."""

    def __init__(self) -> None:
        self._ends: dict[str, set[int]] = {}

    def new(self, states: Mapping[str, State]) -> list[State]:
        """The processes that ended since the last look."""
        fresh = []
        for state in states.values():
            seen = self._ends.setdefault(state.name, set())
            if state.stopped_at and state.stopped_at not in seen:
                seen.add(state.stopped_at)
                fresh.append(state)
        return fresh

    def count(self, name: str) -> int:
        """How often a process ended since the first look."""
        return len(self._ends.get(name, ()))


def wait_for_services(
    supervisor: Supervisor,
    environment: Mapping[str, str],
    logs: Path,
    *,
    timeout_s: float,
    progress: Callable[[list[str]], None],
) -> None:
    """Wait until every server is ready and every worker runs; `progress` gets the names still awaited.

    Raises LocalError with the end of the log of a process that keeps ending, or of one not ready in time.
    """
    crashes = Crashes()
    servers_waited = dict(SERVERS)
    deadline = time.monotonic() + timeout_s
    with direct_client() as client:
        while True:
            states = supervisor.states()
            crashes.new(states)
            servers_waited = {
                name: server
                for name, server in servers_waited.items()
                if not is_ready(client, server, environment)
            }
            workers_waited = [
                f"{name}-worker" for name in WORKERS if states[f"{name}-worker"].state != "RUNNING"
            ]
            waited = [*servers_waited, *workers_waited]
            if not waited:
                return
            progress(waited)
            ended = next((name for name in states if crashes.count(name) >= GIVE_UP_AFTER_ENDS), None)
            if ended:
                log = logs / f"{ended}.log"
                raise LocalError(f"{ended} does not start. The end of {log}:\n{last_lines(log)}")
            if time.monotonic() > deadline:
                log = logs / f"{waited[0]}.log"
                raise LocalError(
                    f"not ready after {timeout_s:.0f} s: {', '.join(waited)}. "
                    f"The end of {log}:\n{last_lines(log)}"
                )
            time.sleep(0.3)
