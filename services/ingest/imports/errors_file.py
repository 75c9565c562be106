"""Refused rows as a CSV file to mend and import again. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from services.ingest.imports.mapping import KEY_COLUMN, OWN_COLUMNS, REASON_COLUMN

# A spreadsheet would run a cell that begins so (OWASP, CSV injection).
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")
_MARK = "'"


def escaped(cell: str) -> str:
    """`cell` with a quote before it where a spreadsheet would take it for a formula."""
    dangerous = cell.lstrip(_MARK).startswith(_RUN_BY_SPREADSHEETS)
    return _MARK + cell if dangerous else cell


def unescaped(cell: str) -> str:
    """What `escaped` was given."""
    return (
        cell[1:] if cell.startswith(_MARK) and cell.lstrip(_MARK).startswith(_RUN_BY_SPREADSHEETS) else cell
    )


def write(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The file in pieces: the file's own columns, then which row it was and why it was refused. It starts
    with a byte order mark, so that Excel reads it as UTF-8. A row with more fields than columns keeps
    them all."""
    own = [place for place, name in enumerate(columns) if name not in OWN_COLUMNS]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([*(escaped(columns[place]) for place in own), KEY_COLUMN, REASON_COLUMN])
    for row in rows:
        fields = row["fields"]
        cells = [fields[place] if place < len(fields) else "" for place in own]
        cells[-1] = (
            ",".join([cells[-1], *fields[len(columns) :]]) if len(fields) > len(columns) else cells[-1]
        )
        writer.writerow([*map(escaped, cells), escaped(row["row_key"]), escaped(row["reason"])])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
