"""`eclaireur up`: start everything in order, wait, stop everything in order."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from rich.console import Console

from deploy import provision
from deploy.local import checks, lock
from deploy.local.health import Crashes
from deploy.local.installation import (
    Installation,
    load_environment,
    open_installation,
    setting,
    write_environment,
    write_private,
)
from deploy.local.process import LocalError, stop, tethered
from deploy.local.screen import say, step
from deploy.local.start import start
from deploy.local.supervise import STOP_TIMEOUT_S, Supervisor

LOOK_EVERY_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(root: Path, *, demo: bool, caller: Mapping[str, str], screen: Console) -> int:
    """Run the installation in `root` until told to stop by Ctrl-C or SIGTERM. Returns the exit status.

    When it is running already, says where and returns 0. Raises LocalError when it cannot be started
    or breaks down; whatever was started is stopped by then.
    """
    installation = open_installation(root, demo=demo)
    with lock.hold(installation) as held:
        if not held:
            where = load_environment(installation.root).get("CONSOLE_URL", "it is still starting")
            say(screen, f"Éclaireur is already running on {installation.root}: {where}")
            return 0
        left = lock.stop_left_over(installation.pids, timeout_s=STOP_TIMEOUT_S)
        if left:
            say(screen, f"Stopped {len(left)} processes that an interrupted start had left.")
        problems = checks.failures(checks.before_start(installation.root, demo=demo, environment=caller))
        if problems:
            raise LocalError(problems)
        _run(installation, caller, screen)
    return 0


def _run(installation: Installation, caller: Mapping[str, str], screen: Console) -> None:
    supervisor = Supervisor(installation)
    with _interruptible():
        try:
            environment = start(installation, supervisor, caller, screen)
            _welcome(installation, environment, screen)
            with _demonstration(installation):
                _watch(installation, supervisor, screen)
        except KeyboardInterrupt:
            say(screen, "")
        finally:
            _ignore_signals()
            with step(screen, "Stopping"):
                supervisor.stop()
                lock.stop_left_over(installation.pids, timeout_s=10)
            screen.show_cursor()  # a progress bar that was cut short has hidden it


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt; from then on they change nothing."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _welcome(installation: Installation, environment: dict[str, str], screen: Console) -> None:
    """Say where to go, how to sign in and how to stop. A new password is shown here and never again."""
    url = setting("DATABASE_URL", environment) or ""
    environment.setdefault("ECLAIREUR_API_KEY", _cli_key(installation, url))
    write_environment(installation, environment)
    administrator = provision.first_administrator(url)
    say(screen, "\nÉclaireur is running.")
    say(screen, f"  Console    {environment['CONSOLE_URL']}")
    if administrator:
        say(screen, f"  Sign in    {administrator.email}")
        say(screen, f"  Password   {administrator.password}   (shown this once)")
    say(screen, "  Stop       Ctrl-C here: everything stops and nothing is lost")
    if not installation.demo:
        folder = "" if installation.root == Path("data").resolve() else f" --data-dir {installation.root}"
        say(screen, "  Next       bring your leads in, from another terminal:")
        say(screen, f"             .venv/bin/eclaireur import leads.csv --outcome Converted=1{folder}")
        say(screen, f"             .venv/bin/eclaireur train{folder}")
    say(screen, "")


def _cli_key(installation: Installation, url: str) -> str:
    """The key of this installation's own command line, kept in its folder."""
    file = installation.cli_key_file
    kept = file.read_text(encoding="utf-8").strip() if file.exists() else None
    key = provision.command_line_key(url, kept)
    if key != kept:
        write_private(file, key)
    return key


@contextlib.contextmanager
def _demonstration(installation: Installation) -> Iterator[None]:
    """Meanwhile let the first start of a demonstration go on, in a process that shows its progress."""
    if not installation.demo or installation.demonstrated.exists():
        yield
        return
    line = tethered([sys.executable, "-m", "deploy.local.demonstration"], env_file=installation.env_file)
    # Its own session: Ctrl-C reaches this process alone, which then stops it.
    process = subprocess.Popen(line, start_new_session=True)  # noqa: S603 - our own module
    try:
        yield
    finally:
        stop(process, signal.SIGTERM, timeout_s=5)


def _watch(installation: Installation, supervisor: Supervisor, screen: Console) -> None:
    """Say which process ended and is restarted, for ever. Raises LocalError when the supervisor is gone."""
    crashes = Crashes()
    crashes.new(supervisor.states())
    while True:
        time.sleep(LOOK_EVERY_S)
        if not supervisor.alive():
            raise LocalError(
                f"the supervisor has ended, see {installation.logs / 'supervisord.log'}; start again"
            )
        with contextlib.suppress(OSError):
            for state in crashes.new(supervisor.states()):
                say(
                    screen,
                    f"  {state.name} ended and is being restarted, see {installation.logs / state.name}.log",
                )
