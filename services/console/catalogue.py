"""Words in the language of the page. English is the key of the catalogue in locale/."""

import flask_babel


def N_(words: str) -> str:
    """Marks words that are translated when they are said; Babel finds them by this name."""
    return words


def gettext(words: str, **variables: object) -> str:
    return str(flask_babel.gettext(words, **variables))


def ngettext(one: str, many: str, count: int, **variables: object) -> str:
    """`one` or `many` by the plural rule of the language; `%(num)s` stands for `count`."""
    return str(flask_babel.ngettext(one, many, count, **variables))


def pgettext(sense: str, words: str) -> str:
    """`words` in one of their senses, where other languages have several words for them."""
    return str(flask_babel.pgettext(sense, words))
