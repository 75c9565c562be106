"""What can be wrong on a machine, and how to mend it. Each check takes values and returns one finding."""

import os
import platform
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import psutil

from deploy.local import kafka, kafka_jars, postgres
from deploy.local.installation import folder_problem
from deploy.local.process import LocalError, port_is_free
from deploy.local.settings_report import Setting
from deploy.processes import SERVERS, Server

GIGABYTE = 1_000_000_000
LEAST_DISK_BYTES = 2 * GIGABYTE
LEAST_MEMORY_BYTES = 4 * GIGABYTE
LEAST_PYTHON = (3, 11)
COMPANY_LANGUAGES = ("fr", "en")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `remedy` says what to do, empty when there is nothing to do."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def python_version(version: tuple[int, int, int]) -> Check:
    """Whether this Python can run the project."""
    text = ".".join(map(str, version))
    if version[:2] >= LEAST_PYTHON:
        return Check("Python", "ok", text)
    return Check(
        "Python",
        "fail",
        f"{text} is too old",
        "install Python 3.11 or later, then `make setup PYTHON=python3.11`",
    )


def operating_system(system: str, machine: str) -> Check:
    """Whether the packages of Postgres and Java exist for this machine."""
    if system in ("Linux", "Darwin") and machine in ("x86_64", "amd64", "aarch64", "arm64"):
        return Check("System", "ok", f"{system} {machine}")
    return Check(
        "System",
        "fail",
        f"{system} {machine} is not supported",
        "use Linux or macOS on a 64-bit machine (on Windows: WSL)",
    )


def disk_space(free_bytes: int, folder: Path) -> Check:
    """Whether there is room for data to grow a little."""
    detail = f"{free_bytes / GIGABYTE:.1f} GB free for {folder}"
    if free_bytes >= LEAST_DISK_BYTES:
        return Check("Disk", "ok", detail)
    return Check(
        "Disk", "fail", detail, "free at least 2 GB, or choose a folder on another disk with --data-dir"
    )


def memory(available_bytes: int) -> Check:
    """Whether the services, Kafka, Postgres and the embedding model fit."""
    detail = f"{available_bytes / GIGABYTE:.1f} GB available"
    if available_bytes >= LEAST_MEMORY_BYTES:
        return Check("Memory", "ok", detail)
    return Check(
        "Memory", "warn", detail, "the whole suite takes up to 4 GB: close other programs if it becomes slow"
    )


def nearest_folder(path: Path) -> Path:
    """`path`, or the closest folder above it that exists."""
    return next(folder for folder in (path, *path.resolve().parents) if folder.exists())


def data_folder(root: Path, *, demo: bool) -> Check:
    """Whether `root` can hold this kind of installation."""
    try:
        problem = folder_problem(root, demo=demo)
    except LocalError as error:
        problem = str(error)
    if problem:
        return Check("Data folder", "fail", problem, "choose another folder with --data-dir")
    existing = nearest_folder(root)
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check(
            "Data folder", "fail", f"{existing} is not writable", "choose another folder with --data-dir"
        )
    return Check("Data folder", "ok", str(root))


def port(server: Server, environment: Mapping[str, str]) -> Check:
    """Whether a service can listen on its port."""
    name = f"Port of {server.name}"
    try:
        number = server.port(environment)
    except ValueError:
        value = environment[server.port_variable]
        return Check(
            name,
            "fail",
            f"{server.port_variable}={value} is no number",
            f"set it to a port, such as {server.default_port}",
        )
    if port_is_free(number, environment.get("BIND_HOST") or "127.0.0.1"):
        return Check(name, "ok", f"{number} is free")
    owner = _listener(number)
    return Check(
        name,
        "fail",
        f"{number} is taken{f' by {owner}' if owner else ''}",
        f"stop that program, or choose another port: {server.port_variable}={number + 100}",
    )


def _listener(number: int) -> str:
    """Which program listens on a port, when this user may know."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            address: Any = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address.port == number and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return ""


def settings(rows: Sequence[Setting]) -> Check:
    """Whether a start would find every required setting."""
    missing = [row.name for row in rows if row.origin == "missing"]
    if not missing:
        return Check("Settings", "ok", f"{len(rows)} settings")
    return Check(
        "Settings", "fail", f"missing: {', '.join(missing)}", "set them in the environment, or as NAME_FILE"
    )


def embedding_model(
    name: str,
    model_languages: str,
    learnt: Collection[str] = (),
    wanted: Sequence[str] = COMPANY_LANGUAGES,
) -> Check:
    """Whether the model that compares messages was made for the languages that the company writes.

    `learnt`: what it speaks by an adapter besides.
    """
    spoken = {language.strip().lower() for language in model_languages.split(",")} | set(learnt)
    lacking = [language for language in wanted if language not in spoken]
    if not lacking:
        return Check("Embedding model", "ok", f"{name} ({', '.join(sorted(spoken))})")
    return Check(
        "Embedding model",
        "warn",
        f"the {name} model was not made for {', '.join(lacking)}: those messages find templates less often",
        "teach it with `eclaireur replies adapt-language`, or set EMBEDDING_MODEL to the folder of a "
        "multilingual sentence-transformers model, and EMBEDDING_LANGUAGES to what it speaks",
    )


def texts_given(url: str, model: str) -> Check:
    """Where the texts of replies go to be reworded, if anywhere."""
    if not url:
        return Check(
            "Texts", "ok", "no text of a reply is given to a language model: REPHRASE_URL is not set"
        )
    host = urlsplit(url).hostname or ""
    told = f"letters are given to {model or 'a model'} at {url}, without the lead's name and company"
    if host in ("localhost", "127.0.0.1", "::1"):
        return Check("Texts", "ok", f"{told}: on this machine")
    return Check("Texts", "warn", told, "make sure that this address is yours, or unset REPHRASE_URL")


def model_folder(name: str) -> Check:
    """Whether a model that is named by its path is there. Other names are for the worker to find."""
    if name.startswith(("/", ".", "~")) and not Path(name).expanduser().is_dir():
        return Check(
            "Model folder",
            "fail",
            f"there is no folder {name}",
            "set EMBEDDING_MODEL to the folder of a sentence-transformers model, or leave it out",
        )
    return Check("Model folder", "ok", name)


def spool(told: Mapping[str, Any]) -> Check:
    """What waits on this machine's disk for Kafka, as ingest tells it."""
    name = "Spool"
    if told.get("records") is None or not told.get("writable"):
        return Check(
            name,
            "fail",
            "it cannot be read or written, or is full: while Kafka is away events are refused",
            "free the disk, and let the services' user write in the folder INGEST_STATE_DIR",
        )
    if told["records"]:
        return Check(
            name,
            "warn",
            f"{told['records']} records wait for Kafka, the oldest for {told['age_s']:.0f} s",
            "they go by themselves once Kafka answers; do not delete the folder INGEST_STATE_DIR",
        )
    return Check(name, "ok", "empty")


def embedded_postgres() -> Check:
    """Whether the packaged Postgres is there."""
    try:
        return Check("Embedded Postgres", "ok", f"Postgres {postgres.MAJOR_VERSION} in {postgres.binaries()}")
    except LocalError as error:
        return Check("Embedded Postgres", "fail", str(error))


def embedded_kafka() -> Check:
    """Whether the packaged Java and Kafka's jars are there, or can be had."""
    try:
        kafka_jars.java()
    except LocalError as error:
        return Check("Embedded Kafka", "fail", str(error))
    cached = kafka_jars.cached()
    if cached:
        return Check("Embedded Kafka", "ok", f"{len(cached)} jars as locked, in {kafka_jars.cache_folder()}")
    try:
        # An answer of any kind is a network; through the proxy, if any.
        httpx.head(kafka_jars.repository(), timeout=5)
    except httpx.HTTPError as error:
        return Check(
            "Embedded Kafka", "fail", f"not downloaded yet, and its jars cannot be had ({error})",
            "connect to the network once (or set HTTPS_PROXY), or set KAFKA_BOOTSTRAP_SERVERS",
        )  # fmt: skip
    return Check("Embedded Kafka", "ok", "will be downloaded at the first start (44 MB)")


def own_database(url: str) -> Check:
    """Whether the Postgres at `url` answers and has pgvector."""
    import psycopg  # noqa: PLC0415 - only when asked

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version // 10_000
            found = connection.execute(
                "select 1 from pg_available_extensions where name = 'vector'"
            ).fetchone()
    except psycopg.Error as error:
        return Check(
            "Database",
            "fail",
            f"does not answer: {str(error).splitlines()[0]}",
            "check DATABASE_URL and that Postgres runs",
        )
    if not found:
        return Check(
            "Database", "fail", f"Postgres {version} without pgvector", "install pgvector on that server"
        )
    return Check("Database", "ok", f"Postgres {version} with pgvector answers")


def own_broker(bootstrap: str) -> Check:
    """Whether the Kafka at `bootstrap` answers."""
    if kafka.is_ready(bootstrap):
        return Check("Broker", "ok", f"{bootstrap} answers")
    return Check(
        "Broker", "fail", f"{bootstrap} does not answer", "check KAFKA_BOOTSTRAP_SERVERS and that Kafka runs"
    )


def before_start(root: Path, *, demo: bool, environment: Mapping[str, str]) -> list[Check]:
    """What must hold before anything is started: quick, and without the network."""
    return [
        python_version(sys.version_info[:3]),
        operating_system(platform.system(), platform.machine()),
        data_folder(root, demo=demo),
        disk_space(shutil.disk_usage(nearest_folder(root)).free, root),
        model_folder(environment.get("EMBEDDING_MODEL") or "packaged"),
        *(port(server, environment) for server in SERVERS.values()),
    ]


def failures(checks: Sequence[Check]) -> str:
    """The failed checks in words, one a line; empty when there is none."""
    return "\n".join(
        f"{check.name}: {check.detail}{f' - {check.remedy}' if check.remedy else ''}"
        for check in checks
        if check.status == "fail"
    )
