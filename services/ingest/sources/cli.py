"""`eclaireur sources`: define, try, save, rotate and remove sources, through the API like anyone else."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import httpx

# ruff: noqa: PLC0415 - imported as the command runs, so that `eclaireur --help` answers at once

sources = typer.Typer(no_args_is_help=True, help="Where leads come from: webhooks, and queries on databases.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
Name = Annotated[str, typer.Argument(help="The source's name.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A definition in YAML.")]
Sample = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A body as the sender posts it; a query's row."),
]
ContentType = Annotated[str, typer.Option(help="The sample's.")]


@sources.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """Every source in use, and what came of late."""
    answer = _ask("GET", "")
    if as_json:
        return _print(answer)
    for row in answer["sources"]:
        if row["version"] or row["secrets_valid"]:
            typer.echo(f"{row['name']:<24} {row['kind']:<10} {_state(row)}")


@sources.command("show")
def show_source(name: Name, as_json: AsJson = False) -> None:
    """The definition, and which secrets are valid (never what they are)."""
    answer = _ask("GET", f"/{name}")
    if as_json:
        return _print(answer)
    typer.echo(answer["definition"].strip())
    typer.echo(f"# version {answer['version']}; {_state(answer)}")
    if answer["address"]:
        typer.echo(f"# the sender posts to {answer['address']}")
    for secret in answer["secrets"]:
        typer.echo(f"# secret {secret['secret_id']}, made by {secret['made_by']} on {secret['made_at'][:10]}")


@sources.command("try")
def try_source(
    file: File,
    sample: Sample = None,
    content_type: ContentType = "application/json",
    as_json: AsJson = False,
) -> None:
    """What a sample would become. Nothing is kept; status 1 when something is not understood."""
    _tell_trial(_ask("POST", "/try", _draft(file, sample, content_type)), as_json)


@sources.command("test")
def retry_source(name: Name, as_json: AsJson = False) -> None:
    """Try the saved definition on its saved sample again."""
    saved = _ask("GET", f"/{name}")
    draft = {part: saved[part] for part in ("definition", "sample", "content_type")}
    _tell_trial(_ask("POST", "/try", draft), as_json)


@sources.command("apply")
def apply_source(
    file: File,
    sample: Sample = None,
    content_type: ContentType = "application/json",
    secret_file: Annotated[
        Path | None,
        typer.Option(exists=True, help="Holds the secret that the sender gave, or a database's address."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save a version, once its sample makes an event. A secret that is made is printed this once."""
    import yaml

    draft = _draft(file, sample, content_type)
    if secret_file:
        draft["secret"] = secret_file.read_text(encoding="utf-8").strip()
    try:
        read = yaml.safe_load(draft["definition"])
    except yaml.YAMLError:
        read = None
    name = read.get("name") if isinstance(read, dict) else None
    # Without a name the service says what is wrong with the file, line by line.
    answer = _ask("PUT", f"/{name}", draft) if isinstance(name, str) else _ask("POST", "/try", draft)
    if as_json:
        return _print(answer)
    typer.echo(f"{answer['name']}: version {answer['version']} is in force.")
    if answer["address"]:
        typer.echo(f"The sender posts to {answer['address']}")
    _tell_secret(answer)


@sources.command("rotate")
def rotate_secret(
    name: Name,
    secret_file: Annotated[
        Path | None, typer.Option(exists=True, help="Holds the secret, where the sender gives its own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a second secret; the one before it stays valid until it is revoked."""
    body = {"secret": secret_file.read_text(encoding="utf-8").strip()} if secret_file else {}
    answer = _ask("POST", f"/{name}/secrets", body)
    if as_json:
        return _print(answer)
    _tell_secret(answer)


@sources.command("revoke")
def revoke_secret(name: Name, secret_id: Annotated[str, typer.Argument(help="As `show` names it.")]) -> None:
    """From now on that secret opens nothing."""
    _ask("DELETE", f"/{name}/secrets/{secret_id}")
    typer.echo(f"Secret {secret_id} of {name} is revoked.")


@sources.command("remove")
def remove_source(name: Name) -> None:
    """Take a source out of use and revoke its secrets. Its versions are kept."""
    _ask("DELETE", f"/{name}")
    typer.echo(f"{name} takes nothing any more. Its versions are kept: `apply` brings it back.")


def _draft(file: Path, sample: Path | None, content_type: str) -> dict[str, Any]:
    draft: dict[str, Any] = {"definition": file.read_text(encoding="utf-8"), "content_type": content_type}
    if sample:
        draft["sample"] = sample.read_text(encoding="utf-8")
    return draft


def _client() -> "httpx.Client":
    from shared.api_client import api_client, api_key

    address = os.environ.get("INGEST_URL", "http://127.0.0.1:8081")
    return api_client(address, api_key("sources:read", "sources:write"))


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    from shared.api_client import ask

    with _client() as client:
        return ask(client, method, f"/v1/sources{path}", json=body)


def _print(answer: dict[str, Any]) -> None:
    import orjson

    typer.echo(orjson.dumps(answer).decode())


def _state(row: dict[str, Any]) -> str:
    if row.get("secrets_unreadable"):
        return "its secrets cannot be read (TOKEN_SECRET changed): rotate them"
    if pull := row.get("pull"):
        return pull["error"] or f"{pull['rows'] or 0} rows in the last run, {pull['refused'] or 0} refused"
    if not row["secrets_valid"]:
        return "no secret yet"
    if activity := row["activity"]:
        return f"{activity['accepted']} accepted, {activity['refused']} refused in seven days"
    return "nothing came in seven days"


def _tell_secret(answer: dict[str, Any]) -> None:
    if answer.get("secret"):
        typer.echo(f"Its secret, shown this once: {answer['secret']}")


def _tell_trial(answer: dict[str, Any], as_json: bool) -> None:
    import orjson

    if as_json:
        _print(answer)
    else:
        for event in answer["events"]:
            typer.echo(orjson.dumps(event, option=orjson.OPT_INDENT_2).decode())
        for reason in answer["refused"]:
            typer.echo(f"Not understood: {reason}", err=True)
    if answer["refused"]:
        raise typer.Exit(1)
