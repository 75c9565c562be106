"""`eclaireur rejected …`, `trace` and `try`: what became of deliveries, and what would."""

import os
import sys
import textwrap
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

# ruff: noqa: PLC0415 - imported as the command runs, so that `eclaireur --help` answers at once

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
Source = Annotated[str | None, typer.Option(help="Only of this source.")]
ReasonCode = Annotated[str | None, typer.Option(help="Only with this reason, as invalid_event.")]
Text = Annotated[str | None, typer.Option(help="Only with this in the detail.")]
POLL_S = 0.3
_INDENT = " " * 8

app = typer.Typer()
rejected = typer.Typer(help="What was refused: look, mend, replay, dismiss.", no_args_is_help=True)
app.add_typer(rejected, name="rejected")


def _ask(method: str, path: str, *scopes: str, service: str = "ingest", **request: Any) -> dict[str, Any]:
    from shared.api_client import api_client, api_key, ask

    ports = {"ingest": 8081, "scoring": 8082}
    url = os.environ.get(f"{service.upper()}_URL", f"http://127.0.0.1:{ports[service]}")
    with api_client(url, api_key(*scopes)) as client:
        return ask(client, method, path, **request)


def _json(value: Any) -> None:
    import orjson

    typer.echo(orjson.dumps(value).decode())


def _table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Plain

    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*(Plain("" if row.get(name) is None else str(row[name])) for name in columns))
    Console().print(table)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@rejected.command("list")
def list_rejected(
    source: Source = None,
    reason: ReasonCode = None,
    text: Text = None,
    status: Annotated[str | None, typer.Option(help="waiting, replayed or dismissed.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Received then or later, as UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Received before, as UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was refused, the latest first, and how many there are of each kind."""
    times = {name: f"{at.isoformat()}Z" for name, at in (("since", since), ("until", until)) if at}
    wanted = _given(source=source, reason=reason, text=text, status=status, limit=limit) | times
    found = _ask("GET", "/v1/rejected", "rejected:read", params=wanted)
    if as_json:
        _json(found)
        return
    # Two lines each: the detail is a sentence, and a terminal may be 80 columns wide.
    for row in found["rejected"]:
        at = datetime.fromisoformat(row["received_at"]).strftime("%Y-%m-%d %H:%M")
        typer.echo(f"{row['rejected_id']:>6}  {at}  {row['status']:9}  {row['reason']}  {row['source']}")
        typer.echo(textwrap.fill(row["detail"], 78, initial_indent=_INDENT, subsequent_indent=_INDENT))
    if not found["rejected"]:
        typer.echo("None." if wanted.keys() - {"limit"} else "Nothing was refused.")
    if found["counts"]:
        typer.echo()
        _table(("source", "reason", "status", "count"), found["counts"])


@rejected.command("show")
def show_rejected(
    rejected_id: int,
    raw: Annotated[bool, typer.Option("--raw", help="Print the bytes as they came, no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one: why it was refused, what came, what was done with it."""
    import base64

    found = _ask("GET", f"/v1/rejected/{rejected_id}", "rejected:read")
    if raw:
        sys.stdout.buffer.write(base64.b64decode(found["raw_base64"]))
        return
    if as_json:
        _json(found)
        return
    for name in ("source", "connector", "received_at", "status", "reason", "detail", "event_key"):
        typer.echo(f"{name:12} {found[name] if found[name] is not None else ''}")
    for made in found["decisions"]:
        typer.echo(f"{made['at']}  {made['by_name']}: {made['action']}")
    typer.echo()
    typer.echo(found["body"].get("text") or found["body"].get("hex", ""))


@rejected.command("replay")
def replay_rejected(
    rejected_id: Annotated[int | None, typer.Argument(help="One of them; or --all.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that wait, as filtered.")] = False,
    source: Source = None,
    reason: ReasonCode = None,
    text: Text = None,
    body: Annotated[Path | None, typer.Option(help="A file with the mended body.")] = None,
    new_id: Annotated[bool, typer.Option("--new-id", help="Under a new id, its own being taken.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send again what was refused, the way it came. However often this is done, it has one effect."""
    import base64

    if (rejected_id is None) != all_:
        raise typer.BadParameter("give one id, or --all")
    if rejected_id is not None:
        edited = _given(body_base64=base64.b64encode(body.read_bytes()).decode() if body else None)
        done = _ask(
            "POST", f"/v1/rejected/{rejected_id}/replay", "rejected:write", json={**edited, "new_id": new_id}
        )
        _json(done) if as_json else typer.echo(f"Replayed: {done['events']} events sent.")
        return
    done = _replay_all(_given(source=source, reason=reason, text=text))
    if as_json:
        _json(done)
    else:
        typer.echo(f"{done['replayed']} of {done['total']} replayed, {done['refused']} still refused.")
    if done["refused"]:
        raise typer.Exit(1)


def _replay_all(wanted: dict[str, Any]) -> dict[str, Any]:
    from shared.progress import shown_progress

    job = _ask("POST", "/v1/rejected/replay", "rejected:write", json=wanted)
    with shown_progress("Replaying", total=job["total"]) as advance:
        done = 0
        while job["finished_at"] is None:
            time.sleep(POLL_S)
            job = _ask("GET", f"/v1/rejected/replays/{job['replay_id']}", "rejected:read")
            advance(job["replayed"] + job["refused"] - done)
            done = job["replayed"] + job["refused"]
    return job


@rejected.command("dismiss")
def dismiss_rejected(
    rejected_id: int,
    reason: Annotated[str, typer.Option(help="Why it needs nothing. Needed.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the dismissal back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say that one needs nothing, and why (--reason); it stays kept."""
    if undo:
        done = _ask("POST", f"/v1/rejected/{rejected_id}/reopen", "rejected:write")
    elif not reason:
        raise typer.BadParameter("say why, with --reason")
    else:
        done = _ask("POST", f"/v1/rejected/{rejected_id}/dismiss", "rejected:write", json={"reason": reason})
    _json(done) if as_json else typer.echo(f"{rejected_id}: {done['status']}")


@app.command("trace")
def trace_delivery(
    source: str, id_: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False
) -> None:
    """Follow one event from receipt to write-back."""
    found = _ask("GET", "/v1/deliveries", "deliveries:read", params={"source": source, "id": id_})
    if as_json:
        _json(found)
    else:
        _tell_path(found)
    if found["status"] == "unknown":
        raise typer.Exit(1)


def _tell_path(found: dict[str, Any]) -> None:
    known = ("step", "at")
    for step in found["steps"]:
        rest = "  ".join(
            f"{name}={value}" for name, value in step.items() if name not in known and value is not None
        )
        typer.echo(f"{step['at']}  {step['step']:13} {rest}".rstrip())
    waiting = found["events_waiting"]
    if found["status"] == "waiting":
        typer.echo(f"Not known here yet: {waiting} events are waiting.")
    if found["status"] != "unknown":
        typer.echo(f"Status: {found['status']}")
        return
    typer.echo(f"Nothing is known of {found['source']} {found['id']}.", err=True)
    if waiting is None:
        typer.echo("Kafka does not say how many events wait to be read: it may be one of them.", err=True)
    typer.echo(
        "Check the source and the id, as the sender wrote them; what the sender was answered (202 is taken); "
        "that the workers run (`eclaireur status`); and that it did not come longer ago than "
        "DELIVERY_TRACE_DAYS.",
        err=True,
    )


@app.command("try")
def try_payload(
    file: Annotated[Path, typer.Argument(help="A payload; - is standard input.")],
    source: Annotated[
        str | None, typer.Option(help="Whose it is, as hubspot; CloudEvents unless given.")
    ] = None,
    content_type: Annotated[str | None, typer.Option(help="Found from the file's name unless given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a payload would store, change and score. Nothing is kept."""
    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    kind = content_type or (
        "application/x-ndjson" if file.suffix in (".ndjson", ".jsonl") else "application/json"
    )
    translated = _ask(
        "POST",
        "/v1/dry-runs",
        "dry-runs:run",
        content=raw,
        params=_given(source=source),
        headers={"Content-Type": kind},
    )
    effects: dict[str, Any] = {"events": []}
    if translated["events"]:
        effects = _ask(
            "POST", "/v1/dry-runs", "dry-runs:run", service="scoring", json={"events": translated["events"]}
        )
    if as_json:
        _json({"translated": translated, "effects": effects["events"]})
    else:
        _tell_dry_run(translated, effects["events"])
    if translated["rejected"]:
        raise typer.Exit(1)


def _tell_dry_run(translated: dict[str, Any], effects: list[dict[str, Any]]) -> None:
    for event, effect in zip(translated["events"], effects, strict=True):
        typer.echo(f"{event['type']} {event['source']}|{event['id']}: {effect['outcome']}")
        if effect.get("error"):
            typer.echo(f"  {effect['error']}")
        if effect.get("lead"):
            typer.echo(f"  lead {effect['lead']['lead_id']} ({'new' if effect['lead']['new'] else 'known'})")
        for change in effect.get("changes", []):
            typer.echo(f"  {change['field']}: {change['before']!r} → {change['after']!r}")
        if effect.get("score"):
            before, after = effect["score"]["before"], effect["score"]["after"]
            typer.echo(f"  score {_score(before)} → {_score(after)}")
    for refused in translated["rejected"]:
        typer.echo(f"Refused: {refused['error']}", err=True)
    typer.echo("Nothing was kept.")


def _score(score: dict[str, Any] | None) -> str:
    return "none" if score is None else f"{score['grade']} {score['probability']:.3f}"
