"""An import as the command line sees it: sent, asked about, followed to its end."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from shared.api_client import ask
from shared.errors import UserError
from shared.progress import shown_progress

ASK_EVERY_S = 0.4
UPLOAD_TIMEOUT_S = 600.0
_SETTLED = frozenset({"checked", "done", "failed", "cancelled", "expired"})

Import = dict[str, Any]


def send(
    client: httpx.Client, file: Path, *, source: str | None, delimiter: str | None, sheet: str | None
) -> Import:
    """Upload a file. Rows without dates are known at the date of their file. Raises UserError."""
    if not file.is_file():
        raise UserError(f"There is no file {file}.")
    changed_at = datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(microsecond=0)
    fields = {
        "known_at": min(changed_at, datetime.now(UTC)).isoformat(),
        "source": source,
        "delimiter": delimiter,
        "sheet": sheet,
    }
    with file.open("rb") as stream:
        return ask(
            client,
            "POST",
            "/v1/imports",
            files={"file": (file.name, stream)},
            data={name: value for name, value in fields.items() if value},
            timeout=UPLOAD_TIMEOUT_S,
        )


def follow(
    client: httpx.Client, one: Import, title: str, sleep: Callable[[float], None] = time.sleep
) -> Import:
    """Return the import once it is checked or has ended, with its progress shown meanwhile. The work goes on
    in the background when this is interrupted. Raises UserError."""
    path = f"/v1/imports/{one['import_id']}"
    with shown_progress(title, total=one["progress"]["rows_total"] or 0) as advance:
        shown, total = 0, one["progress"]["rows_total"] or 0
        while one["status"] not in _SETTLED:
            sleep(ASK_EVERY_S)
            one = ask(client, "GET", path)
            done, total = one["progress"]["rows_done"], one["progress"]["rows_total"] or total
            advance(done - shown, total)
            shown = done
    return one


def show_mapping(one: Import, mapping: dict[str, Any]) -> None:
    """The proposed mapping as a table on standard error."""
    told = {column["name"]: column for column in one["proposed"]["columns"]}
    telling = {mapping[which]["column"] for which in ("won", "lost", "open") if mapping.get(which)}
    table = Table(title=f"{one['file_name']} · {mapping['kind']} · {one['detected']['encoding']}")
    for heading in ("column", "is", "sure", "examples"):
        table.add_column(heading)
    for name, column in mapping["columns"].items():
        seen = told.get(name, {})
        role = "outcome" if name in telling else column["as"]
        form = column.get("date_order") or column.get("number")
        sure = f"{seen.get('confidence', 1):.0%}" if seen.get("as") == column["as"] else "you"
        table.add_row(name, f"{role} ({form})" if form else role, sure, " · ".join(seen.get("examples", ())))
    Console(stderr=True).print(table)
