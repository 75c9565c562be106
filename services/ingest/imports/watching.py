"""The watched folder: one sub-folder a source, its files imported by themselves under a saved mapping.

A file is taken once it no longer changes. It stays where it is until its import ends, then moves to `done/`,
or to `failed/`, with the rows that were refused beside it. Without a saved mapping it waits, in the list of
imports, for a person to confirm one.
"""

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from services.ingest.imports import errors_file, files, store
from services.ingest.imports.mapping import ImportRefused, Mapping
from shared.postgres import Connection, Pool
from shared.tabular import TableError

log = structlog.get_logger()

DONE, FAILED = "done", "failed"
_ENDS = {"done": DONE, "failed": FAILED, "cancelled": FAILED, "expired": FAILED}
_SUFFIXES = {".csv", ".txt", ".tsv", ".xlsx"}
BY = "watched folder"


@dataclass(slots=True)
class Watched:
    """`scan` looks at the folder once. `_last` is what each file looked like at the look before."""

    pool: Pool
    imports_folder: Path
    folder: Path
    _last: dict[Path, str] = field(default_factory=dict)

    def scan(self) -> bool:
        """Take what is whole, put away what has ended. One worker does it at a time. Raises
        psycopg.OperationalError while Postgres is away."""
        found = {path: stamp for path in self._candidates() if (stamp := _stamp(path))}
        with self.pool.connection() as connection:
            if not store.lock_source(connection, BY):
                return False
            try:
                for path, stamp in found.items():
                    if self._last.get(path) == stamp:
                        self._look_after(connection, path, stamp)
                        connection.commit()
            finally:
                store.unlock_source(connection, BY)
        self._last = found
        return False

    def _candidates(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(
            path
            for source in self.folder.iterdir()
            if source.is_dir() and not source.is_symlink()
            for path in source.iterdir()
            if path.is_file()
            and not path.is_symlink()
            and not path.name.startswith((".", "~"))
            and path.suffix.lower() in _SUFFIXES
        )

    def _look_after(self, connection: Connection, path: Path, stamp: str) -> None:
        name = str(path.relative_to(self.folder))
        one = store.from_folder(connection, name, stamp)
        if one is None:
            self._take(connection, path, name, stamp)
        elif one["status"] in _ENDS:
            self._put_away(connection, path, one)

    def _take(self, connection: Connection, path: Path, name: str, stamp: str) -> None:
        source = path.parent.name
        try:
            with path.open("rb") as stream:
                kept = files.Kept(self.imports_folder, stream, path.name)
            changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(microsecond=0)
            one = files.receive(
                connection,
                kept,
                source=source,
                known_at=min(changed_at, datetime.now(UTC)),
                from_folder=(name, stamp),
            )
        except OSError as error:
            log.warning("watched_file_unreadable", error=type(error).__name__)
            return
        except (TableError, ImportRefused) as error:
            _move(path, _free(path, FAILED), str(error))
            log.warning("watched_file_refused", source=source)
            return
        if one["proposed"]["confirmed_before"]:
            mapping = Mapping.model_validate(one["proposed"]["mapping"]).model_dump(
                mode="json", by_alias=True, exclude_none=True
            )
            store.start(connection, one["import_id"], mapping, BY)
            log.info("watched_file_taken", import_id=str(one["import_id"]), source=source)
        else:
            log.warning("watched_file_waits_for_a_mapping", import_id=str(one["import_id"]), source=source)

    def _put_away(self, connection: Connection, path: Path, one: store.Import) -> None:
        known = store.read(connection, one["import_id"])
        if known is None:
            return
        target = _free(path, _ENDS[one["status"]])
        if one["refused"]:
            # Whole before the file goes: killed in between, the next look does both again.
            rows = store.errors(connection, one["import_id"])
            scratch = target.with_name(f".{target.name}.errors")
            with scratch.open("w", encoding="utf-8", newline="") as file:
                file.writelines(errors_file.write(known["detected"]["columns"], rows))
            scratch.rename(target.with_name(f"{target.name}.errors.csv"))
        _move(path, target, known["error"])


def _stamp(path: Path) -> str:
    """Changes with the file; empty when it is gone or empty."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}" if found.st_size else ""


def _free(path: Path, folder: str) -> Path:
    """Where the file goes: the sub-folder, under a name that is free there."""
    target = path.parent / folder
    target.mkdir(exist_ok=True)
    free, number = target / path.name, 2
    while free.exists():
        free = target / f"{path.stem} ({number}){path.suffix}"
        number += 1
    return free


def _move(path: Path, target: Path, error: str | None) -> None:
    """The reason beside it first, when it failed, then the file."""
    if error:
        target.with_name(f"{target.name}.reason.txt").write_text(f"{error}\n", encoding="utf-8")
    shutil.move(path, target)
