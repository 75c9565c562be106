"""`eclaireur import`: a company's leads and history from a file, through the import API."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services.ingest import cli_deliveries
from services.ingest.sources.cli import sources

# ruff: noqa: PLC0415 - imported as the command runs, so that `eclaireur --help` answers at once

app = typer.Typer()
app.add_typer(cli_deliveries.app)
app.add_typer(sources, name="sources")
WRONG_USE = 2


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX file with a header, one lead or event a row.")],
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
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", help="COLUMN=ROLE[:FORMAT], as Courriel=email or Date=occurred_at:dmy."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="What these leads' source is called; import:<file name> unless given.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="When it is not found by itself.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="The sheet of a workbook; the first unless given.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the proposed mapping without a question.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would do, and publish nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with this file's import where it stopped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Bring leads and their outcomes in from a file. Importing it again changes nothing."""
    from services.ingest.imports.choices import chosen, still_in_doubt
    from services.ingest.imports.following import follow, send, show_mapping
    from shared.api_client import api_client, api_key, ask
    from shared.errors import UserError

    key_token = api_key("imports:write", "imports:read", "events:history")
    ingest_url = os.environ.get("INGEST_URL", "http://127.0.0.1:8081")
    with api_client(ingest_url, key_token) as client:
        if resume:
            one = _stopped(client, file)
            mapping = one["mapping"]
        else:
            one = send(client, file, source=source, delimiter=delimiter, sheet=sheet)
            mapping = chosen(
                one["proposed"]["mapping"],
                outcome=outcome,
                lost=lost,
                open_=open_,
                exclude=[name.strip() for name in exclude.split(",") if name.strip()],
                key=key,
                created=created,
                closed=closed,
                maps=maps or (),
            )
            doubts = still_in_doubt(one["proposed"]["doubts"], mapping, maps or ())
            try:
                _confirm(one, mapping, doubts, yes, show_mapping)
            except (typer.Abort, typer.Exit):
                ask(client, "POST", f"/v1/imports/{one['import_id']}/cancel")
                raise
        path = f"/v1/imports/{one['import_id']}"
        if dry_run:
            one = follow(client, ask(client, "POST", f"{path}/dry-run", json=mapping), "Checking")
            ask(client, "POST", f"{path}/cancel")
        elif one["status"] != "running":
            one = follow(client, ask(client, "POST", f"{path}/start", json=mapping), "Importing")
        else:
            one = follow(client, one, "Importing")
    if one["status"] == "failed":
        raise UserError(one["error"])
    _tell(_summary(one, dry_run=dry_run), as_json)
    if one["refused"] or one["status"] == "cancelled" or (one["report"] or {}).get("problems"):
        raise typer.Exit(1)


def _confirm(one: dict[str, Any], mapping: dict[str, Any], doubts: list[str], yes: bool, show: Any) -> None:
    """Ask a person; without one, stop with status 2 at what is in doubt."""
    if sys.stdin.isatty() and not yes:
        show(one, mapping)
        if not doubts:
            typer.confirm("Is this right?", default=True, abort=True, err=True)
            return
    for line in doubts:
        typer.echo(line, err=True)
    if doubts:
        raise typer.Exit(WRONG_USE)


def _stopped(client: Any, file: Path) -> dict[str, Any]:
    """The latest import of these bytes that was started and is not done. Raises UserError."""
    import hashlib

    from shared.api_client import ask
    from shared.errors import UserError

    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    earlier: list[dict[str, Any]] = ask(client, "GET", "/v1/imports", params={"sha256": sha256})["imports"]
    for one in earlier:
        if one["mapping"] and one["status"] in ("running", "failed", "cancelled"):
            return one
    raise UserError(f"No import of {file.name} is half-way. Import it without --resume.")


def _summary(one: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    report, mapping = one["report"] or {}, one["mapping"]
    roles = {column["as"]: name for name, column in mapping["columns"].items()}
    telling = {mapping[which]["column"] for which in ("won", "lost", "open") if mapping.get(which)}
    described = [name for name, column in mapping["columns"].items() if column["as"] == "attribute"]
    return {
        "import_id": one["import_id"],
        "status": one["status"],
        "rows": report.get("rows", one["progress"]["rows_done"]),
        "won": report.get("won", 0),
        "lost": report.get("lost", 0),
        "open": report.get("open", 0),
        "skipped": {"key_on_an_earlier_row": one["repeated"] or report.get("repeated", 0)},
        "rows_known": one["known"],
        "rows_changed": one["changed"],
        "events_accepted": report.get("events", 0) if dry_run else one["accepted"],
        "rows_refused": report.get("refused", 0) if dry_run else one["refused"],
        "problems": report.get("problems", []),
        "errors": report.get("errors", []) if dry_run else [],
        "source": one["source"],
        "key": roles.get("key"),
        "profile": {role: name for role, name in roles.items() if role not in ("key", "attribute", "ignore")},
        "attributes": [name for name in described if name not in telling],
        "encoding": one.get("detected", {}).get("encoding"),
        "dry_run": dry_run,
    }


def _tell(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        import orjson

        typer.echo(orjson.dumps(summary).decode())
        return
    held = "would be" if summary["dry_run"] else "are"
    typer.echo(
        f"{summary['rows']} rows read ({summary['encoding']}): {summary['won']} won, {summary['lost']} lost, "
        f"{summary['open']} open. {summary['events_accepted']} events {held} held."
    )
    if known := summary["rows_known"]:
        typer.echo(f"{known} rows were known already, word for word, and say nothing new.")
    if changed := summary["rows_changed"]:
        typer.echo(f"{changed} rows say something else than before: their leads were updated.")
    if summary["key"] is None:
        typer.echo("No column names a lead for good: each row's content does. Give one with --key.")
    if repeated := summary["skipped"]["key_on_an_earlier_row"]:
        typer.echo(f"{repeated} rows skipped: their key ({summary['key']}) stands on an earlier row.")
    profile = ", ".join(f"{name} from {column}" for name, column in summary["profile"].items())
    typer.echo(f"Who they are: {profile or 'no e-mail, phone, name or company column was recognised'}.")
    typer.echo(f"What describes them: {', '.join(summary['attributes']) or 'nothing'}.")
    for problem in summary["problems"]:
        typer.echo(problem, err=True)
    for error in summary["errors"]:
        typer.echo(f"Row {error['row']}: {error['reason']}", err=True)
    if summary["rows_refused"] and not summary["dry_run"]:
        typer.echo(
            f"{summary['rows_refused']} rows were refused. Get them, each with its reason, mend them and "
            f"import that file: the console's Imports page, or "
            f"GET /v1/imports/{summary['import_id']}/errors.csv.",
            err=True,
        )
