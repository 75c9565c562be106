"""One installation's folder: its layout, its kind, its secrets and the environment its processes run in.

eclaireur.json   real or demo: the two never meet
secrets/         made on the first start, never a default
run/             lock, environment, sockets, process ids
logs/  postgres/  kafka/
"""

import base64
import json
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process import LocalError
from deploy.local.tether import read_assignments
from deploy.processes import SERVERS


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything of one installation is."""

    root: Path
    demo: bool

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        return self.run / "pids"

    @property
    def env_file(self) -> Path:
        return env_file(self.root)

    @property
    def cli_key_file(self) -> Path:
        return self.root / "secrets" / "cli_api_key"

    @property
    def demonstrated(self) -> Path:
        """A file that is there once the demonstration's year was posted and a model trained."""
        return self.root / "demo-streamed"

    @property
    def kind(self) -> str:
        return "demo" if self.demo else "real"


def env_file(root: Path) -> Path:
    """Where an installation's environment is written."""
    return root / "run" / "env"


def lock_file(root: Path) -> Path:
    """What the `up` of an installation holds locked."""
    return root / "run" / "lock"


def kind_of(root: Path) -> str | None:
    """`real`, `demo`, or None when `root` holds no installation."""
    try:
        return str(json.loads((root / "eclaireur.json").read_text(encoding="utf-8"))["kind"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        raise LocalError(
            f'{root / "eclaireur.json"} is damaged: it must hold {{"kind": "real"}} or "demo"'
        ) from error


def folder_problem(root: Path, *, demo: bool) -> str | None:
    """Why `root` cannot hold this kind of installation, in words; None when it can."""
    if root.exists() and not root.is_dir():
        return f"{root} is a file: choose another folder with --data-dir"
    found = kind_of(root)
    if found is None:
        if root.is_dir() and any(root.iterdir()):
            return f"{root} holds other files: choose an empty or new folder with --data-dir"
        return None
    wanted = "demo" if demo else "real"
    if found == wanted:
        return None
    if demo:
        return (
            f"{root} holds real data: the demonstration never goes there; name another folder with --data-dir"
        )
    return f"{root} holds demonstration data: real data never goes there; name another folder with --data-dir"


def open_installation(root: Path, *, demo: bool) -> Installation:
    """The installation in `root`, its folders made. Raises LocalError as `folder_problem` says."""
    root = root.resolve()
    problem = folder_problem(root, demo=demo)
    if problem:
        raise LocalError(problem)
    installation = Installation(root, demo)
    try:
        for folder in (root, installation.run, installation.pids, installation.logs, root / "secrets"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if kind_of(root) is None:
            write_private(root / "eclaireur.json", json.dumps({"kind": installation.kind}))
    except OSError as error:
        raise LocalError(
            f"{error.filename} cannot be written ({error.strerror}): choose another --data-dir"
        ) from error
    return installation


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    scratch = file.with_name(f"{file.name}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(
        os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    scratch.rename(file)


def _kept(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        write_private(file, make())
    return file.read_text(encoding="utf-8").strip()


WEBHOOK_SECRETS = "INGEST_WEBHOOK_SECRETS"


def own_secrets(installation: Installation) -> dict[str, str]:
    """The secrets this installation made for itself, as settings; made on the first call."""
    folder = installation.root / "secrets"

    def webhook_secrets() -> str:
        return json.dumps({"standard": ["whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()]})

    return {
        "TOKEN_SECRET": _kept(folder / "token_secret", lambda: secrets.token_hex(32)),
        WEBHOOK_SECRETS: _kept(folder / "ingest_webhook_secrets", webhook_secrets),
    }


def is_set(name: str, environment: Mapping[str, str]) -> bool:
    """Whether a setting comes with the environment, as itself or as the name of a file."""
    return bool(environment.get(name) or environment.get(f"{name}_FILE"))


def setting(name: str, environment: Mapping[str, str]) -> str | None:
    """A setting's value, from `name` or the file `name`_FILE. Raises LocalError when that is unreadable."""
    if environment.get(name):
        return environment[name]
    path = environment.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LocalError(f"{name}_FILE: {path} cannot be read ({error.strerror})") from error


def compose_environment(
    installation: Installation, *, caller: Mapping[str, str], made: Mapping[str, str], known: frozenset[str]
) -> dict[str, str]:
    """Every setting of the installation: the caller's, else `made` (secrets, addresses), else the default.

    `known` are the names of all settings, of which the caller's values are taken along.
    """
    values = {
        "BIND_HOST": caller.get("BIND_HOST") or "127.0.0.1",
        "LOG_LEVEL": "INFO",
        # A Kafka of one's own may also carry real events: the demonstration keeps to its own topics.
        "TOPIC_PREFIX": "demo." if installation.demo and is_set("KAFKA_BOOTSTRAP_SERVERS", caller) else "",
    }
    for server in SERVERS.values():
        values[server.port_variable] = str(server.port(caller))
        values[server.url_variable] = server.url(caller)
    values["INGEST_PUBLIC_URL"] = values["INGEST_URL"]
    values |= made
    for name in known | values.keys():
        if is_set(name, caller):
            values.pop(name, None)
            for spelling in (name, f"{name}_FILE"):
                if caller.get(spelling):
                    values[spelling] = caller[spelling]
    if is_set(WEBHOOK_SECRETS, caller) and WEBHOOK_SECRETS in made:
        values.pop(f"{WEBHOOK_SECRETS}_FILE", None)
        values[WEBHOOK_SECRETS] = _joined(setting(WEBHOOK_SECRETS, caller) or "", made[WEBHOOK_SECRETS])
    if any(caller.get(name) for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")):
        # The services call each other on this machine: never through a proxy.
        exempt = caller.get("no_proxy") or caller.get("NO_PROXY") or ""
        values["NO_PROXY"] = values["no_proxy"] = ",".join(filter(None, [exempt, "127.0.0.1", "localhost"]))
    # Not the caller's to say: where this is, and that what is invented is marked so.
    values["ECLAIREUR_DATA_DIR"] = str(installation.root)
    values["DEMO"] = "1" if installation.demo else "0"
    return values


def _joined(given: str, made: str) -> str:
    """The caller's secrets, and those made here for sources that the caller's do not name: naming a vendor's
    must not close the door to who was given an own one. What is malformed is left to be refused as it is."""
    try:
        return json.dumps(json.loads(made) | json.loads(given))
    except (ValueError, TypeError):
        return given


def env_text(environment: Mapping[str, str]) -> str:
    """The environment as shell assignments, one a line: a shell can source it, tether.py reads it."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))


def write_environment(installation: Installation, environment: Mapping[str, str]) -> None:
    """Write the environment down for the services and for later commands; only its owner can read it."""
    write_private(installation.env_file, env_text(environment))


def load_environment(root: Path) -> dict[str, str]:
    """The settings that the last start of the installation in `root` wrote down; empty before the first."""
    try:
        return read_assignments(env_file(root))
    except FileNotFoundError:
        return {}
