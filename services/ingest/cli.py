"""`eclaireur import`: a company's history from a file, through the same path as everything else."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.ingest.imports import Plan, Preview
    from shared.posting import Posted

# ruff: noqa: PLC0415 - imported as the command runs, so that `eclaireur --help` answers at once

app = typer.Typer()


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header, one line per lead.")],
    outcome: Annotated[
        str | None,
        typer.Option(help="COLUMN=VALUE of the leads that were won, as Converted=1; the others were lost."),
    ] = None,
    lost: Annotated[
        str | None, typer.Option(help="COLUMN=VALUE[,VALUE] of those lost, when not all the others are.")
    ] = None,
    open_: Annotated[
        str | None, typer.Option("--open", help="COLUMN=VALUE of the leads that are still open.")
    ] = None,
    exclude: Annotated[
        str, typer.Option(help="Columns to leave out, by commas: those filled after the outcome.")
    ] = "",
    key: Annotated[str | None, typer.Option(help="The column that names a lead for good.")] = None,
    created: Annotated[str | None, typer.Option(help="The column with the lead's first date.")] = None,
    closed: Annotated[str | None, typer.Option(help="The column with the date of its outcome.")] = None,
    source: Annotated[
        str | None, typer.Option(help="What these leads' source is called; import:<file name> unless given.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="When it is not found by itself.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Bring leads and their outcomes in from a file. Importing it again changes nothing."""
    from services.ingest.imports import events, make_plan, preview
    from shared.api_client import api_client, api_key
    from shared.posting import post_events
    from shared.progress import shown_progress
    from shared.tabular import read_rows

    key_token = api_key("events:write", "events:history")
    table = read_rows(file, delimiter=delimiter)
    # Rows without dates are known at the date of their file: the same file gives the same events.
    changed_at = datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(microsecond=0)
    plan = make_plan(
        table,
        source=source or f"import:{file.stem}",
        known_at=min(changed_at, datetime.now(UTC)),
        outcome=outcome,
        lost=lost,
        open_=open_,
        exclude=[name.strip() for name in exclude.split(",") if name.strip()],
        key=key,
        created=created,
        closed=closed,
    )
    found = preview(table, plan)
    ingest_url = os.environ.get("INGEST_URL", "http://127.0.0.1:8081")
    with (
        api_client(ingest_url, key_token) as client,
        shown_progress("Importing", total=found.events) as advance,
    ):
        posted = post_events(events(table, plan), client, progress=advance)
    _tell(_summary(found, plan, posted, table.encoding), as_json)
    if posted.rejected:
        raise typer.Exit(1)


def _summary(found: "Preview", plan: "Plan", posted: "Posted", encoding: str) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "won": found.won,
        "lost": found.lost,
        "open": found.open,
        "skipped": {"key_on_an_earlier_row": found.repeated_keys},
        "events_accepted": posted.accepted,
        "events_rejected": posted.rejected,
        "source": plan.source,
        "key": plan.key,
        "profile": dict(plan.profile),
        "attributes": list(plan.attributes),
        "encoding": encoding,
    }


def _tell(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        import orjson

        typer.echo(orjson.dumps(summary).decode())
        return
    typer.echo(
        f"{summary['rows']} rows read ({summary['encoding']}): {summary['won']} won, {summary['lost']} lost, "
        f"{summary['open']} open. {summary['events_accepted']} events are held."
    )
    if summary["key"] is None:
        typer.echo("No column names a lead for good: each row's content does. Give one with --key.")
    if repeated := summary["skipped"]["key_on_an_earlier_row"]:
        typer.echo(f"{repeated} rows skipped: their key ({summary['key']}) stands on an earlier row.")
    profile = ", ".join(f"{name} from {column}" for name, column in summary["profile"].items())
    typer.echo(f"Who they are: {profile or 'no e-mail, phone, name or company column was recognised'}.")
    typer.echo(f"What describes them: {', '.join(summary['attributes']) or 'nothing'}.")
    for rejected in summary["events_rejected"][:10]:
        typer.echo(f"Refused: {rejected['error']}", err=True)
