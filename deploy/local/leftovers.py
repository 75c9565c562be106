"""What a start that was killed may have left running, found by the process ids it wrote down."""

import time
from pathlib import Path

import psutil

# A process writes its id as it starts. One that began at another time has only inherited the number.
SAME_START_S = 60.0


def running(pids: Path) -> list[psutil.Process]:
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


def stop(pids: Path, *, timeout_s: float) -> list[int]:
    """Stop what is left, the supervisor first as it stops the others in order; kill what stays.

    Returns the ids found.
    """
    found = running(pids)
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
