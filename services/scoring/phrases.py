"""Tables of phrases, one JSON file a language, the same keys in each."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson

LANGUAGES = ("fr", "en")


@cache
def read_phrases(folder: Path, language: str) -> dict[str, Any]:
    """The table of one language. Raise KeyError when there is none."""
    if language not in LANGUAGES:
        raise KeyError(language)
    table: dict[str, Any] = orjson.loads((folder / f"{language}.json").read_bytes())
    return table
