"""How much memory an import holds, and how fast it reads, without Kafka and Postgres. See bench/README.md.

`python -m bench.imports --rows 200000` and `--xlsx`.
"""

import csv
import json
import resource
import tempfile
import time
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import typer
import xlsxwriter

from services.ingest.imports.checking import Keys, check
from services.ingest.imports.mapping import Condition, Mapping
from services.ingest.imports.proposing import propose
from services.ingest.imports.rows import RowReader
from services.ingest.imports.running import Run, chunks
from services.ingest.imports.spreadsheets import convert, sheet_names
from shared.tabular import open_table

HEADER = ("Réf", "E-mail", "Société", "Créé le", "Secteur", "Effectif", "Montant", "Issue")


def row(number: int) -> tuple[str, ...]:
    """About 110 bytes."""
    return (
        f"P-{number:07}",
        f"claire.durand{number}@example{number % 5000}.fr",
        f"Hydromécanique {number % 5000} SAS",
        f"{1 + number % 28:02}/{1 + number % 12:02}/2025",
        ("eau", "énergie", "chimie")[number % 3],
        str(number % 400),
        f"{number % 90} {number % 1000:03},50",
        "gagné" if number % 4 == 0 else "perdu",
    )


def resident_mb() -> float:
    """The most that this process held until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: int = 200_000, xlsx: bool = False) -> None:
    """Print {rows, file_mb, before_mb, peak_mb, rows_per_s} as JSON."""
    with tempfile.TemporaryDirectory(prefix="eclaireur-bench-") as folder:
        path = _written(Path(folder), rows, xlsx)
        before, start = resident_mb(), time.perf_counter()
        source = path
        if xlsx:
            source = path.with_name("sheet.csv")
            convert(path, sheet_names(path)[0], source)
        table = open_table(source)
        mapping = Mapping.model_validate(propose(table).mapping("bench"))
        mapping = mapping.model_copy(update={"won": Condition(column="Issue", values=["gagné"])})
        now = datetime.now(UTC)
        check(table, mapping, now, now, validate=False)
        run, position, events = Run(None, RowReader(mapping, table.columns, now), Keys()), 0, 0
        for chunk in chunks(table, 0):
            read = run.read(chunk, position, now)
            events += len(run.tell(read, {}, now).outgoing)
            position += len(chunk)
        found = {
            "rows": position,
            "events": events,
            "file_mb": round(path.stat().st_size / 1e6, 1),
            "before_mb": round(before),
            "peak_mb": round(resident_mb()),
            "rows_per_s": round(position / (time.perf_counter() - start)),
        }
    typer.echo(json.dumps(found))


def _written(folder: Path, rows: int, xlsx: bool) -> Path:
    if xlsx:
        path = folder / "leads.xlsx"
        with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
            sheet = book.add_worksheet()
            for number, cells in enumerate(chain([HEADER], map(row, range(rows)))):
                sheet.write_row(number, 0, cells)
        return path
    path = folder / "leads.csv"
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER)
        writer.writerows(map(row, range(rows)))
    return path


if __name__ == "__main__":
    typer.run(main)
