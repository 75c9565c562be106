"""Reading rows from a company's own database: only where an administrator allows it, and only reading.

An address is one of SQLAlchemy's: postgresql://, mysql://, mariadb:// or sqlite:///. Databases are allowed by
the host in their address as it is written, or by the network of an address in numbers.
"""

import ipaddress
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.pool import NullPool

CONNECT_S: Final = 5
DRIVERS: Final = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite",
}
# All else could lead to another host, or to a file of this one.
PARAMETERS: Final = {"sslmode", "charset", "host", "port"}


class AddressRefused(Exception):
    """The address cannot be read or is not allowed. The message says what to do and repeats no password."""


class QueryFailed(Exception):
    """The database or its answer is at fault. The message is for a person."""


def check_address(address: str, allowed: str) -> URL:
    """The address, when `allowed` (names, addresses, networks and folders, by commas) names where it leads.

    Raises AddressRefused.
    """
    try:
        url = make_url(address.strip())
    except (ArgumentError, ValueError) as error:
        raise AddressRefused("Write it as postgresql://user:password@host/database.") from error
    driver = DRIVERS.get(url.drivername.partition("+")[0])
    if driver is None:
        raise AddressRefused("Only postgresql://, mysql://, mariadb:// and sqlite:/// are read.")
    if unknown := sorted(set(url.query) - PARAMETERS):
        raise AddressRefused(f"Leave out {', '.join(unknown)}: only sslmode and charset may follow the `?`.")
    socket = url.query.get("host")
    place = url.database if driver == "sqlite" else socket or url.host
    if not isinstance(place, str) or not place or (socket and (url.host or not str(socket).startswith("/"))):
        raise AddressRefused("The address names no host, or several.")
    entries = [entry.strip() for entry in allowed.split(",") if entry.strip()]
    in_folder = driver == "sqlite" or socket
    if not any(_within(place, entry) if in_folder else _names(place, entry) for entry in entries):
        setting = f"INGEST_SQL_HOSTS does not name {Path(place).parent if driver == 'sqlite' else place}"
        raise AddressRefused(f"{setting}: an administrator sets which databases may be read.")
    return url.set(drivername=driver)


def _within(path: str, folder: str) -> bool:
    return folder.startswith("/") and Path(path).resolve().is_relative_to(Path(folder).resolve())


def _names(host: str, entry: str) -> bool:
    if host.lower() == entry.lower():
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def read_rows(url: URL, query: str, since: Any, *, most: int, timeout_s: int) -> list[dict[str, Any]]:
    """At most `most` rows of `query`, whose `:since` is `since`, by column name. Raises QueryFailed."""
    try:
        with _reading(url, timeout_s) as connection:
            streamed = {"stream_results": True}
            with connection.execute(text(query), {"since": since}, execution_options=streamed) as result:
                return [dict(row) for row in result.mappings().fetchmany(most)]
    except DBAPIError as error:
        raise QueryFailed(f"the database says: {str(error.orig).splitlines()[0][:300]}") from error
    except StatementError as error:
        raise QueryFailed("the query has another `:name` than :since; write a colon in it as \\:") from error
    except SQLAlchemyError as error:
        raise QueryFailed(f"the query could not be run ({type(error).__name__})") from error


@contextmanager
def _reading(url: URL, timeout_s: int) -> Iterator[Connection]:
    """A connection that cannot write, and that gives up after `timeout_s`."""
    if url.drivername == "sqlite":
        with _reading_sqlite(str(url.database), timeout_s) as connection:
            yield connection
        return
    postgres = url.drivername.startswith("postgresql")
    waits = {} if postgres else {"read_timeout": timeout_s + CONNECT_S}
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_S, **waits})
    with engine.connect() as connection:
        if postgres:
            connection.execution_options(postgresql_readonly=True)
            connection.execute(text(f"SET LOCAL statement_timeout = {timeout_s * 1000}"))
        else:
            connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
            limit = (
                f"max_statement_time = {timeout_s}"
                if getattr(connection.dialect, "is_mariadb", False)
                else f"max_execution_time = {timeout_s * 1000}"
            )
            connection.execute(text(f"SET SESSION {limit}"))
            connection.commit()  # what follows is a transaction of its own, which cannot write
        yield connection
        connection.rollback()


@contextmanager
def _reading_sqlite(path: str, timeout_s: int) -> Iterator[Connection]:
    deadline = time.monotonic() + timeout_s

    def connect() -> sqlite3.Connection:
        opened = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=CONNECT_S)
        opened.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        return opened

    with create_engine("sqlite://", creator=connect, poolclass=NullPool).connect() as connection:
        yield connection


def plain(value: Any) -> Any:
    """A column's value as JSON has it; None for what is no text, number, truth or time."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if abs(value) < float("inf") else None
        case Decimal():
            return (
                (int(value) if value == value.to_integral_value() else float(value))
                if value.is_finite()
                else None
            )
        case datetime() | date() | time_of_day():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return None
