"""Run a command tied to the process that started it: when that dies, even by kill -9, it is told to stop.

    python -I -S tether.py [--signal SIGINT] [--user NAME] [--pid-file FILE] [--env-file FILE] -- COMMAND...

It replaces itself by the command, so the process id stays. `--env-file` holds shell assignments, which
override the inherited environment. `--user` drops root's rights first. Only the standard library is used:
starting costs some hundredths of a second, and `-I -S` keeps site-packages out of it.

The tie is Linux's PR_SET_PDEATHSIG. Elsewhere it is missing, and the next start stops what was left over
by means of the pid file (see deploy/local/lock.py).
"""

import argparse
import ctypes
import os
import pwd
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def tie_to_parent(signal_number: int) -> None:
    """Ask the kernel for `signal_number` when the parent dies. A change of user clears it: call it last."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:  # it died in between: the signal will not come
        raise SystemExit(1)


def become(user: str) -> None:
    """Take the identity of `user`, its groups included."""
    account = pwd.getpwnam(user)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def read_assignments(file: Path) -> dict[str, str]:
    """The NAME=value pairs of a file of shell assignments, one a line."""
    words = shlex.split(file.read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words)


def main(arguments: Sequence[str]) -> None:
    """Parse, prepare, and become the command. Never returns."""
    parser = argparse.ArgumentParser(description="Run a command tied to the life of its parent.")
    parser.add_argument("--signal", default="SIGTERM")
    parser.add_argument("--user")
    parser.add_argument("--pid-file", type=Path)
    parser.add_argument("--env-file", type=Path)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)
    if options.env_file:
        environment.update(read_assignments(options.env_file))
    if options.pid_file:
        options.pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
    if options.user:
        become(options.user)
    tie_to_parent(signal.Signals[options.signal])
    os.execvpe(options.command[0], options.command, environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
