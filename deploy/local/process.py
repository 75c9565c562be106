"""Starting child processes: tied to their parent, on free ports, with sockets short enough to bind."""

import hashlib
import os
import random
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.errors import UserError

TETHER = Path(__file__).with_name("tether.py")
# Linux allows 107 bytes, macOS 103; supervisord binds a longer temporary name first.
SOCKET_PATH_BYTES = 85
# Below the range from which the system takes the ports of outgoing connections.
FREE_PORTS = range(20_000, 32_000)


class LocalError(UserError):
    """Something on this machine is not as it must be; the message says what to do."""


def tethered(
    command: Sequence[str | Path],
    *,
    signal_name: str = "SIGTERM",
    user: str | None = None,
    pid_file: Path | None = None,
    env_file: Path | None = None,
) -> list[str]:
    """The command line that runs `command`, which gets `signal_name` when the process that starts it dies."""
    line = [sys.executable, "-I", "-S", str(TETHER), "--signal", signal_name]
    for option, value in (("--user", user), ("--pid-file", pid_file), ("--env-file", env_file)):
        if value is not None:
            line += [option, str(value)]
    return [*line, "--", *map(str, command)]


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host`:`port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """`count` different ports of this machine on which nothing listens."""
    found: list[int] = []
    for port in random.sample(FREE_PORTS, k=2_000):
        if port_is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    raise LocalError(f"fewer than {count} free ports between {FREE_PORTS.start} and {FREE_PORTS.stop}")


def socket_folder(preferred: Path) -> Path:
    """`preferred`, or a private folder with a short, stable name when a socket in it could not be bound.

    The folder exists afterwards, readable by its owner alone.
    """
    preferred.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = preferred.resolve()
    if len(os.fsencode(folder)) > SOCKET_PATH_BYTES:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"eclaireur-{os.getuid()}-{digest}"
        folder.mkdir(exist_ok=True, mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or os.getuid() not in (0, found.st_uid):
            raise LocalError(f"{folder} is somebody else's: remove it, or set TMPDIR to a folder of your own")
    return folder


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log file, for an error message; empty when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Poll `condition` until it holds. Raises LocalError naming `what` after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise LocalError(f"{what}: not ready after {timeout_s:.0f} s")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes], signal_number: int, *, timeout_s: float) -> None:
    """Ask a child to stop and wait for it; kill it when it has not within `timeout_s` seconds."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
