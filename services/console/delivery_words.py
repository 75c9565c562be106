"""What became of deliveries, in words. A code that is not known here is shown as it is."""

from collections.abc import Callable, Mapping
from typing import Final

from services.console.catalogue import N_, gettext, pgettext
from services.console.deliveries import Step


def _said(words: Mapping[str, str]) -> Callable[[str], str]:
    """The words of a code."""
    return lambda code: gettext(words[code]) if code in words else code


reason: Final = _said(
    {
        "invalid_event": N_("Not as the contract says"),
        "id_reused": N_("Its id was taken with another content"),
        "processing_failed": N_("A worker failed on it"),
        "too_large": N_("Too large"),
        "approval_mismatch": N_("Not what was approved"),
    }
)
"""Why a delivery was refused."""

status: Final = _said(
    {
        "waiting": N_("Waiting"),
        "replayed": N_("Replayed"),
        "dismissed": N_("Dismissed"),
        "written_back": N_("Written back"),
        "scored": N_("Scored"),
        "stored": N_("Stored"),
        "rejected": N_("In quarantine"),
        "repeated": N_("Repeated"),
        "conflict": N_("Id reused"),
        "unknown": N_("Not known here"),
    }
)
"""Where one rejection or delivery stands."""

decision: Final = _said(
    {
        "edited": N_("edited it"),
        "replayed": N_("replayed it"),
        "refused": N_("replayed it, and it was refused again"),
        "dismissed": N_("dismissed it"),
        "reopened": N_("took the dismissal back"),
    }
)
"""What a person did with a rejection."""

outcome: Final = _said(
    {
        "new": N_("Would be stored"),
        "repeated": N_("Already known: nothing would change"),
        "conflict": N_("Its id is taken with another content: it would go to quarantine"),
        "invalid": N_("Would be refused"),
    }
)
"""What a tried event would be."""

_STEPS: Final = {
    ("stored", "new"): N_("Stored"),
    ("stored", "repeated"): N_("Came again, unchanged: no second effect"),
    ("stored", "conflict"): N_("Came again with another content: the first one counts"),
    ("scored", "scored"): N_("Its lead was scored"),
    ("scored", "scored_later"): N_("Its lead was scored later, with this in it"),
}
_UNSCORED: Final = {
    "no_model": N_("Not scored then: no model was published"),
    "won": N_("Not scored: the lead is closed"),
    "lost": N_("Not scored: the lead is closed"),
    "erased": N_("Not scored: the lead was erased"),
    "merged": N_("Not scored by itself: it became part of another lead"),
}
_WRITTEN_BACK: Final = {
    "delivered": N_("Written back to %(where)s"),
    "pending": N_("Not delivered to %(where)s yet: it is tried again"),
    "disabled": N_("%(where)s takes nothing any more: waiting for an administrator"),
    "superseded": N_("Not sent to %(where)s: a newer score replaced it"),
}


def several(code: str) -> str:
    """A state as the name of a list: those that stand so."""
    match code:
        case "replayed":
            return pgettext("several", "Replayed")
        case "dismissed":
            return pgettext("several", "Dismissed")
        case _:
            return pgettext("several", "Waiting")


def step(one: Step) -> str:
    """One step of a delivery's path."""
    match one.step, one.outcome:
        case "received", _:
            return gettext("Received")
        case "lead", _:
            return gettext("Belongs to a lead")
        case "rejected", _:
            return gettext("Refused: %(reason)s", reason=reason(one.reason or ""))
        case "written_back", _:
            words = _WRITTEN_BACK.get(one.status or "", N_("Not delivered to %(where)s: given up"))
            return gettext(words, where=one.destination or "")
        case known if known in _STEPS:
            return gettext(_STEPS[known])
        case "scored", _:
            return gettext(_UNSCORED.get(one.why_not or "", N_("Not scored")))
        case _:
            return one.step
