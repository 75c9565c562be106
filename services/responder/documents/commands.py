"""`eclaireur knowledge …`: what replies are made of, through the API like anyone else."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

# ruff: noqa: PLC0415 - imported as the command runs, so that `eclaireur --help` answers at once

knowledge = typer.Typer(no_args_is_help=True, help="What replies are made of: the house's documents.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
_SHOWN_CHARS = 100


@knowledge.command("add")
def add_documents(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Files to learn from.")],
    language: Annotated[str | None, typer.Option(help="fr or en; found when not given.")] = None,
    valid_until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day they may be quoted on.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the passages, keep nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn from files: text, Markdown, HTML, Word, PDF, or a CSV of questions and answers.

    A file of the same name as an earlier one takes its place. Status 1 when one of them cannot be read.
    """
    from shared.errors import UserError

    form = {"language": language, "valid_until": valid_until.date().isoformat() if valid_until else None}
    sent = {name: value for name, value in form.items() if value} | {"dry_run": str(dry_run).lower()}
    answers, refused = [], []
    for path in files:
        try:
            with path.open("rb") as file:
                found = _ask("POST", "/documents", files={"file": (path.name, file)}, data=sent)
        except UserError as error:
            refused.append(str(error))
            continue
        answers.append(found)
        if not as_json:
            typer.echo(_preview(found) if dry_run else _line(found["document"], changed=found["changed"]))
    if as_json:
        _print({"documents": answers, "refused": refused})
    elif refused:
        typer.echo("\n".join(refused), err=True)
    if refused:
        raise typer.Exit(1)


@knowledge.command("list")
def list_documents(as_json: AsJson = False) -> None:
    """The documents in use, the newest first."""
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        found = _ask("GET", "/documents", params={"cursor": cursor} if cursor else {})
        rows, cursor = rows + found["documents"], found["next_cursor"]
        if cursor is None:
            break
    if as_json:
        return _print({"documents": rows})
    for row in rows:
        typer.echo(f"{row['document_id']}  {_line(row)}")
    if not rows:
        typer.echo("None yet. `eclaireur knowledge add FILE` learns from one.")


@knowledge.command("remove")
def remove_document(
    document_id: Annotated[str, typer.Argument(help="As `eclaireur knowledge list` shows it.")],
) -> None:
    """Quote a document no more. Drafts that quoted it keep their words."""
    _ask("DELETE", f"/documents/{document_id}")
    typer.echo("It is no longer quoted.")


def _ask(method: str, path: str, **request: Any) -> dict[str, Any]:
    from shared.api_client import api_client, api_key, ask

    url = os.environ.get("RESPONDER_URL", "http://127.0.0.1:8083")
    with api_client(url, api_key("knowledge:read", "knowledge:write")) as client:
        return ask(client, method, f"/v1{path}", **request)


def _line(row: dict[str, Any], *, changed: bool = True) -> str:
    until = f", until {row['valid_until']}" if row["valid_until"] else ""
    state = "" if changed else " (as before)"
    waiting = row["passages"] - row["embedded"]
    soon = f", {waiting} to be found soon" if waiting else ""
    return (
        f"{row['name']}: version {row['version']}, {row['language']}, {row['passages']} passages{soon}"
        f"{until}{state}"
    )


def _preview(found: dict[str, Any]) -> str:
    head = f"{found['name']}: {found['language']}, {len(found['passages'])} passages; nothing was kept"
    rows = (
        f"  {one['title']}\n    {' '.join(one['body'].split())[:_SHOWN_CHARS]}" for one in found["passages"]
    )
    return "\n".join([head, *rows])


def _print(value: Any) -> None:
    import orjson

    typer.echo(orjson.dumps(value).decode())
