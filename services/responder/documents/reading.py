"""Files → sections: what stands under which headings. Pure.

Each format is brought to headings and paragraphs; layout, pictures, scripts and comments are not read.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import dropwhile
from pathlib import PurePath
from typing import Final

from shared.archives import unpacks_to_more
from shared.errors import UserError

MAX_BYTES: Final = 10_000_000
MAX_PAGES: Final = 500
MAX_UNPACKED_BYTES: Final = 100_000_000

_NUMBER: Final = re.compile(r"\d+")

# Text of a level (1 to 6, the deepest last) or, at level 0, of a paragraph.
Block = tuple[int, str]


class DocumentRefused(UserError):
    """The file is not one to learn from; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Section:
    """Paragraphs that stand together, under these headings, the outermost first."""

    headings: tuple[str, ...]
    paragraphs: tuple[str, ...]


def read(name: str, content: bytes) -> list[Section]:
    """The sections of a file, in order, those without a text left out.

    Raise DocumentRefused when its format (by the ending of `name`) is not known, it is damaged, protected or
    too large, or no text is in it.
    """
    reader = _READERS.get(PurePath(name).suffix.lower())
    if reader is None:
        raise DocumentRefused(
            f"{name}: this kind of file is not read. Those that are: {', '.join(sorted(_READERS))}."
        )
    if len(content) > MAX_BYTES:
        raise DocumentRefused(f"{name} is larger than {MAX_BYTES:,} bytes. Split it, or save it as text.")
    sections = list(_sections(reader(name, content)))
    if not sections:
        raise DocumentRefused(
            f"No text was found in {name}. If it is a scan, have its text recognised first; "
            "else copy the text into a .txt or .md file."
        )
    return sections


def decoded(name: str, content: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16 where it says so, else Windows-1252. Raise DocumentRefused when it
    is none of these."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise DocumentRefused(f'{name} is not a text. Save it as "UTF-8" and try again.')


def _sections(blocks: Iterator[Block]) -> Iterator[Section]:
    headings: list[tuple[int, str]] = []
    paragraphs: list[str] = []
    for level, raw in blocks:
        text = _storable(raw)
        if not text:
            continue
        if level == 0:
            paragraphs.append(text)
            continue
        if paragraphs:
            yield Section(tuple(heading for _, heading in headings), tuple(paragraphs))
        headings = [(depth, heading) for depth, heading in headings if depth < level]
        headings.append((level, " ".join(text.split())))
        paragraphs = []
    if paragraphs:
        yield Section(tuple(heading for _, heading in headings), tuple(paragraphs))


def _storable(text: str) -> str:
    # What a PDF calls text may hold anything; Postgres holds neither U+0000 nor half a character.
    text = text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
    return "\n".join(line for line in (" ".join(line.split()) for line in text.splitlines()) if line)


def _text(name: str, content: bytes) -> Iterator[Block]:
    for paragraph in re.split(r"\n\s*\n", decoded(name, content).replace("\r\n", "\n")):
        yield 0, paragraph


def _markdown(name: str, content: bytes) -> Iterator[Block]:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - only where a file is read

    return _blocks(MarkdownIt("commonmark").enable("table").render(decoded(name, content)))


def _html(name: str, content: bytes) -> Iterator[Block]:
    return _blocks(decoded(name, content))


class _Blocks(HTMLParser):
    """Cuts HTML where its blocks begin and end. As events, without a tree: nesting costs nothing."""

    _SKIPPED = frozenset({"script", "style", "template", "noscript", "head", "svg"})
    _CUT = frozenset(
        {"p", "div", "section", "article", "header", "footer", "nav", "main", "aside", "ul", "ol", "li", "dl"}
        | {"dt", "dd", "table", "tr", "pre", "blockquote", "figure", "form", "body", "html"}
    )
    _HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._pieces: list[str] = []
        self._level = 0
        self._skipping: str | None = None

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if self._skipping is None and tag in self._SKIPPED:
            self._skipping = tag
        self._at(tag, opened=True)

    def handle_endtag(self, tag: str) -> None:
        if tag in (self._skipping, "html"):
            self._skipping = None
        self._at(tag, opened=False)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self._at(tag, opened=False)

    def handle_data(self, data: str) -> None:
        if self._skipping is None:
            self._pieces.append(data if self._level else data.replace("\n", " "))

    def close(self) -> None:
        super().close()
        self._flush()

    def _at(self, tag: str, *, opened: bool) -> None:
        if tag == "br":
            self._pieces.append("\n")
        elif tag in ("td", "th"):
            self._pieces.append(" ")
        elif tag in self._CUT or tag in self._HEADINGS:
            self._flush()
            self._level = self._HEADINGS.get(tag, 0) if opened else 0

    def _flush(self) -> None:
        self.blocks.append((self._level, "".join(self._pieces)))
        self._pieces = []


def _blocks(markup: str) -> Iterator[Block]:
    parser = _Blocks()
    parser.feed(markup)
    parser.close()
    return iter(parser.blocks)


def _word(name: str, content: bytes) -> Iterator[Block]:
    import docx  # noqa: PLC0415
    from docx.table import Table  # noqa: PLC0415

    damaged = DocumentRefused(
        f"{name} cannot be read as a Word document (damaged, or protected by a password?). "
        "Open it and save it as .docx without a password."
    )
    try:
        if unpacks_to_more(io.BytesIO(content), MAX_UNPACKED_BYTES):
            raise DocumentRefused(f"{name} unpacks to more than {MAX_UNPACKED_BYTES:,} bytes. Split it.")
        parts = list(docx.Document(io.BytesIO(content)).iter_inner_content())
    except DocumentRefused:
        raise
    except Exception as error:  # the library lets whatever its parts meet through
        raise damaged from error
    for part in parts:
        if isinstance(part, Table):
            for row in part.rows:
                yield 0, " ".join(dict.fromkeys(cell.text for cell in row.cells))
            continue
        # The style's id is the same in every language; its name is "Titre 1" in French.
        style = part.style.style_id if part.style else ""
        styled = re.fullmatch(r"(?:Heading|Titre)([1-6])|(Title|Titre)", style)
        yield (int(styled[1] or 1) if styled else 0), part.text


def _pdf(name: str, content: bytes) -> Iterator[Block]:
    from pypdf import PdfReader  # noqa: PLC0415
    from pypdf.errors import PdfReadError  # noqa: PLC0415

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentRefused(f"{name} is protected by a password. Save it without one.")
        if len(reader.pages) > MAX_PAGES:
            raise DocumentRefused(f"{name} has more than {MAX_PAGES} pages. Split it.")
        pages = [page.extract_text() for page in reader.pages]
    except DocumentRefused:
        raise
    except (PdfReadError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DocumentRefused(f"{name} cannot be read as a PDF: it is damaged. Save it again.") from error
    lines = [[" ".join(line.split()) for line in page.splitlines()] for page in pages]
    for page in _without_edges(lines):
        for paragraph in re.split(r"\n\s*\n", "\n".join(page)):
            yield 0, _unwrapped(paragraph)


def _without_edges(pages: list[list[str]]) -> list[list[str]]:
    """Pages without what begins or ends most of them, numbers aside: headers and footers."""
    if len(pages) < 3:
        return pages
    counted = Counter(form for page in pages for form in {_NUMBER.sub("#", line) for line in page})

    def repeated(line: str) -> bool:
        return counted[_NUMBER.sub("#", line)] > len(pages) / 2

    def trimmed(page: list[str]) -> list[str]:
        return list(dropwhile(repeated, page))[::-1]

    return [trimmed(trimmed(page)) for page in pages]


def _unwrapped(paragraph: str) -> str:
    """Lines joined that the width of the page cut, words joined that a hyphen cut."""
    joined = re.sub(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])", "", paragraph)
    return re.sub(r"(?<![.:;!?])\n(?=[^\W\d_])", " ", joined)


_READERS: Final[Mapping[str, Callable[[str, bytes], Iterator[Block]]]] = {
    ".txt": _text,
    ".md": _markdown,
    ".html": _html,
    ".htm": _html,
    ".docx": _word,
    ".pdf": _pdf,
}
KINDS: Final = (*sorted(_READERS), ".csv")
"""Endings of the files that are read; `questions` reads the last."""
