"""An XLSX sheet as a CSV file: everything after that reads one kind of file.

The workbook is held in memory while it is read, so its size is bounded before it is opened: a small archive
may unpack to gigabytes, and say that it does not.
"""

import csv
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from shared.archives import unpacks_to_more
from shared.tabular import TableError

MAX_UNPACKED_BYTES = 400_000_000
MAX_RATIO = 200  # of unpacked to packed: a workbook of numbers reaches about 20
_SHEETS_TOLD = 50
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what Excel wrote before 2007, and what a password wraps


def is_workbook(path: Path) -> bool:
    """Whether the file says that it is an archive, as XLSX is, whatever its name. Raises TableError for an
    older workbook, and for one that is protected by a password."""
    with path.open("rb") as file:
        first = file.read(8)
    if first == _OLE:
        raise TableError(
            f"{path.name} is a workbook of before 2007 (.xls), or it is protected by a password. Open it, "
            'and save it as .xlsx without a password, or the sheet as "CSV UTF-8".'
        )
    return first.startswith(b"PK\x03\x04")


def sheet_names(path: Path) -> list[str]:
    """The names of the sheets that hold something, in order, hidden ones last. Raises TableError."""
    _check_size(path)
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheets = sorted(
                book.sheets_metadata[:_SHEETS_TOLD],
                key=lambda sheet: sheet.visible != SheetVisibleEnum.Visible,
            )
            names = [sheet.name for sheet in sheets if book.get_sheet_by_name(sheet.name).total_height]
    except (CalamineError, OSError) as error:
        raise _unreadable(path) from error
    if not names:
        raise TableError(f"{path.name} has no sheet with anything in it.")
    return names


def convert(path: Path, sheet: str, target: Path) -> None:
    """Write one sheet as UTF-8 CSV. Dates become ISO 8601, whole numbers lose their `.0`, a merged cell's
    value stands in each of its rows. Raises TableError."""
    _check_size(path)
    try:
        with (
            CalamineWorkbook.from_path(str(path)) as book,
            target.open("w", encoding="utf-8", newline="") as file,
        ):
            found = book.get_sheet_by_name(sheet)
            writer = csv.writer(file)
            for record in _filled(found):
                if any(record):
                    writer.writerow(record)
    except (CalamineError, OSError) as error:
        raise _unreadable(path) from error


def _filled(sheet: Any) -> Iterator[list[str]]:
    """Each row's texts; below the first cell of a merged one stands its value too. Across it does not: what
    is merged across is a title."""
    first_row = sheet.start[0] if sheet.start else 0
    ends: dict[tuple[int, int], int] = {
        (top, left): bottom for (top, left), (bottom, _) in sheet.merged_cell_ranges or () if bottom > top
    }
    open_: dict[int, tuple[int, str]] = {}  # column: (last row, value)
    for number, cells in enumerate(sheet.iter_rows(), start=first_row):
        record = [_text(cell) for cell in cells]
        for column, cell in enumerate(record):
            if (number, column) in ends:
                open_[column] = (ends[number, column], cell)
            elif not cell and column in open_ and number <= open_[column][0]:
                record[column] = open_[column][1]
        yield record


def _text(cell: object) -> str:
    match cell:
        case bool():
            return "true" if cell else "false"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell.total_seconds())
        case _:
            return str(cell).replace("\0", "")


def _check_size(path: Path) -> None:
    """Refuse what would not fit into memory."""
    most = min(MAX_UNPACKED_BYTES, MAX_RATIO * max(path.stat().st_size, 10_000))
    try:
        with path.open("rb") as file:
            too_large = unpacks_to_more(file, most)
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(path) from error
    if too_large:
        raise TableError(
            f"{path.name} unpacks to more than {most:,} bytes, too much to read from a workbook. "
            'Save the sheet as "CSV UTF-8" and import that.'
        )


def _unreadable(path: Path) -> TableError:
    return TableError(
        f"{path.name} cannot be read as a workbook (damaged, or protected by a password?). "
        'Open it and save the sheet as "CSV UTF-8".'
    )
