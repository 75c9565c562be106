"""Words in the language of the page. English is the key of the catalogue in locale/."""

import flask_babel


def gettext(words: str, **variables: object) -> str:
    return str(flask_babel.gettext(words, **variables))


def ngettext(one: str, many: str, count: int, **variables: object) -> str:
    """`one` or `many` by the plural rule of the language; `%(num)s` stands for `count`."""
    return str(flask_babel.ngettext(one, many, count, **variables))
