"""Where in a JSON text the place is that a service names. Pure."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from services.console.policy.editing import index_in

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
Path = tuple[str | int, ...]


def resolved(document: Any, named: Sequence[str]) -> Path:
    """The path to what `named` names, which may also hold the kinds of what it passes ("all", "field").

    The longest that leads somewhere; one that uses the last name before one that does not.
    """
    best: tuple[tuple[bool, int], Path] = ((False, 0), ())

    def look(value: Any, at: int, path: Path, used_last: bool) -> None:
        nonlocal best
        if at == len(named):
            rank = (used_last, len(path))
            best = max(best, (rank, path), key=lambda one: one[0])
            return
        inner = _step(value, named[at])
        if inner is not None:
            look(inner[1], at + 1, (*path, inner[0]), True)
        look(value, at + 1, path, False)

    look(document, 0, (), False)
    return best[1]


def _step(value: Any, name: str) -> tuple[str | int, Any] | None:
    if isinstance(value, dict) and name in value:
        return name, value[name]
    if isinstance(value, list) and (at := index_in(name, value)) is not None:
        return at, value[at]
    return None


def line_of(text: str, path: Path) -> int:
    """The line, from 1, on which the value at `path` of a valid JSON text begins."""
    return next((line for found, line in _values(text) if found == path), 1)


def _values(text: str) -> Iterator[tuple[Path, int]]:
    """Every value with its path, in reading order."""
    path: list[str | int] = []
    before = ""
    for match in _PIECE.finditer(text):
        piece = match[0]
        in_object = bool(path) and isinstance(path[-1], str)
        if piece in ("]", "}"):
            path.pop()
        elif piece == "," and not in_object:
            path[-1] = int(path[-1]) + 1
        elif in_object and before in ("{", ","):
            path[-1] = json.loads(piece)
        elif piece not in (":", ","):
            yield tuple(path), text.count("\n", 0, match.start()) + 1
            if piece in ("[", "{"):
                path.append(0 if piece == "[" else "")
        before = piece
