"""Which sentences of a message ask for something: each may want an answer of its own. Pure."""

import re

from services.responder.folding import fold
from services.responder.incoming import own_words
from services.responder.letter import core, sentences

MOST_REQUESTS = 6
_MIN_WORDS = 4
# Of folded text. What stands beside a request ("we are a dairy near Rouen") finds passages too: wrong ones.
_ASKS = re.compile(
    r"\?|\b((pourr|pouv|sav|aur|ser|dev)(ez|iez|ai[st]?|ons|ions)[- ]vous|peux[- ]tu|peut[- ]on|puis[- ]je"
    r"|est[- ]ce que|merci (par avance )?(de |d')(?!votre|avance)|priere de|svp|stp|s'il (vous|te) plait"
    r"|(je|j'|nous|on|il) ?(\w+ ){0,2}(voudr\w+|souhait\w+|aimer\w+|cherch\w+|recherch\w+|demand\w+|desir\w+"
    r"|besoin|veu\w+|faut|faudrait|attend\w+|manque\w*)"
    r"|besoin d\w*|envoye[rz]|transmett\w+|adresse[rz][- ](nous|moi)|indique[rz]|communique[rz]|veuillez"
    r"|combien|quel(le)?s?|comment|toujours (pas|rien)|n'(a|est|ai|avons|avez) (\w+ )?(pas|rien|jamais|plus)"
    r"|ne (\w+ ){1,2}(pas|plus)|reclam\w+|je vous (prie|remercie) de"
    r"|(can|could|would|will|do|are) you|please|(i|we)( \w+)? (need|want|wish)|looking for|would like|how"
    r"|what|when|where|which)\b"
)


def requests(text: str) -> list[str]:
    """The sentences that ask for something, in order, at most MOST_REQUESTS; none when there is one sentence.

    A message of one sentence is asked as a whole, and so is one in which nothing is seen to ask.
    """
    said = [sentence for line in core(own_words(text)).splitlines() for sentence in sentences(line)]
    if len(said) < 2:
        return []
    asking = [one for one in said if len(one.split()) >= _MIN_WORDS and _ASKS.search(fold(one))]
    return asking[:MOST_REQUESTS]
