"""A table of questions and answers → replies of the house."""

import csv
import io
from typing import Final

from services.responder.documents.chunking import MAX_TITLE_CHARS, Chunk
from services.responder.documents.reading import DocumentRefused, decoded
from services.responder.folding import fold
from services.responder.slots import InvalidTemplate, check_template

MAX_BODY_CHARS: Final = 4000
_QUESTION: Final = frozenset({"question", "demande", "message", "titre", "title"})
_ANSWER: Final = frozenset({"answer", "reponse", "reply", "texte", "text"})


def read_questions(name: str, content: bytes) -> list[Chunk]:
    """Each row's question as the title and its answer as the body, rows without either left out.

    Raise DocumentRefused when the columns are not there or an answer cannot be used; it names the line.
    """
    lines = decoded(name, content)
    header = lines.partition("\n")[0]
    delimiter = max(";,\t|", key=header.count)
    rows = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    try:
        columns = [fold(cell.strip()) for cell in next(rows, [])]
        asked = next((place for place, column in enumerate(columns) if column in _QUESTION), None)
        answered = next((place for place, column in enumerate(columns) if column in _ANSWER), None)
        if asked is None or answered is None:
            raise DocumentRefused(
                f"{name} needs a column called question and one called answer (réponse). "
                f"Its columns are: {', '.join(columns) or 'none'}."
            )
        found = []
        for row in rows:
            if len(row) <= max(asked, answered):
                continue
            title, body = " ".join(row[asked].split()), row[answered].strip()
            if title and body:
                found.append(_checked(name, rows.line_num, title, body))
    except csv.Error as error:
        raise DocumentRefused(f"{name} cannot be read as a table: {error}. Export it again.") from error
    if not found:
        raise DocumentRefused(f"{name} has no row with a question and an answer.")
    return list(dict.fromkeys(found))


def _checked(name: str, line: int, title: str, body: str) -> Chunk:
    if len(body) > MAX_BODY_CHARS:
        raise DocumentRefused(
            f"Line {line} of {name}: the answer is longer than {MAX_BODY_CHARS} characters."
        )
    try:
        check_template(body)
    except InvalidTemplate as error:
        raise DocumentRefused(f"Line {line} of {name}: {error}") from error
    return Chunk(title[:MAX_TITLE_CHARS], body)
