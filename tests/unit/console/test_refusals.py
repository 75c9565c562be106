"""Refusals on French pages are in French: every sentence that a service can say is known."""

import ast
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from services.console.refusals import in_words, refusal
from services.console.views.imports import with_reasons_in_words

ROOT = Path(__file__).parents[3]
# What carries a sentence to a person: an error, or the detail (second argument) of a problem.
SAID = {
    "InvalidEvent": 0,
    "NotUnderstood": 0,
    "Untranslatable": 0,
    "StillRefused": 1,
    "RowRefused": 0,
    "ImportRefused": 0,
    "TableError": 0,
    "InvalidDocument": 0,
    "ValueError": 0,
    "AddressRefused": 0,
    "SecretUnusable": 0,
    "CannotRegroup": 0,
    "Doubt": 1,
    "DocumentRefused": 0,
    "InvalidTemplate": 0,
}
READ = (
    *(ROOT / "shared" / "contracts").glob("*.py"),
    ROOT / "shared" / "tabular.py",
    *(ROOT / "services" / "ingest").rglob("*.py"),
    ROOT / "services" / "scoring" / "regrouping.py",
    ROOT / "services" / "scoring" / "effects.py",
    *(ROOT / "services" / "scoring" / "policy").glob("*.py"),
    *(ROOT / "services" / "responder" / "documents").glob("*.py"),
    *(ROOT / "services" / "responder" / "style").glob("*.py"),
    ROOT / "services" / "responder" / "slots.py",
    ROOT / "services" / "scoring" / "api" / "absences.py",
)
# What only a program, or a person at a terminal, is told.
ELSEWHERE = ("cli", "choices.py", "pull.py", "approval.py", "settings.py", "rate_limit.py", "following.py")
AT_A_TERMINAL = re.compile(
    r"There is no file|A delimiter is one character|as a part with a file name|^x1: x1$"
)


def template(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(words)):
            return words
        case ast.JoinedStr(values=values):
            return "".join(v.value if isinstance(v, ast.Constant) else "x1" for v in values)  # type: ignore[misc]
        case _:
            return None


def sentences() -> Iterator[str]:
    for path in READ:
        if any(part in str(path.relative_to(ROOT)) for part in ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            place = SAID.get(node.func.id)
            words = template(node.args[place]) if place is not None and len(node.args) > place else None
            if words and " " in words and not AT_A_TERMINAL.search(words):
                yield words


def test_every_sentence_that_is_read_here_has_french_words(console: Flask) -> None:
    with console.test_request_context(), force_locale("fr"):
        unknown = sorted({words for words in sentences() if in_words(words) is None})
    assert not unknown, "add them to services/console/refusal_sentences.py, then `make words`"


@pytest.mark.parametrize(
    ("said", "french"),
    [
        (
            "time: not an RFC 3339 time with an offset: write it as 2026-03-14T09:26:53Z",
            "time : pas une date RFC 3339 avec son décalage horaire : écrivez-la 2026-03-14T09:26:53Z",
        ),
        (
            "data: add text. What the lead wrote, as plain text.",
            "data : ajoutez text. Ce que le prospect a écrit, en texte simple.",
        ),
        (
            "data.lead.email: give a text or null, not a number",
            "data.lead.email : il faut un texte ou null, et non un nombre",
        ),
        ("more than 1,000 items: send fewer at once", "plus de 1 000 éléments : envoyez-en moins à la fois"),
        (
            "event.type: 'contact.moved' is not in the table",
            "event.type : « contact.moved » n’est pas dans la table",
        ),
        (
            "the sample cannot be read: nested deeper than 64 levels: send flatter data",
            "l’exemple ne peut pas être lu : imbriqué sur plus de 64 niveaux : "
            "envoyez des données plus plates",
        ),
    ],
)
def test_a_refusal_is_told_in_french_with_its_parts(console: Flask, said: str, french: str) -> None:
    with console.test_request_context(), force_locale("fr"):
        assert refusal(said).replace("\u202f", " ").replace("\xa0", " ") == french
    with console.test_request_context(), force_locale("en"):
        assert refusal(said) == said


def test_a_sentence_that_is_not_known_is_marked_as_english_and_never_as_markup(console: Flask) -> None:
    with console.test_request_context(), force_locale("fr"):
        assert refusal("Zut <b>") == '<span lang="en">Zut &lt;b&gt;</span>'


def test_refused_rows_are_downloaded_with_reasons_in_french(console: Flask) -> None:
    row = '99;"two\nlines";x'
    pieces = f'\ufeffRéf,eclaireur_key,eclaireur_reason\r\n"{row.replace(chr(34), chr(34) * 2)}",k,'.encode()
    why = b'"""Date"" holds no date that can be read: write it as 2026-03-31."\r\n'
    with console.test_request_context(), force_locale("fr"):
        told = "".join(with_reasons_in_words([pieces[:20], pieces[20:], why]))
    head, *rows = csv.reader(io.StringIO(told.replace("\xa0", " ")))
    assert head == ["\ufeffRéf", "eclaireur_key", "eclaireur_reason"]
    assert rows == [[row, "k", "« Date » ne contient pas de date lisible : écrivez-la 2026-03-31."]]
