"""The house's style as a form, and back."""

from typing import Any

import pytest

from services.console.style_form import asked, read, sections
from services.responder.style.document import SHIPPED, Style, as_document


def form(style: dict[str, Any]) -> dict[str, str]:
    """What a browser posts of the page that shows `style`."""
    said = {
        "signature": "\r\n".join(style["signature"]),
        "most_sentences": str(style["most_sentences"] or ""),
        "phone": style["phone"],
        "calendar": style["calendar"],
    }
    said |= {f"{part}.{at}": words for part in ("greeting", "closing") for at, words in style[part].items()}
    if style["ask_missing"]:
        said["ask_missing"] = "on"
    for number, one in enumerate(asked(style)):
        said |= {f"ask.{one['field']}.place": str(number + 1)}
        said |= {f"ask.{one['field']}.{language}": one[language] for language in ("fr", "en")}
    for number, rep in enumerate([*style["reps"], {"name": "", "role": "", "phone": ""}]):
        said |= {f"reps.{number}.{part}": words for part, words in rep.items()}
    for number, step in enumerate(style["next_steps"]):
        said |= {f"next_steps.{number}.{part}": ", ".join(step[part]) for part in ("grades", "stages")}
        said |= {f"next_steps.{number}.{language}": words for language, words in step["text"].items()}
    for number, one in enumerate(style["fields"]):
        said |= {f"fields.{number}.{part}": one[part] for part in ("name", "kind")}
        said |= {f"fields.{number}.{part}": ", ".join(one[part]) for part in ("announced_by", "values")}
        said |= {f"fields.{number}.{language}": words for language, words in one["label"].items()}
    return said | {"fields.9.kind": "text", "fields.9.name": ""}


@pytest.mark.parametrize(
    "style",
    [
        {},
        {
            "phone": "02 40 11 22 33",
            "calendar": "https://a.example.com/",
            "reps": [{"name": "Léa", "role": "Vente", "phone": ""}],
            "next_steps": [
                {"grades": ["A", "B"], "stages": ["Devis"], "text": {"fr": "Oui.", "en": ""}},
                {"text": {"fr": "", "en": "Yes."}},
            ],
            "ask_missing": False,
            "most_sentences": 3,
            "questions": [{"field": "serial", "text": {"fr": "Lequel ?"}}],
            "fields": [
                {
                    "name": "serial",
                    "label": {"fr": "N°", "en": "No."},
                    "kind": "choice",
                    "values": ["un", "deux"],
                }
            ],
        },
    ],
)
def test_a_form_that_nobody_touched_says_the_same(style: dict[str, Any]) -> None:
    document = as_document(Style.model_validate(style))
    assert read(form(document)) == document


def test_a_new_field_is_named_by_its_label_and_an_emptied_one_goes() -> None:
    said = form(as_document(SHIPPED.style)) | {
        "fields.0.name": "old",
        "fields.0.kind": "date",
        "fields.0.fr": "",
        "fields.1.fr": "1er N° de série",
        "fields.1.announced_by": "série, , n°",
    }
    (field,) = read(said)["fields"]
    assert (field["name"], field["label"]["en"], field["announced_by"]) == (
        "f_1er_n_de_serie",
        "1er N° de série",
        ["série", "n°"],
    )


def test_questions_are_asked_in_the_order_of_their_numbers() -> None:
    said = form(as_document(SHIPPED.style)) | {"ask.place.place": "0", "ask.product.place": "zut"}
    assert [one["field"] for one in read(said)["questions"]] == ["place", "quantity", "deadline", "product"]


def test_a_form_that_no_browser_of_ours_sends_is_read_too() -> None:
    assert read({})["signature"] == []
    assert read({"reps.9999999.name": "x", "reps.x.name": "y", "fields.1.other": "z"})["reps"] == []


def test_a_problem_is_told_at_its_part_of_the_form() -> None:
    told = [{"field": "style.next_steps.0.text.fr", "error": "a"}, {"field": "style", "error": "b"}, {}]
    assert sections(told) == [("next_steps", "a"), ("", "b"), ("", "")]
