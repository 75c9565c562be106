"""JSON laid out for reading and editing: one value a line. Pure."""

import json
import re
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def laid_out(text: str) -> str:
    """`text` with other space between its tokens, when it is JSON on one line; else as it is.

    The tokens stay as they are: written anew, numbers would change and names that stand twice be lost.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    if "\n" in text.strip():
        return text
    written: list[str] = []
    depth, before = 0, ""
    for token in _TOKEN.findall(text):
        if token in ("]", "}"):
            depth -= 1
        empty = before + token in ("[]", "{}")
        if not empty and (before in ("[", "{", ",") or token in ("]", "}")):
            written.append("\n" + "  " * depth)
        elif before == ":":
            written.append(" ")
        if token in ("[", "{"):
            depth += 1
        written.append(token)
        before = token
    return "".join(written)
