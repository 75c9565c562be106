"""What a house decides of its letters, checked. Pure.

Every text is a template with slots and nothing else; the announcing words of a field are words, not patterns.
"""

import re
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.responder.card import FIELDS
from services.responder.slots import SLOTS, InvalidTemplate, check_template, has_marks, slots_of
from shared.text import Text

SHIPPED_VERSION: Final = 0
GREETING_SLOTS: Final = ("lead.address", "lead.name", "lead.first_name", "house.name")
_SIGNING_SLOTS: Final = tuple(slot for slot in SLOTS if not slot.startswith("lead."))
_HOUSE_SLOTS: Final = {"house.phone": "phone", "house.calendar": "calendar"}


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("one line only, without control characters")
    return text.strip()


def _with(slots: tuple[str, ...]) -> AfterValidator:
    def checked(text: str) -> str:
        try:
            check_template(text, slots)
        except InvalidTemplate as error:
            raise ValueError(str(error)) from error
        if "[" in text or "]" in text:
            raise ValueError("no square brackets: they mark what a person still has to fill in")
        return text

    return AfterValidator(checked)


def _plain(text: str) -> str:
    if has_marks(text) or "[" in text or "]" in text:
        raise ValueError("plain words only here: no {{ }}, no square brackets")
    return text


def _web_address(text: str) -> str:
    if not text:
        return text
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "https" and "." in (parts.hostname or "") and not parts.username
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[!-~]+", text) or re.search(r"[\[\]{}<>\"]", text):
        raise ValueError("give a web address that begins with https://, without spaces")
    return text


_Line = Annotated[Text, Field(max_length=300), AfterValidator(_one_line)]
_Greeting = Annotated[_Line, _with(GREETING_SLOTS)]
_Signed = Annotated[_Line, _with(_SIGNING_SLOTS)]
_Sentence = Annotated[_Line, _with(SLOTS)]
_Words = Annotated[Text, Field(max_length=80), AfterValidator(_one_line), AfterValidator(_plain)]
_Label = Annotated[_Words, Field(min_length=1)]
_Announcing = Annotated[_Words, StringConstraints(min_length=2, max_length=40)]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Greeting(Part):
    """A slot that nothing fills is left out with the space before it: "Bonjour," """

    fr: _Greeting = Field("Bonjour {{ lead.address }},", min_length=1)
    en: _Greeting = Field("Hello {{ lead.address }},", min_length=1)


class Closing(Part):
    fr: _Signed = Field("Cordialement,", min_length=1)
    en: _Signed = Field("Kind regards,", min_length=1)


class Sentences(Part):
    """The same in each language; empty where nothing is said."""

    fr: _Sentence = ""
    en: _Sentence = ""


class Label(Part):
    fr: _Label
    en: _Label


class Rep(Part):
    """A person who signs, by the name of their account, and what `{{ rep.role }}`, `{{ rep.phone }}` say."""

    name: _Label
    role: _Words = ""
    phone: _Words = ""


class NextStep(Part):
    """What is proposed at the end; empty `grades` or `stages` mean any. The first step that fits counts."""

    grades: tuple[_Label, ...] = Field((), max_length=10)
    stages: tuple[_Label, ...] = Field((), max_length=20)
    text: Sentences


class Question(Part):
    """How to ask for a field of the card that a request lacks."""

    field: _Name
    text: Sentences


class OwnField(Part):
    """A field of the company's own: what stands after one of the words that announce it, by kind.

    A choice is one of `values`; without announcing words it may stand anywhere in the message.
    """

    name: _Name
    label: Label
    kind: Literal["text", "number", "date", "choice"] = "text"
    announced_by: tuple[_Announcing, ...] = Field((), max_length=12)
    values: tuple[_Announcing, ...] = Field((), max_length=30)

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.name in FIELDS:
            raise ValueError(f"{self.name!r} is a field that every card has: choose another name")
        if (self.kind == "choice") != bool(self.values):
            raise ValueError("a choice has values, and nothing else has")
        if self.kind != "choice" and not self.announced_by:
            raise ValueError("give the words that announce it in a message")
        return self


SHIPPED_QUESTIONS: Final = (
    Question(
        field="product",
        text=Sentences(
            fr="Pourriez-vous nous préciser le produit ou la référence ?",
            en="Could you tell us which product or reference you need?",
        ),
    ),
    Question(
        field="quantity",
        text=Sentences(
            fr="Pourriez-vous nous préciser la quantité souhaitée ?", en="Which quantity would you need?"
        ),
    ),
    Question(
        field="deadline",
        text=Sentences(fr="Pour quelle date vous le faudrait-il ?", en="By which date would you need it?"),
    ),
    Question(
        field="place",
        text=Sentences(fr="Où faudrait-il livrer ?", en="Where should it be delivered?"),
    ),
)


class Style(Part):
    """How replies sound. Without a document of their own a house has these defaults."""

    greeting: Greeting = Greeting()
    closing: Closing = Closing()
    signature: tuple[_Signed, ...] = Field(("{{ rep.name }}", "{{ house.name }}"), max_length=8)
    most_sentences: int | None = Field(None, ge=1, le=20)
    """Of each answer; None: all."""
    phone: _Words = ""
    calendar: Annotated[Text, Field(max_length=500), AfterValidator(_web_address)] = ""
    reps: tuple[Rep, ...] = Field((), max_length=200)
    next_steps: tuple[NextStep, ...] = Field((), max_length=30)
    ask_missing: bool = True
    questions: tuple[Question, ...] = Field(SHIPPED_QUESTIONS, max_length=30)
    """In the order of use: two at most are asked in a reply."""
    fields: tuple[OwnField, ...] = Field((), max_length=30)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.signature:
            raise ValueError("signature: give at least one line")
        _once("fields", [one.name for one in self.fields])
        _once("questions", [one.field for one in self.questions])
        _once("reps", [one.name.casefold() for one in self.reps])
        if unknown := {one.field for one in self.questions} - {*FIELDS, *(one.name for one in self.fields)}:
            raise ValueError(f"questions: no field of the card is called {min(unknown)!r}")
        for slot, setting in _HOUSE_SLOTS.items():
            if not getattr(self, setting) and any(slot in slots_of(text) for text in self._texts()):
                raise ValueError(f"a text uses {slot}, which is not filled in")
        return self

    def _texts(self) -> tuple[str, ...]:
        said = (*(one.text for one in self.next_steps), *(one.text for one in self.questions))
        both = (text for one in said for text in (one.fr, one.en))
        return (*self.signature, self.closing.fr, self.closing.en, *both)

    def rep(self, name: str) -> Rep | None:
        """The person of this name, as their account has it."""
        return next((rep for rep in self.reps if rep.name.casefold() == name.casefold()), None)


def _once(where: str, names: list[str]) -> None:
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{where}: {min(repeated)!r} stands there twice")


class HouseStyle(BaseModel):
    """A style with its version; 0 is what is shipped."""

    model_config = ConfigDict(frozen=True)

    version: int
    style: Style


SHIPPED: Final = HouseStyle(version=SHIPPED_VERSION, style=Style())


def as_document(style: Style) -> dict[str, Any]:
    """As it is stored and answered: all of it, so that a later release's defaults change no letters."""
    return style.model_dump(mode="json")
