"""How often the encoding of a French export is found, by Éclaireur and by charset-normalizer alone.

`python -m bench.encodings`: files found of those tried, and CPU. See docs/imports.md.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import charset_normalizer
from rich.console import Console
from rich.table import Table

from shared.tabular import TableError, open_table

ENCODINGS = ("utf-8", "utf-16", "cp1252", "mac_roman", "cp850")
COMPANIES = (
    "Élan Hydraulique",
    "Forêt Énergie",
    "Mécanique générale",
    "Pompes à chaleur SA",
    "Açores Import",
)
CITIES = ("Lyon", "Nîmes", "Besançon", "Metz", "Orléans")
FILES = 40


def export(draw: random.Random, rows: int) -> str:
    delimiter = draw.choice(";,\t|")
    lines = [delimiter.join(("Réf", "Société", "Ville", "Créé le", "Montant"))]
    for number in range(rows):
        cells = (f"P-{number}", draw.choice(COMPANIES), draw.choice(CITIES), f"{number % 28 + 1:02}/03/2025")
        lines.append(delimiter.join((*cells, str(number))))
    return "\n".join(lines) + "\n"


def ours(path: Path) -> str | None:
    try:
        return path.read_bytes().decode(open_table(path).encoding)
    except TableError:
        return None


def theirs(path: Path) -> str | None:
    best = charset_normalizer.from_bytes(path.read_bytes()).best()
    return None if best is None else str(best)


def main() -> None:
    draw = random.Random(3)  # noqa: S311 - invented data
    sides: dict[str, Callable[[Path], str | None]] = {"Éclaireur": ours, "charset-normalizer": theirs}
    table = Table("encoding", "rows", *(f"{name} {unit}" for name in sides for unit in ("found", "ms")))
    with tempfile.TemporaryDirectory(prefix="eclaireur-bench-") as folder:
        path = Path(folder) / "export.csv"
        for encoding in ENCODINGS:
            for rows in (2, 20, 200):
                found, cpu_s = dict.fromkeys(sides, 0), dict.fromkeys(sides, 0.0)
                for _ in range(FILES):
                    text = export(draw, rows)
                    path.write_bytes(text.encode(encoding))
                    for name, read in sides.items():
                        start = time.process_time()
                        found[name] += read(path) == text
                        cpu_s[name] += time.process_time() - start
                told = ((f"{found[name]}/{FILES}", f"{cpu_s[name] / FILES * 1e3:.1f}") for name in sides)
                table.add_row(encoding, str(rows), *(cell for pair in told for cell in pair))
    Console().print(table)


if __name__ == "__main__":
    main()
