"""A message, its lead and passages, to draft from."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.responder.composing import compose
from services.responder.drafting import Draft, Evidence, House, Lead, Message, Passage
from services.responder.style.document import HouseStyle, Style

LEAD_ID = UUID("7b0f6f64-5c1f-4a53-9a43-3f2b1f0b8a11")
HOUSE = House("Hydromeca", "ventes@hydromeca.example.com")
QUIET = HouseStyle(version=1, style=Style(ask_missing=False))
EVIDENCE = Evidence(0.5)


def message(
    text: str = "Pourriez-vous nous faire un devis ?", subject: str | None = "Devis", **fields: Any
) -> Message:
    return Message("crm", "m-1", subject, text, datetime(2026, 3, 10, 8, 26, tzinfo=UTC), **fields)


def lead(**fields: Any) -> Lead:
    known: dict[str, Any] = {
        "name": "Camille Morvan",
        "company": "Laiterie du Ménez",
        "email": "camille@laiterie.example.com",
        "attributes": {"civilite": "Mme"},
    }
    return Lead(LEAD_ID, **(known | fields))


def passage(body: str, **fields: Any) -> Passage:
    known: dict[str, Any] = {
        "passage_id": UUID(int=1),
        "kind": "template",
        "language": "fr",
        "title": "Demande de devis",
        "similarity": 0.6,
        "shared": 0.3,
        "confidence": 0.8,
    }
    return Passage(body=body, **(known | fields))


def draft(*passages: Passage, of: Message | None = None, to: Lead | None = None, **fields: Any) -> Draft:
    values: dict[str, Any] = {"house": HOUSE, "language": "fr", "evidence": EVIDENCE, "style": QUIET}
    return compose(of or message(), to or lead(), passages, **(values | fields))
