"""CSV files as companies export them: streamed, whatever their size, with errors that say what to do."""

import codecs
import csv
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import charset_normalizer

from shared.errors import UserError

EMPTY_MARKERS = frozenset(
    {"", "-", "--", "select", "select...", "sélectionner", "n/a", "na", "null", "none", "nan"}
    | {"#n/a", "#ref!", "#div/0!", "#value!", "#name?", "#null!", "#num!"}  # formulas that failed
)
DELIMITERS = ",;\t|"
MAX_BYTES = 1_000_000_000

_CHUNK = 1 << 20
_SNIFFED_RECORDS = 20
_SNIFFED_BYTES = 65_536
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# What a file that is neither UTF-8 nor Windows-1252 may be: exports of old systems, of Macs, of Windows.
_OTHER_ENCODINGS = ["utf_16_le", "utf_16_be", "mac_roman", "cp850"]
_REMEMBERED = 40  # characters up to which a cell is likely to come again: a category, a small number
_MAX_DIGITS = 15  # beyond, a float no longer holds every digit: it is a number to call, not to count with

# How a number may be written, what to drop from it, and its decimal mark.
_NUMBERS = (
    (re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"), "", "."),
    (re.compile(r"-?[1-9][0-9]{0,2}(?:[ \u00a0\u202f][0-9]{3})+(?:,[0-9]+)?"), " \u00a0\u202f", ","),
    (re.compile(r"-?(?:0,[0-9]+|[1-9][0-9]*,(?:[0-9]{1,2}|[0-9]{4,})|[1-9][0-9]{3,},[0-9]{3})"), "", ","),
    (re.compile(r"-?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})"), ",", "."),
)
_BOOLEANS = {"true": True, "false": False, "vrai": True, "faux": False}


class TableError(UserError):
    """The file cannot be read as a table; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file that was recognised. Its rows are read anew, and streamed, each time they are asked for."""

    path: Path
    columns: tuple[str, ...]
    encoding: str
    delimiter: str
    before: int = 0
    """Records above the header: a title, or the `sep=;` of Excel."""

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record below the header, whatever its width, with the line that it ends on. Raises TableError
        where a quotation mark is never closed."""
        return islice(_records(self.path, self.encoding, self.delimiter), self.before + 1, None)

    def rows(self) -> Iterator[dict[str, str]]:
        """Each row's texts by column. Raise TableError at the first row that does not fit the header."""
        width = len(self.columns)
        for line, record in self.records():
            if len(record) != width:
                raise TableError(
                    f"Line {line} of {self.path.name} has {len(record)} fields, the header has {width}. "
                    "Put quotation marks around fields that hold the delimiter or a line break, or export "
                    "the file again."
                )
            yield dict(zip(self.columns, record, strict=True))

    def count(self) -> int:
        """The number of rows, having checked that every one fits: nothing is then half imported."""
        return sum(1 for _ in self.rows())

    def require(self, names: Iterable[str]) -> None:
        """Raise TableError for the first name that is not a column, with those that look like it."""
        for name in names:
            if name not in self.columns:
                raise TableError(f'{self.path.name} has no column "{name}". {self._suggestion(name)}')

    def _suggestion(self, name: str) -> str:
        by_folded = {column.casefold(): column for column in self.columns}
        close = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
        listed = [by_folded[folded] for folded in close] or list(self.columns)
        lead = "Did you mean" if close else "Its columns are"
        return f"{lead}: {', '.join(listed)}{'?' if close else '.'}"


def read_rows(path: str | Path, *, delimiter: str | None = None, max_bytes: int = MAX_BYTES) -> Table:
    """As `open_table`; raise TableError also when two columns have the same name."""
    table = open_table(path, delimiter=delimiter, max_bytes=max_bytes)
    _, header = next(islice(_records(table.path, table.encoding, table.delimiter), table.before, None))
    names = [name.strip() for name in header]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise TableError(
            f'{table.path.name} has several columns named "{doubled[0]}". Give each column a name of its own.'
        )
    return table


def open_table(path: str | Path, *, delimiter: str | None = None, max_bytes: int = MAX_BYTES) -> Table:
    """Recognise a CSV file: UTF-8, UTF-16 or else Windows-1252, and a comma, a semicolon, a tab or a bar
    between fields unless `delimiter` is given. Memory does not grow with the file. A column without a name,
    or with another's, gets one of its own.

    Raise TableError when it is absent, empty, larger than `max_bytes`, binary, in another encoding or of one
    column only.
    """
    if delimiter is not None and len(delimiter) != 1:
        raise TableError(
            f"A delimiter is one character, as ; or , (a tab is $'\\t' in the shell): {delimiter!r} is not."
        )
    path = Path(path)
    if not path.is_file():
        raise TableError(f"There is no file {path}.")
    size = path.stat().st_size
    if size > max_bytes:
        raise TableError(
            f"{path.name} has {size:,} bytes, more than the {max_bytes:,} allowed. "
            "Split it into several files, each with the header line."
        )
    encoding = _encoding(path)
    found = delimiter or _delimiter(path, encoding)
    first = [record for _, record in islice(_records(path, encoding, found), _SNIFFED_RECORDS)]
    if not first:
        raise TableError(f"{path.name} is empty: it needs a header line and one line per lead.")
    before = _records_above_header(first)
    columns = tuple(named(first[before]))
    if len(columns) < 2:
        raise TableError(
            f"{path.name} does not look like a CSV file: no comma, semicolon or tab in its first line. "
            "Export it as CSV, or name its delimiter with --delimiter."
        )
    return Table(path, columns, encoding, found, before)


def named(header: Iterable[str]) -> list[str]:
    """A name of its own for each column: `Ville`, `Ville (2)`; `Column 3` for one without."""
    names: list[str] = []
    taken: set[str] = set()
    for position, heading in enumerate(header, start=1):
        plain = " ".join(heading.split()) or f"Column {position}"
        number, name = 2, plain
        while name in taken:
            name = f"{plain} ({number})"
            number += 1
        taken.add(name)
        names.append(name)
    return names


def _records_above_header(records: list[list[str]]) -> int:
    """How many records at the top fill one cell at most, as a title does, before the header's first."""
    if max(len(record) for record in records) < 2:
        return 0
    return next(
        (place for place, record in enumerate(records) if sum(bool(cell.strip()) for cell in record) > 1), 0
    )


def parse_scalar(text: str, empty: frozenset[str] = EMPTY_MARKERS) -> float | int | bool | str | None:
    """What a cell says: None when it is an empty marker, a number, a bool, else its text.

    Numbers, only when there is one way to read them: 12, -3.5, "1 234,56" (space between thousands), "12,5"
    (a comma not followed by exactly three digits, or after 0 or four digits), "1,234.50" and "1,234,567".
    Texts stay: "1,234" (a decimal in French, a thousand in English), "01000" and "+33…" (codes and phones),
    more than fifteen digits (identifiers), "12 %", "3e5". Yes, No, Oui and Non stay categories.
    """
    if len(text) <= _REMEMBERED and empty is EMPTY_MARKERS:
        return _remembered_scalar(text)
    return _read_scalar(text, empty)


@lru_cache(maxsize=50_000)
def _remembered_scalar(text: str) -> float | int | bool | str | None:
    return _read_scalar(text, EMPTY_MARKERS)


def _read_scalar(text: str, empty: frozenset[str]) -> float | int | bool | str | None:
    text = text.strip()
    folded = text.casefold()
    if folded in empty:
        return None
    if folded in _BOOLEANS:
        return _BOOLEANS[folded]
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> float | int | None:
    if sum(character.isdigit() for character in text) > _MAX_DIGITS:
        return None
    for pattern, dropped, mark in _NUMBERS:
        if pattern.fullmatch(text):
            digits = text.translate(dict.fromkeys(map(ord, dropped))).replace(mark, ".")
            return float(digits) if "." in digits else int(digits)
    return None


def _encoding(path: Path) -> str:
    """The encoding, from the whole file: a stray byte at its end must not surface midway."""
    with path.open("rb") as file:
        sample = file.read(_SNIFFED_BYTES)
    for mark, encoding in _MARKS:
        if sample.startswith(mark) and _decodes(path, encoding):
            return encoding
    # Windows-1252 before any guess: on the few accents of a French export the library names a wrong one.
    if b"\0" not in sample:
        for encoding in ("utf-8-sig", "cp1252"):
            if _decodes(path, encoding):
                return encoding
    guess = charset_normalizer.from_bytes(sample, cp_isolation=_OTHER_ENCODINGS).best()
    if guess is not None and "\0" not in str(guess) and _decodes(path, guess.encoding):
        return guess.encoding
    raise TableError(
        f"{path.name} is not text in a known encoding (a spreadsheet under another name?). "
        'Save it as "CSV UTF-8" and try again.'
    )


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if "\0" in decoder.decode(chunk):
                    return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter under which most first records are as wide as the header; the widest if several."""

    def fit(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(r) for _, r in islice(_records(path, encoding, delimiter), _SNIFFED_RECORDS)]
        except TableError:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(DELIMITERS, key=fit)


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record ends, and its fields; blank lines are passed over."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for record in reader:
                if record:
                    yield reader.line_num, record
        except csv.Error as error:
            raise TableError(
                f"Line {reader.line_num} of {path.name} cannot be read ({error}). "
                "Look for a quotation mark that is never closed, or not doubled inside a field."
            ) from error
