"""Text that people and programs send."""

from typing import Annotated

from pydantic import AfterValidator


def _storable(text: str) -> str:
    if "\0" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
        raise ValueError("holds a character that cannot be stored: U+0000 or half of a surrogate pair")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Neither JSON for a hash nor Postgres holds every Python string."""
