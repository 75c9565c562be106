"""One `up` per installation: a lock that the kernel lets go of however its holder dies."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from deploy.local.installation import Installation, lock_file


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
