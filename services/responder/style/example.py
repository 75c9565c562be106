"""A letter as a style would have it, to an invented lead. Pure."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.responder.composing import answer_with
from services.responder.drafting import Draft, House, Lead, Message, Passage
from services.responder.style.document import HouseStyle, Style

_ASKED: Final = {
    "fr": "Bonjour, pourriez-vous nous faire un devis pour 12 vannes à bille ?",
    "en": "Hello, could you send us a quote for 12 ball valves?",
}
_ANSWER: Final = {
    "fr": "Merci pour votre demande. Nous l'étudions et vous adressons notre offre par retour. Elle précise "
    "les prix, les délais et les frais de port. Elle reste valable un mois.",
    "en": "Thank you for your request. We are looking into it and will send you our offer by return. It "
    "states prices, lead times and carriage. It is valid for one month.",
}
_LEADS: Final = {
    "fr": ("Claire Durand", "Durand Industrie", "Mme"),
    "en": ("Claire Durand", "Durand Industries", "Ms"),
}
_TITLES: Final = {"fr": "Demande de devis", "en": "Request for a quote"}
_NOBODY: Final = UUID(int=0)


def example(style: Style, *, language: str, grade: str | None, stage: str | None, house_name: str) -> Draft:
    """The draft that `style` makes of an invented request for a quote by a lead of this grade and stage."""
    name, company, civility = _LEADS[language]
    moment = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    message = Message("example", "example", _TITLES[language], _ASKED[language], moment, None, grade, stage)
    lead = Lead(_NOBODY, name, company, "claire.durand@example.com", {"civility": civility})
    passage = Passage(_NOBODY, "template", language, _TITLES[language], _ANSWER[language], 1.0, 1.0)
    return answer_with(
        message,
        lead,
        [passage],
        house=House(house_name, "ventes@example.com"),
        language=language,
        style=HouseStyle(version=0, style=style),
    )
