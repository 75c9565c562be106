"""What a request leaves open and a reply may ask for. Pure.

Asked of somebody who wants to buy, of nobody else: a customer who complains or who looks for a parcel is not
asked how many they would like. A question that was answered before costs more than one that was not asked.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.responder.concepts import concepts
from services.responder.folding import fold, words
from services.responder.letter import sentences
from services.responder.style.document import Question, Style

MOST_ASKED = 2

# Of folded text.
_QUOTE = re.compile(
    r"\b(devis|cotation|coter|chiffr(er|age|ez)|tarifs?|prix|offre (de prix|commerciale)"
    r"|quot(e|ation)s?|pric(e|es|ing))\b"
)
_BUYS = re.compile(
    r"\b(command(er|ons|erais|erions)|achet\w+|acquerir|besoin d\w*|faudrait|cherch\w+|recherch\w+|souhait\w+"
    r"|interess\w+|voudr\w+|fourni(r|ssez|ture)|order|buy|purchase|need|looking for|would like)\b"
)
_ASKS = re.compile(
    r"\?|\b(precis|indiqu|communiqu|transmett|envoy|merci de|let us know|tell us|send us|please)\w*"
)
NOT_A_SALE: Final = frozenset(
    {"unhappy", "cancel", "return", "invoice", "payment", "job", "pitch", "unsubscribe"}
)
"""Concepts of a message whose writer wants something else than to buy."""
_ANOTHER_SUBJECT: Final = frozenset(
    {"status", "document", "certificate", "specification", "broken", "warranty", "trouble", "missing"}
    | {"hours", "account", "training", "visit", "resell", "change"}
)
_SAID_AS: Final[Mapping[str, frozenset[str]]] = {
    "product": frozenset({"product", "produit", "reference", "modele", "model", "article", "item"}),
    "quantity": frozenset({"quantity", "quantite", "quantites", "qte", "qty", "combien", "nombre", "many"}),
    "deadline": frozenset({"deadline", "delai", "date", "echeance", "quand", "when"}),
    "place": frozenset(
        {"place", "lieu", "ville", "city", "adresse", "address", "livraison", "livrer", "delivered", "site"}
    ),
    "budget": frozenset({"budget", "enveloppe"}),
    "role": frozenset({"role", "fonction", "poste", "job"}),
    "company": frozenset({"company", "societe", "entreprise"}),
    "siren": frozenset({"siren", "siret"}),
    "need": frozenset({"need", "besoin"}),
}
"""Words, folded, by which an answer asks for a field, a message says it or a lead's attribute holds it."""


def may_sell(text: str) -> bool:
    """Whether a reply to this message may propose or ask something of a sale."""
    return not NOT_A_SALE & set(concepts(text))


def to_ask(
    text: str,
    card: Mapping[str, Sequence[str]],
    attributes: Mapping[str, Any],
    answer: str,
    style: Style,
    language: str,
) -> list[Question]:
    """The questions, MOST_ASKED at most, in the style's order.

    `text`: what the lead wrote, earlier messages that nobody answered included, and `card` what it says;
    `answer`: what the reply says already.
    """
    if not (style.ask_missing and may_sell(text) and _wants_to_buy(text, card)):
        return []
    own = {one.name: words(" ".join((one.name, *one.announced_by))) for one in style.fields}
    # A message that speaks of delivery may well say where, in words that the card does not read.
    held = {word for name, value in attributes.items() if value not in (None, "", []) for word in words(name)}
    known = words(text) | held | _asked(answer)
    return [
        one
        for one in style.questions
        if getattr(one.text, language)
        and not card.get(one.field)
        and not known & (own.get(one.field) or _SAID_AS[one.field])
    ][:MOST_ASKED]


def _wants_to_buy(text: str, card: Mapping[str, Sequence[str]]) -> bool:
    need = fold(" ".join(card.get("need", ())))
    if _QUOTE.search(need):
        return True
    something = card.get("product") or card.get("quantity")
    return bool(something and _BUYS.search(need)) and not _ANOTHER_SUBJECT & set(concepts(text))


def _asked(answer: str) -> set[str]:
    """The words of the sentences that ask for something."""
    asking = (one for line in answer.splitlines() for one in sentences(line) if _ASKS.search(fold(one)))
    return {word for one in asking for word in words(one)}
