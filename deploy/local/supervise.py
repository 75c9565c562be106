"""supervisord: its configuration, and talking to it over its unix socket."""

import http.client
import shlex
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from deploy.local.installation import Installation, write_private
from deploy.local.process import LocalError, last_lines, socket_folder, stop, tethered, wait_until
from deploy.processes import SERVERS, WORKERS

SERVICES = "services"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 90.0  # services 20, kafka 30, postgres 30, one after the other


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process. Those with the greater `priority` stop first."""

    name: str
    command: Sequence[str]
    priority: int
    stop_signal: str = "TERM"
    stop_wait_s: int = 30
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How one process is doing: `state` is supervisord's word, `stopped_at` when it last ended (0: never)."""

    name: str
    state: str
    pid: int
    exit_status: int
    stopped_at: int


def service_programs(installation: Installation) -> list[Program]:
    """The services' own processes, in their installation's environment."""

    def program(name: str, *arguments: str) -> Program:
        command = tethered(
            [sys.executable, "-m", "deploy.cli", *arguments],
            pid_file=installation.pids / f"{name}.pid",
            env_file=installation.env_file,
        )
        # Only training gains from more threads; elsewhere they would fight for the cores.
        threads = None if name == "scoring-worker" else 1
        return Program(name, command, priority=30, stop_wait_s=20, threads=threads)

    return [program(name, "serve", name) for name in SERVERS] + [
        program(f"{name}-worker", "work", name) for name in WORKERS
    ]


def configuration(
    installation: Installation, socket: Path, programs: Iterable[Program], *, as_root: bool
) -> str:
    """supervisord's configuration file. All wait to be started; the services form a group."""
    programs = list(programs)
    project = Path(__file__).parents[2]
    sections = [
        "[unix_http_server]",
        f"file={_literal(str(socket))}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl=unix://{_literal(str(socket))}",
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_literal(str(installation.logs / 'supervisord.log'))}",
        f"pidfile={_literal(str(installation.run / 'supervisord.pid'))}",
        f"directory={_literal(str(project))}",
        *(["user=root"] if as_root else []),
    ]
    for program in programs:
        sections += [
            f"[program:{program.name}]",
            f"command={_literal(shlex.join(program.command))}",
            f"priority={program.priority}",
            "autostart=false",
            "autorestart=true",
            "startsecs=2",
            "startretries=60",  # each waits a second longer than the one before: half an hour in all
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_wait_s}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_literal(str(installation.logs / program.name))}.log",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=4",
        ]
        if program.threads:
            sections.append(f'environment=OMP_NUM_THREADS="{program.threads}",PYTHONUNBUFFERED="1"')
    names = [program.name for program in programs if program.priority == 30]
    if names:
        sections += [f"[group:{SERVICES}]", f"programs={','.join(names)}", "priority=30"]
    return "\n".join(sections) + "\n"


def _literal(text: str) -> str:
    return text.replace("%", "%%")  # supervisord expands %(name)s


class Supervisor:
    """supervisord, as a child of this process or reached through its socket. Not for several threads."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._socket = socket_folder(installation.run) / "supervisord.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, programs: Iterable[Program], *, as_root: bool) -> None:
        """Start supervisord with nothing running under it yet. Raises LocalError when it does not answer."""
        config = self._installation.run / "supervisord.conf"
        write_private(config, configuration(self._installation, self._socket, programs, as_root=as_root))
        log = self._installation.logs / "supervisord.out"
        line = tethered(
            [sys.executable, "-m", "supervisor.supervisord", "--configuration", config],
            pid_file=self._installation.pids / "supervisord.pid",
        )
        with log.open("wb") as output:
            # Its own session: Ctrl-C in the terminal reaches `up` alone, which stops everything in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                line, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        wait_until(
            lambda: not self.alive() or self.answers(), timeout_s=START_TIMEOUT_S, what="the supervisor"
        )
        if not self.alive():
            raise LocalError(f"the supervisor stopped at once:\n{last_lines(log)}")

    def alive(self) -> bool:
        """Whether the supervisord that this process started still runs."""
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        """Whether a supervisord answers on the socket."""
        try:
            self._rpc().getState()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def start_program(self, name: str) -> None:
        """Start one program; returns before it is ready."""
        self._call("startProcess", name)

    def start_services(self) -> None:
        """Start the group of services; returns before they are ready."""
        self._call("startProcessGroup", SERVICES)

    def states(self) -> dict[str, State]:
        """Each program's state, by its name without its group. Raises OSError when the supervisor is gone."""
        return {
            row["name"]: State(row["name"], row["statename"], row["pid"], row["exitstatus"], row["stop"])
            for row in self._rpc().getAllProcessInfo()
        }

    def stop(self) -> None:
        """Stop the services, then Kafka, then Postgres, then the supervisor; returns when all have ended."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)

    def _call(self, method: str, name: str) -> None:
        try:
            getattr(self._rpc(), method)(name, False)
        except xmlrpc.client.Fault as fault:
            raise LocalError(f"{name} cannot be started: {fault.faultString}") from fault

    def _rpc(self) -> Any:
        # A connection for each call: after a refused one the transport is of no more use. It wants an HTTP
        # address and ignores it when it has a unix socket.
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
