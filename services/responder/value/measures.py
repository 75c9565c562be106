"""What a person kept of a proposal, and what that is worth. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rapidfuzz.distance import LCSseq

from services.responder.drafting import bracketed

FEWEST_PEOPLE: Final = 5
"""From how many people's decisions on others may read figures about their work."""

WRITING_WPM: Final = 19.0
"""Words a minute of people composing at a keyboard (Karat, Halverson, Horn & Karat, CHI 1999)."""
READING_WPM: Final = 238.0
"""Words a minute of adults reading silently (Brysbaert, Journal of Memory and Language 109, 2019)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Words of a proposal and of what was approved; `kept_words` stand in both, in the same order."""

    proposed_words: int
    approved_words: int | None = None
    kept_words: int | None = None
    unedited: bool | None = None


def compare(proposed: str, approved: str | None) -> Kept:
    """What of a proposal was approved, gaps and what fills them aside; `approved` None: it was rejected."""
    parts = _between_gaps(proposed)
    ours = " ".join(parts).split()
    if approved is None:
        return Kept(len(ours))
    if _only_filled(parts, approved):
        return Kept(len(ours), len(ours), len(ours), unedited=True)
    theirs = approved.split()
    return Kept(len(ours), len(theirs), int(LCSseq.similarity(ours, theirs)), unedited=False)


def _between_gaps(proposed: str) -> list[str]:
    """What stands before, between and after the gaps of a text, white space made even."""
    gaps = bracketed(proposed)
    parts = re.split("|".join(map(re.escape, gaps)), proposed) if gaps else [proposed]
    return [" ".join(part.split()) for part in parts]


def _only_filled(parts: Sequence[str], approved: str) -> bool:
    """Whether all that was done to the `parts` of a proposal is filling in the gaps between them."""
    first, *others = parts
    rest = " ".join(approved.split())
    if not others:
        return rest == first
    if not rest.startswith(first):
        return False
    place = len(first)
    for part in others[:-1]:
        found = rest.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return rest.endswith(others[-1]) and len(rest) - len(others[-1]) >= place


def told(row: Mapping[str, Any], *, pace: tuple[float, float], open_to_all: bool) -> dict[str, Any]:
    """One group as it is answered.

    `pace`: words a minute of writing and reading. Unless `open_to_all`, what describes the work of fewer
    than FEWEST_PEOPLE is withheld: null, with `withheld` true. Null too is what nothing was counted for.

    Minutes given back are the time to write the words that were kept, less the time to read all that was
    proposed to whoever decided: negative where drafts cost more than they gave.
    """
    counts = ("messages", "drafted", "approved", "rejected", "overtaken", "open", "people", "counted")
    withheld = bool(row["people"]) and row["people"] < FEWEST_PEOPLE and not open_to_all
    figures = Figures() if withheld else _figures(row, *pace)
    return {"group": row["group"], **{name: row[name] for name in counts}} | {
        "withheld": withheld,
        **asdict(figures),
    }


@dataclass(frozen=True, slots=True)
class Figures:
    """Hours from a lead's message to the approval of its reply, shares in [0, 1], minutes."""

    first_reply_median_h: float | None = None
    first_reply_p90_h: float | None = None
    unedited: float | None = None
    words_changed: float | None = None
    minutes_given_back: float | None = None


def _figures(row: Mapping[str, Any], writing_wpm: float, reading_wpm: float) -> Figures:
    median_h, p90_h = row["first_reply_h"] or (None, None)
    proposed, approved, kept = row["proposed_words"], row["approved_words"], row["kept_words"]
    some, words = row["counted"], proposed + approved
    return Figures(
        median_h,
        p90_h,
        unedited=row["unedited"] / some if some else None,
        words_changed=(words - 2 * kept) / words if words else None,
        minutes_given_back=kept / writing_wpm - (proposed + row["rejected_words"]) / reading_wpm
        if some or row["rejected_words"]
        else None,
    )
