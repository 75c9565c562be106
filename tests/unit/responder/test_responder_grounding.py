"""What stands in no source is seen: in a sentence, and over 300 composed drafts."""

import csv
from pathlib import Path
from uuid import UUID

import pytest

from services.responder import composing
from services.responder.composing import compose
from services.responder.drafting import Evidence, Sentence
from services.responder.grounding import ungrounded
from services.responder.style.document import HouseStyle, Style
from tests.unit.responder.letters import HOUSE, draft, lead, message, passage

DATA = Path(__file__).parents[2] / "data" / "responder" / "frozen"
SOURCE = (
    "Nous livrons sous 48 heures, franco dès 1 250,50 € HT, du lundi au vendredi. Garantie deux ans, 95 % de "
    "satisfaits. Écrivez à ventes@hydromeca.fr ou voyez https://hydromeca.fr/tarifs. Hydromeca, à Rouen."
)


@pytest.mark.parametrize(
    "text",
    [
        SOURCE,
        "Franco dès 1250,50 €, sous 48 h.",
        "La garantie est de deux ans ; notre taux est de 95 %.",
        "Notre équipe d'Hydromeca vous livre [date] : https://hydromeca.fr/tarifs.",
        "N'hésitez pas : c'est d'Hydromeca.",
        "Vous pouvez nous écrire à VENTES@hydromeca.fr.",
        "",
    ],
)
def test_what_the_source_says_in_other_words_is_grounded(text: str) -> None:
    assert ungrounded(text, [SOURCE]) == []


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Nous livrons sous 24 heures.", ["24", "24 heures"]),
        ("Nous livrons sous 48 jours.", ["48 jours"]),
        ("Franco dès 1 250,50 $.", ["1 250,50 $"]),
        ("Garantie trois ans.", ["trois"]),
        ("Garantie deux mois.", ["deux"]),
        ("Du lundi au samedi.", ["samedi"]),
        ("Écrivez à ventes@hydromeca.example.", ["ventes@hydromeca.example"]),
        ("Voyez https://hydromeca.fr/tarifs/2027.", ["https://hydromeca.fr/tarifs/2027"]),
        ("Voyez promo.biz.", ["promo.biz"]),
        ("Demandez Martin.", ["Demandez", "Martin"]),
        ("Martin vous rappelle.", ["Martin"]),
        ("Nos appareils sont certifiés ATEX.", ["ATEX"]),
        ("Bonne nouvelle : -15% !", ["15", "15%", "Bonne"]),
    ],
)
def test_what_stands_in_no_source_is_told(text: str, facts: list[str]) -> None:
    assert ungrounded(text, [SOURCE]) == facts


def test_a_sentence_with_an_ungrounded_fact_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = composing.render
    monkeypatch.setattr(
        composing, "render", lambda text, values: honest(text, values).replace("deux", "trois")
    )
    answer = draft(passage("Nous vous répondons vite. La garantie est de deux ans."))
    assert "Nous vous répondons vite.\n\nCordialement" in answer.body
    assert "ans" not in answer.body + "".join(one.text for one in answer.sentences)
    nothing = draft(passage("La garantie est de deux ans."))
    assert (nothing.status, nothing.reason, nothing.body, nothing.sentences) == (
        "no_source",
        "ungrounded",
        "",
        (),
    )
    assert nothing.confidence is None


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.long
def test_no_fact_of_300_drafts_stands_in_no_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Each frozen message, in turn with every template of its language, to leads of many names."""
    style = HouseStyle(
        version=1,
        style=Style.model_validate(
            {
                "phone": "02 40 11 22 33",
                "calendar": "https://agenda.example.com/rdv",
                "signature": ["{{ rep.name }}", "{{ house.name }}, {{ house.phone }}"],
                "next_steps": [{"text": {"fr": "Choisissez un créneau : {{ house.calendar }}"}}],
            }
        ),
    )
    people = [
        lead(name=name, company=company)
        for name, company in (("Zoé Le Goff", "3M France"), ("M. 42", "12 rue X"), ("DUPONT Éric", None))
    ]
    templates = [
        passage(row["text"], passage_id=UUID(int=number + 1), title=row["title"])
        for number, row in enumerate(rows("templates"))
        if row["language"] == "fr"
    ]
    drafts, facts, asked = 0, 0, 0
    for number, row in enumerate(rows("messages")):
        who = people[number % len(people)]
        answer = compose(
            message(row["fr"]),
            who,
            [templates[number % len(templates)]],
            house=HOUSE,
            language="fr",
            evidence=Evidence(0),
            style=style,
        )
        if answer.status == "waiting":
            drafts += 1
            asked += any(one.title == "Ce qui manque à la demande" for one in answer.sentences)
            facts += len(_ungrounded(answer.body, answer.sentences, who.name, who.company, style.style))
    with capsys.disabled():
        print(f"\nungrounded facts in {drafts} drafts: {facts}; drafts that ask for what is missing: {asked}")
    assert drafts >= 285  # those that ask not to be written to get none
    assert facts == 0


def _ungrounded(
    body: str, sentences: tuple[Sentence, ...], name: str | None, company: str | None, style: Style
) -> list[str]:
    """Over the whole letter, by what is cited and known, not by how it was made."""
    cited = [*(one.quote for one in sentences), *(one.title for one in sentences)]
    known = [name or "", company or "", HOUSE.name, style.phone, style.calendar, "Madame Monsieur"]
    return ungrounded(body, [*cited, *known])
