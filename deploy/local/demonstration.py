"""The demonstration's first start: an invented year goes through the public API, then a model is trained.

Run as `python -m deploy.local.demonstration` in the installation's environment, so that stopping it is
stopping one process. Running it again changes nothing: ingest and the responder know what they have.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.demo.knowledge import passages
from deploy.demo.stream import remembered_now, stream
from deploy.local.installation import Installation
from deploy.local.process import tethered
from deploy.local.screen import say
from shared.api_client import api_client, ask
from shared.errors import UserError

SCORED_TIMEOUT_S = 900.0


class Story:
    """The demonstration's events on their way: the year first, then today's, at the pace they happen."""

    def __init__(self, ingest_url: str, api_key: str, folder: Path) -> None:
        self._client = api_client(ingest_url, api_key)
        self._present = remembered_now(folder / "demo-present")
        self.year_told = threading.Event()
        self.failure: Exception | None = None
        self.done = self.total = 0
        self.thread = threading.Thread(target=self._tell, daemon=True)

    def _tell(self) -> None:
        try:
            with self._client:
                stream(self._client, now=self._present, progress=self._progress)
        except (UserError, httpx.HTTPError) as error:
            self.failure = error
        finally:
            self.year_told.set()

    def _progress(self, phase: str, done: int, total: int) -> None:
        if phase == "history":
            self.done, self.total = done, total
        if phase != "history" or done == total:
            self.year_told.set()


def main() -> int:
    """Post the knowledge and the year, wait until they are scored, train. Returns the exit status."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # lets the progress bar clean up
    screen = Console()
    installation = Installation(Path(os.environ["ECLAIREUR_DATA_DIR"]), demo=True)
    key = os.environ["ECLAIREUR_API_KEY"]
    try:
        with api_client(os.environ["RESPONDER_URL"], key) as responder:
            ask(responder, "POST", "/v1/knowledge", json={"passages": passages()})
        story = Story(os.environ["INGEST_URL"], key, installation.root)
        with api_client(os.environ["SCORING_URL"], key) as scoring, _progress(screen) as progress:
            _post_year(story, progress)
            _wait_until_scored(scoring, progress)
    except (httpx.HTTPError, UserError, TimeoutError) as error:
        say(screen, f"The demonstration stopped ({error}); the next start begins it again.")
        return 1
    train = tethered([sys.executable, "-m", "deploy.cli", "train"])
    trained = subprocess.run(train, check=False).returncode  # noqa: S603 - our own command
    if trained:
        say(screen, "The model was not trained; the next start of the demonstration tries again.")
    else:
        installation.demonstrated.touch()
        say(screen, "The demonstration is ready. Today's events go on arriving for some minutes.")
    story.thread.join()
    return trained


def _progress(screen: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description:<38}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
    )


def _post_year(story: Story, progress: Progress) -> None:
    task = progress.add_task("A year of events, through the API", total=None)
    story.thread.start()
    while not story.year_told.wait(0.2):
        progress.update(task, completed=story.done, total=story.total or None)
    progress.update(task, completed=story.done, total=story.total or None)
    if story.failure:
        raise story.failure


def _wait_until_scored(scoring: httpx.Client, progress: Progress) -> None:
    task = progress.add_task("Reading them into the leads", total=None)
    total = 0
    deadline = time.monotonic() + SCORED_TIMEOUT_S
    while True:
        waiting = int(ask(scoring, "GET", "/v1/status")["events_waiting"])
        total = max(total, waiting)
        progress.update(task, completed=total - waiting, total=total or 1)
        if waiting == 0:
            progress.update(task, completed=total or 1)
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{waiting} events still wait to be scored")
        time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
