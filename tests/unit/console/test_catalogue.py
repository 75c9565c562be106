"""The French catalogue: complete, fresh, and compiled from what is committed."""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CONSOLE = Path(__file__).parents[3] / "services" / "console"
FRENCH = CONSOLE / "locale" / "fr" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def catalogue() -> Catalog:
    with (FRENCH / "messages.po").open("rb") as file:
        return read_po(file, locale="fr")


def used() -> set[str | tuple[str, ...]]:
    found = extract_from_dir(CONSOLE, METHODS, {"templates/**.html": {"silent": "false"}})
    return {tuple(words) if isinstance(words, tuple) else words for _, _, words, _, _ in found}


def test_every_word_of_the_pages_is_in_the_catalogue_and_no_other() -> None:
    assert {message.id for message in catalogue() if message.id} == used()


def test_nothing_is_untranslated_or_doubtful() -> None:
    def complete(words: object) -> bool:
        return all(words) if isinstance(words, tuple | list) else bool(words)

    assert [m.id for m in catalogue() if m.id and (m.fuzzy or not complete(m.string))] == []


def test_translations_use_the_same_variables() -> None:
    assert [(m.id, list(map(str, m.check()))) for m in catalogue() if m.check()] == []


def test_the_compiled_catalogue_is_fresh() -> None:
    compiled = BytesIO()
    write_mo(compiled, catalogue())
    assert compiled.getvalue() == (FRENCH / "messages.mo").read_bytes(), (
        "run: pybabel compile -d services/console/locale"
    )
