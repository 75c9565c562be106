"""Post the demonstration company's events to ingest, as any integration would.

The events depend on the seed and on `now` alone: a second run with the same two posts the same ones, which
change nothing. `python -m deploy.demo.stream --help` says how to run it by hand.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import orjson
import typer
from rich.progress import Progress

from deploy.demo.company import LEADS, SEED, history, live

BATCH_EVENTS: Final = 500
MAX_ATTEMPTS: Final = 30
MAX_WAIT_S: Final = 10.0
_OLD: Final = timedelta(hours=1)

ReportProgress = Callable[[str, int, int], None]
"""Called with "history" or "live", how many events are done, and how many there are."""


class IngestRefused(Exception):
    """Ingest did not take the demonstration's events; the message says what it answered."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """How many events ingest took; `duplicates` are those it said it already had."""

    history: int
    live: int
    duplicates: int


def stream(
    ingest_url: str,
    api_key: str,
    *,
    now: datetime,
    seed: int = SEED,
    leads: int = LEADS,
    progress: ReportProgress = lambda _phase, _done, _total: None,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Streamed:
    """Post the year before `now` (aware) in batches, then today's events at the pace of their times.

    When `now` is over an hour ago, today's events go at once. While ingest is unreachable or answers 503,
    waits as its Retry-After says, at most 10 s and 30 times for one request. Raises IngestRefused after that,
    on any other answer than 202, and when an event is rejected.
    """
    headers = {"Authorization": f"Bearer {api_key}"}
    with httpx.Client(base_url=ingest_url, headers=headers, timeout=30, transport=transport) as client:
        past = list(history(seed, now=now, leads=leads))
        duplicates = 0
        for start in range(0, len(past), BATCH_EVENTS):
            batch = past[start : start + BATCH_EVENTS]
            body = b"\n".join(orjson.dumps(event) for event in batch)
            duplicates += _post(client, body, "application/x-ndjson", sleep)
            progress("history", start + len(batch), len(past))
        today = list(live(seed, now=now, leads=leads))
        paced = datetime.now(UTC) - now < _OLD
        previous = now
        for done, event in enumerate(today, 1):
            at = datetime.fromisoformat(event["time"])
            if paced:
                sleep((at - previous).total_seconds())
            previous = at
            duplicates += _post(client, orjson.dumps(event), "application/cloudevents+json", sleep)
            progress("live", done, len(today))
    return Streamed(len(past), len(today), duplicates)


def _post(client: httpx.Client, body: bytes, content_type: str, sleep: Callable[[float], None]) -> int:
    """Post until taken; the answer is how many were duplicates."""
    for _ in range(MAX_ATTEMPTS):
        try:
            answer = client.post("/v1/events", content=body, headers={"Content-Type": content_type})
        except httpx.TransportError:
            sleep(1.0)
            continue
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return _duplicates(answer)
        sleep(_retry_after_s(answer))
    raise IngestRefused(f"ingest took nothing in {MAX_ATTEMPTS} attempts: see its log, then run this again")


def _duplicates(answer: httpx.Response) -> int:
    if answer.status_code != httpx.codes.ACCEPTED:
        raise IngestRefused(f"ingest answered {answer.status_code}: {answer.text[:500]}")
    taken: dict[str, Any] = answer.json()
    if rejected := taken.get("rejected"):
        raise IngestRefused(f"ingest rejected {len(rejected)} events, the first: {rejected[0]}")
    return int(taken.get("duplicates", 0))


def _retry_after_s(answer: httpx.Response) -> float:
    """In seconds; 1 when absent or a date, which ingest does not send."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), MAX_WAIT_S) if text.isdecimal() else 1.0


def remembered_now(path: Path) -> datetime:
    """The demonstration's present: read from `path`, or the clock's and written there the first time."""
    if path.exists():
        return datetime.fromisoformat(path.read_text().strip())
    now = datetime.now(UTC).replace(microsecond=0)
    path.write_text(now.isoformat() + "\n")
    return now


def main(
    api_key_file: Annotated[Path, typer.Option(help="File that holds the API key.")],
    present_file: Annotated[Path, typer.Option(help="Keeps the demonstration's present between runs.")],
    ingest_url: Annotated[str, typer.Option(envvar="INGEST_URL")] = "http://127.0.0.1:8081",
    seed: int = SEED,
) -> None:
    """Post the demonstration company's year, then its day. Running it again changes nothing."""
    with Progress() as bar:
        tasks = {phase: bar.add_task(label, total=None) for phase, label in _LABELS.items()}

        def show(phase: str, done: int, total: int) -> None:
            bar.update(tasks[phase], completed=done, total=total)

        api_key = api_key_file.read_text().strip()
        try:
            streamed = stream(ingest_url, api_key, now=remembered_now(present_file), seed=seed, progress=show)
        except IngestRefused as error:
            bar.stop()
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    typer.echo(f"{streamed.history} past and {streamed.live} present events posted.")


_LABELS = {"history": "One year of history", "live": "Today, as it happens"}

if __name__ == "__main__":
    typer.run(main)
