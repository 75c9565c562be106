"""English texts with their translation, from files: cleaned, checked and each kept once."""

import csv
import gzip
import html
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.errors import UserError

SENTENCES, WORDS, REPLIES = "sentences.tsv", "words.tsv", "replies.tsv"
"""Pairs written for the purpose, in the folder of their language."""
HEADERS: Final = {("source", "target"), ("english", "translation")}
MAX_WORDS = 45
"""On either side; longer texts are cut by the trainer's window, and their halves no longer match."""
MAX_BYTES = 200_000_000
"""Of a file, unpacked: what is read is held in memory."""
_LEAST_RATIO, _GREATEST_RATIO, _SHORT = 0.45, 2.6, 15
_MARKUP = re.compile(
    r"<[^<>]*>|\{\{.*?\}\}|\(\(.*?\)\)|\$\{.*?\}|%\{\w+\}|%\(?\w*\)?[sd]\b|\[!\w+[^\]]*\]|\\!|[*`_|]+"
)
_WORD = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One English text and what it is in the language to learn; pairs of a topic may follow one another."""

    english: str
    translation: str
    topic: str = ""


def read_pairs(path: Path) -> list[Pair]:
    """The usable pairs of a file: English, tab, translation, and maybe a tab and a topic; `.gz` is unpacked.

    A header, blank lines and lines that begin with `#` are skipped. Raises UserError when there is no such
    file, it is no such text, it is too large, or not one of its lines is a pair.
    """
    try:
        text = _text(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as UTF-8 text: {error}") from None
    found = usable(_rows(text))
    if not found:
        raise UserError(f"{path} holds no pair: two columns separated by a tab are needed, English first")
    return found


def usable(rows: Iterable[Sequence[str]]) -> list[Pair]:
    """Cleaned pairs in their order, without doubles and without those that cannot be translations."""
    found: dict[tuple[str, str], Pair] = {}
    for row in rows:
        pair = Pair(clean(row[0]), clean(row[1]), row[2].strip() if len(row) > 2 else "")
        if _plausible(pair):
            found.setdefault((pair.english.lower(), pair.translation.lower()), pair)
    return list(found.values())


def clean(text: str) -> str:
    """The text without markup and placeholders, on one line."""
    return " ".join(_MARKUP.sub(" ", html.unescape(text)).replace("’", "'").split())


def _text(path: Path) -> str:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB: split it, and give the parts")
    return data.decode("utf-8-sig")


def _rows(text: str) -> Iterator[Sequence[str]]:
    for row in csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE):
        if len(row) >= 2 and not row[0].startswith("#") and tuple(map(str.lower, row[:2])) not in HEADERS:
            yield row


def _plausible(pair: Pair) -> bool:
    lengths = len(pair.english), len(pair.translation)
    if not all(map(_WORD.search, (pair.english, pair.translation))) or pair.english == pair.translation:
        return False
    if max(len(pair.english.split()), len(pair.translation.split())) > MAX_WORDS:
        return False
    return lengths[0] <= _SHORT or _LEAST_RATIO < lengths[1] / lengths[0] < _GREATEST_RATIO
