"""Why something was not taken, in the language of the page.

The services say it in English and keep it so. A sentence of theirs that is known is the catalogue's key, and
what varies in it goes into its translation; one that is not known stays as it was said, marked as English.
"""

import re
from functools import cache
from typing import Final

from flask_babel import format_decimal, get_locale
from markupsafe import Markup

from services.console.catalogue import gettext
from services.console.refusal_sentences import SENTENCES

_VARIES: Final = re.compile(r"%\((\w+)\)s")
_GROUPED: Final = re.compile(r"\d{1,3}(,\d{3})+")
_QUOTED: Final = re.compile(r"'([^']*)'")


def refusal(said: str) -> str:
    """`said` by a service, in the page's language; safe to put into a page."""
    words = in_words(said)
    return Markup('<span lang="en">{}</span>').format(said) if words is None else words


def in_words(said: str) -> str | None:
    """`said` in the language of the page, as plain text; None when no sentence fits."""
    if str(get_locale()) == "en":
        return said
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(said):
            return gettext(sentence, **{name: _part(value) for name, value in found.groupdict().items()})
    where, colon, rest = said.partition(": ")
    if colon and " " not in where and (why := in_words(rest)) is not None:
        return gettext("%(where)s: %(why)s", where=where, why=why)
    return None


def _part(value: str) -> str:
    """What varies may be a number, a name in quotation marks, or a sentence itself."""
    if _GROUPED.fullmatch(value):
        return str(format_decimal(int(value.replace(",", ""))))
    if quoted := _QUOTED.fullmatch(value):
        return gettext("“%(name)s”", name=quoted[1])
    return in_words(value) or value


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sentence, _pattern(sentence)) for sentence in SENTENCES)


def _pattern(sentence: str) -> re.Pattern[str]:
    """Fits the sentence whatever its parts are; each takes as little as it can."""
    pieces = _VARIES.split(sentence)
    return re.compile(
        "".join(
            f"(?P<{piece}>.+?)" if place % 2 else re.escape(piece.replace("%%", "%"))
            for place, piece in enumerate(pieces)
        ),
        re.DOTALL,
    )
