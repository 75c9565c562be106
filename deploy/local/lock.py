"""One `up` per installation: a lock that the kernel lets go of however its holder dies, and an end for what a
holder that was killed may have left running, found by the process ids it wrote down."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from deploy.local.installation import Installation, lock_file

# A process writes its id as it starts. One that began at another time has only inherited the number.
SAME_START_S = 60.0


@contextlib.contextmanager
def hold(installation: Installation) -> Iterator[bool]:
    """Hold the installation for this process; yields False when another one does."""
    with lock_file(installation.root).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_running(root: Path) -> bool:
    """Whether an `up` holds the installation in `root`."""
    try:
        with lock_file(root).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def left_over(pids: Path) -> list[psutil.Process]:
    """The processes that wrote their id in the folder and are still the same ones; supervisord first."""
    found = []
    for file in sorted(pids.glob("*.pid"), key=lambda file: (file.stem != "supervisord", file.stem)):
        try:
            process = psutil.Process(int(file.read_text(encoding="ascii")))
            started_s = process.create_time()
        except (psutil.NoSuchProcess, ValueError):
            continue
        if abs(started_s - file.stat().st_mtime) < SAME_START_S and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def stop_left_over(pids: Path, *, timeout_s: float) -> list[int]:
    """Stop what is left, the supervisor first as it stops the others in order; kill what stays.

    Returns the ids found.
    """
    found = left_over(pids)
    deadline = time.monotonic() + timeout_s
    for process in found:
        try:
            process.terminate()
            process.wait(max(0.1, deadline - time.monotonic()))
        except psutil.NoSuchProcess:
            continue
        except psutil.TimeoutExpired:
            process.kill()
    psutil.wait_procs(found, timeout=5)
    for file in pids.glob("*.pid"):
        file.unlink(missing_ok=True)
    return [process.pid for process in found]
