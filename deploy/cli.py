"""The `eclaireur` command. What runs an installation is here; each service brings its own commands."""

# ruff: noqa: PLC0415 - what a command needs is imported as it runs, so that `--help` answers at once

import importlib
import importlib.util
import json
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import services
from shared.errors import UserError

FAILED, WRONG_USE = 1, 2
# `up` makes the installation's environment, its processes start in it, and `doctor` tells the two apart.
OWN_ENVIRONMENT = ("up", "serve", "work", "doctor")


def service_commands() -> dict[str, Any]:
    """The commands of every service, by name. Their modules import what is heavy only as a command runs."""
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(services.__path__):
        name = f"services.{module.name}.cli"
        if module.ispkg and importlib.util.find_spec(name):
            found |= typer.main.get_group(importlib.import_module(name).app).commands
    return found


class Commands(TyperGroup):
    """The platform's own commands, and those of the services, which are looked for only when needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.commands, *service_commands()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self.commands.get(cmd_name) or service_commands().get(cmd_name)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ranks leads, says why, drafts the replies; a person decides.",
    epilog="Every command takes --data-dir DIR, its installation: else ECLAIREUR_DATA_DIR, else data.",
)
people = typer.Typer(no_args_is_help=True, help="People who may sign in.")
keys = typer.Typer(no_args_is_help=True, help="API keys, for machines.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="With invented data, in data-demo.")] = False,
) -> None:
    """Start everything on this machine, until Ctrl-C."""
    from rich.console import Console

    from deploy.local.up import up as run

    raise typer.Exit(run(_data_dir(demo=demo), demo=demo, caller=dict(os.environ), screen=Console()))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say how each process, the database and the broker are doing, and how many events wait."""
    from deploy.local.status import examine, show

    found = examine(_data_dir(), os.environ)
    if as_json:
        print(json.dumps(found.as_dict()))
    else:
        show(found)
    raise typer.Exit(0 if found.healthy else FAILED)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is wrong on this machine, how to mend it, and where each setting comes from."""
    from deploy.local.doctor import examine, show

    caller = dict(os.environ)
    _use_installation()
    found = examine(_data_dir(), caller)
    if as_json:
        print(json.dumps(found.as_dict()))
    else:
        show(found)
    raise typer.Exit(FAILED if found.failed else 0)


@app.command()
def migrate() -> None:
    """Bring the database's schemas and the broker's topics up to date."""
    from deploy import provision

    url = _needed("DATABASE_URL")
    provision.claim_database(url, "demo" if os.environ.get("DEMO") == "1" else "real")
    done = provision.migrate_all(url)
    bootstrap = _setting("KAFKA_BOOTSTRAP_SERVERS")
    if bootstrap:
        done += provision.make_topics(bootstrap, os.environ.get("TOPIC_PREFIX", ""))
    print("\n".join(done) or "Everything is up to date.")


@app.command()
def serve(name: Annotated[str, typer.Argument(help="console, ingest, scoring or responder")]) -> None:
    """Answer HTTP for one service."""
    from deploy.processes import SERVERS
    from deploy.processes import serve as become_server

    if name not in SERVERS:
        _wrong_use(f"{name!r} serves nothing; choose one of {', '.join(SERVERS)}")
    become_server(name)


@app.command()
def work(name: Annotated[str, typer.Argument(help="ingest, scoring, responder or writeback")]) -> None:
    """Do one service's background work."""
    from deploy.processes import WORKERS

    if name not in WORKERS:
        _wrong_use(f"{name!r} has no worker; choose one of {', '.join(WORKERS)}")
    importlib.import_module(f"services.{name}.worker").main()


@people.command("add")
def add_person(
    email: Annotated[str, typer.Option(help="The address to sign in with.")],
    name: Annotated[str, typer.Option(help="The name that approvals carry.")],
    role: Annotated[str, typer.Option(help="admin, marketing, rep or integrator")] = "rep",
) -> None:
    """Let a person sign in; prints the password, this once."""
    from psycopg.errors import UniqueViolation

    from shared.auth import store
    from shared.postgres import connect

    password = store.new_password()
    try:
        with connect(_needed("DATABASE_URL"), schema=store.SCHEMA) as connection:
            store.create_person(connection, email=email, name=name, role=role, password=password)
    except store.UnknownRole as error:
        _wrong_use(str(error))
    except UniqueViolation:
        _fail(f"{email} can already sign in")
    print(password)


@people.command("password")
def replace_password(email: Annotated[str, typer.Option(help="Whose.")]) -> None:
    """Replace a lost password; prints the new one, this once."""
    from shared.auth import store
    from shared.postgres import connect

    password = store.new_password()
    with connect(_needed("DATABASE_URL"), schema=store.SCHEMA) as connection:
        if not store.set_password(connection, email, password):
            _fail(f"nobody signs in as {email}: add them with `eclaireur user add`")
    print(password)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What will use it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat for several.")],
    source: Annotated[str | None, typer.Option(help="The one source whose events it may post.")] = None,
    person: Annotated[
        str | None, typer.Option(help="E-mail of who decides by it: their personal key.")
    ] = None,
) -> None:
    """Make an API key; prints it, this once. What a person must decide needs a personal one."""
    from shared.auth import store
    from shared.postgres import connect

    try:
        with connect(_needed("DATABASE_URL"), schema=store.SCHEMA) as connection:
            owner = store.person_by_email(connection, person) if person else None
            if person and owner is None:
                _fail(f"nobody signs in as {person}: add them with `eclaireur user add`")
            token = store.create_key(
                connection,
                name=name,
                scopes=scope,
                source=source,
                person_id=owner.person_id if owner else None,
            )
    except store.UnknownScope as error:
        _wrong_use(str(error))
    print(token)


app.add_typer(people, name="user")
app.add_typer(keys, name="key")


def _data_dir(*, demo: bool = False) -> Path:
    return Path(os.environ.get("ECLAIREUR_DATA_DIR") or ("data-demo" if demo else "data"))


def _use_installation() -> None:
    """Take the settings of the installation in the data folder; what the caller set stays."""
    from deploy.local.installation import load_environment

    for name, value in load_environment(_data_dir()).items():
        # A value of the caller's also stands in the form of a file, and the other way round.
        if not os.environ.get(name) and not os.environ.get(f"{name}_FILE"):
            os.environ[name] = value


def _setting(name: str) -> str | None:
    from deploy.local.installation import setting

    return setting(name, os.environ)


def _needed(name: str) -> str:
    value = _setting(name)
    if not value:
        _fail(
            f"{name} is not set, and {_data_dir()} holds no installation: "
            "start one with `make run`, or give --data-dir"
        )
    return value


def _fail(message: str, status: int = FAILED) -> NoReturn:
    print(f"eclaireur: {message}", file=sys.stderr)
    raise typer.Exit(status)


def _wrong_use(message: str) -> NoReturn:
    _fail(message, WRONG_USE)


def take_data_dir(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """The arguments without `--data-dir DIR` or `--data-dir=DIR`, wherever it stands, and that folder.

    Raises ValueError when it names none.
    """
    rest: list[str] = []
    folder = None
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--data-dir":
            folder = next(remaining, "")
        elif argument.startswith("--data-dir="):
            folder = argument.partition("=")[2]
        else:
            rest.append(argument)
            continue
        if not folder:
            raise ValueError("--data-dir needs a folder")
    return rest, folder


def _expected_failures() -> tuple[type[Exception], ...]:
    """What one sentence explains; only of modules that are loaded, as the others cannot have raised."""
    names = (("psycopg", "OperationalError"), ("kafka.errors", "KafkaError"))
    loaded = [getattr(sys.modules[module], name) for module, name in names if module in sys.modules]
    return (UserError, *loaded)


def main() -> None:
    """Run the command that the arguments name. An expected failure is one sentence; status 0, 1 or 2."""
    try:
        arguments, folder = take_data_dir(sys.argv[1:])
    except ValueError as error:
        print(f"eclaireur: {error}", file=sys.stderr)
        raise SystemExit(WRONG_USE) from None
    if folder:
        os.environ["ECLAIREUR_DATA_DIR"] = str(Path(folder).resolve())
    if arguments and arguments[0] not in OWN_ENVIRONMENT:
        _use_installation()
    try:
        app(arguments, prog_name="eclaireur")
    except _expected_failures() as error:
        print(f"eclaireur: {error}", file=sys.stderr)
        raise SystemExit(FAILED) from None


if __name__ == "__main__":
    main()
