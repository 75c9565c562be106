"""The files of imports, each in a folder of its own that nobody else can read, and what they hold."""

import hashlib
import os
import shutil
from dataclasses import asdict, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid4

from werkzeug.utils import secure_filename

from services.ingest.imports import store
from services.ingest.imports.errors_file import unescaped
from services.ingest.imports.mapping import OWN_COLUMNS, ImportRefused
from services.ingest.imports.proposing import propose
from services.ingest.imports.spreadsheets import convert, is_workbook, sheet_names
from shared.postgres import Connection
from shared.tabular import Table, open_table

FIRST_ROWS = 5
_CHUNK = 1 << 20
_CELL_SHOWN = 200
_AS_TABLE = "sheet.csv"


class Kept:
    """A file under the imports' folder, its SHA-256 and size."""

    def __init__(self, folder: Path, stream: IO[bytes], name: str) -> None:
        """Write `stream` there, in bounded memory. Raises OSError when the disk does not take it."""
        printable = "".join(character for character in name[-200:] if character.isprintable())
        self.import_id, self.name = uuid4(), printable or "file.csv"
        self.folder = _folder(folder, self.import_id)
        self.folder.mkdir(parents=True, mode=0o700)
        self.path = self.folder / (secure_filename(self.name) or "file.csv")
        digest, self.bytes = hashlib.sha256(), 0
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                self.bytes += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        self.sha256 = digest.hexdigest()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def receive(
    connection: Connection,
    kept: Kept,
    *,
    source: str | None,
    known_at: datetime,
    sheet: str | None = None,
    delimiter: str | None = None,
    from_folder: tuple[str, str] | None = None,
) -> store.Import:
    """Look at a kept file and write it down with what it seems to be. `from_folder` is the file of the
    watched folder and its stamp. Raises TableError (the file is then removed) when it is no table."""
    try:
        table, sheets, sheet = _as_table(kept.path, sheet, delimiter)
        if OWN_COLUMNS & set(table.columns):  # rows that were given back: their cells were escaped
            table = replace(table, columns=tuple(map(unescaped, table.columns)))
        proposal = propose(table)
    except Exception:
        kept.remove()
        raise
    header = header_sha256(table.columns)
    saved = store.saved_mapping(connection, header, source)
    called = source or (saved["source"] if saved else f"import:{Path(kept.name).stem.strip()[:80]}")
    called = "".join(character for character in called if character.isprintable()).replace("|", "-")
    width = len(table.columns)
    first = [
        [cell[:_CELL_SHOWN] for cell in record]
        for _, record in islice(table.records(), 50)
        if len(record) == width
    ][:FIRST_ROWS]
    detected = {
        "columns": list(table.columns),
        "encoding": table.encoding,
        "delimiter": table.delimiter,
        "before": table.before,
        "sheet": sheet,
        "sheets": sheets,
        "first_rows": first,
    }
    columns = [asdict(column) | {"as": column.role} for column in proposal.columns]
    proposed = {
        "columns": columns,
        "mapping": {**saved, "source": called} if saved else proposal.mapping(called),
        "confirmed_before": saved is not None,
        "doubts": []
        if saved
        else [
            {"column": column.name, **asdict(doubt)} for column in proposal.columns for doubt in column.doubts
        ],
    }
    return store.add(
        connection,
        {
            "import_id": kept.import_id,
            "file_name": kept.name,
            "bytes": kept.bytes,
            "sha256": kept.sha256,
            "origin": "folder" if from_folder else "upload",
            "origin_file": from_folder[0] if from_folder else None,
            "origin_stamp": from_folder[1] if from_folder else None,
            "source": called,
            "header_sha256": header,
            "detected": detected,
            "proposed": proposed,
            "known_at": known_at,
        },
    )


def table_of(folder: Path, one: store.Import) -> Table:
    """The file of an import, as it was recognised. Raises ImportRefused when it is no longer there."""
    detected: dict[str, Any] = one["detected"]
    where = _folder(folder, one["import_id"])
    path = (
        where / _AS_TABLE if detected["sheet"] else where / (secure_filename(one["file_name"]) or "file.csv")
    )
    if not path.is_file():
        raise ImportRefused("The file is no longer kept here. Bring it in again.")
    return Table(
        path, tuple(detected["columns"]), detected["encoding"], detected["delimiter"], detected["before"]
    )


def remove(folder: Path, import_id: UUID) -> None:
    shutil.rmtree(_folder(folder, import_id), ignore_errors=True)


def header_sha256(columns: tuple[str, ...]) -> str:
    """The same for the file and for the rows of it that were given back for mending."""
    return hashlib.sha256(
        "\x1f".join(name for name in columns if name not in OWN_COLUMNS).encode()
    ).hexdigest()


def _folder(folder: Path, import_id: UUID) -> Path:
    return folder / str(import_id)


def _as_table(path: Path, sheet: str | None, delimiter: str | None) -> tuple[Table, list[str], str | None]:
    """The table, the sheets there are, and which one it is."""
    if not is_workbook(path):
        return open_table(path, delimiter=delimiter), [], None
    sheets = sheet_names(path)
    if sheet is not None and sheet not in sheets:
        raise ImportRefused(f"There is no sheet {sheet!r}. The sheets are: {', '.join(sheets)}.")
    chosen = sheet or sheets[0]
    target = path.with_name(_AS_TABLE)
    convert(path, chosen, target)
    target.chmod(0o600)
    return open_table(target), sheets, chosen
