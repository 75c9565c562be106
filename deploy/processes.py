"""The processes of an installation: which answer HTTP, on which port, and which work in the background."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """A service that answers HTTP; the settings `<NAME>_PORT` and `<NAME>_URL` are about it."""

    name: str
    default_port: int
    processes: int = 1
    threads: int = 8

    @property
    def port_variable(self) -> str:
        return f"{self.name.upper()}_PORT"

    @property
    def url_variable(self) -> str:
        return f"{self.name.upper()}_URL"

    def port(self, environment: Mapping[str, str]) -> int:
        """The port it listens on. Raises ValueError when the setting is no number."""
        return int(environment.get(self.port_variable) or self.default_port)

    def url(self, environment: Mapping[str, str]) -> str:
        """Where this machine reaches it. Raises as `port`."""
        host = environment.get("BIND_HOST") or "127.0.0.1"
        reachable = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104
        return f"http://{reachable}:{self.port(environment)}"


SERVERS = {
    server.name: server
    for server in (
        Server("console", 8080),
        Server(
            "ingest", 8081, processes=2
        ),  # large batches keep the interpreter busy: one process starves its threads
        Server("scoring", 8082),
        Server("responder", 8083),
    )
}
WORKERS = ("ingest", "scoring", "responder", "writeback")


def gunicorn_command(server: Server, environment: Mapping[str, str]) -> list[str]:
    """The command line that serves one service."""
    host = environment.get("BIND_HOST") or "127.0.0.1"
    bind = f"[{host}]:{server.port(environment)}" if ":" in host else f"{host}:{server.port(environment)}"
    options = {
        "bind": bind,
        "worker-class": "gthread",
        "workers": str(server.processes),
        "threads": str(server.threads),
        "graceful-timeout": "15",
        "timeout": "60",
        "keep-alive": "5",
        "log-level": "warning",
        "name": f"eclaireur-{server.name}",
    }
    if Path("/dev/shm").is_dir():  # noqa: S108 - the workers' heartbeat must not wait for a disk
        options["worker-tmp-dir"] = "/dev/shm"  # noqa: S108
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [
        sys.executable,
        "-m",
        "gunicorn",
        *flags,
        "--no-control-socket",
        f"services.{server.name}.app:create_app()",
    ]


def serve(name: str) -> None:
    """Become the server of one service. Never returns; raises KeyError for an unknown name."""
    line = gunicorn_command(SERVERS[name], os.environ)
    os.execv(line[0], line)  # noqa: S606 - no shell is wanted
