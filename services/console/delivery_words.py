"""What became of deliveries, in words."""

from services.console.catalogue import gettext
from services.console.deliveries import Step


def reason(code: str) -> str:
    """A rejection's reason."""
    match code:
        case "invalid_event":
            return gettext("Not as the contract says")
        case "id_reused":
            return gettext("Its id was taken with another content")
        case "processing_failed":
            return gettext("A worker failed on it")
        case "too_large":
            return gettext("Too large")
        case "approval_mismatch":
            return gettext("Not what was approved")
        case _:
            return code


def status(code: str) -> str:
    """Where a rejection or a delivery stands."""
    words = {
        "waiting": gettext("Waiting"),
        "replayed": gettext("Replayed"),
        "dismissed": gettext("Dismissed"),
        "written_back": gettext("Written back"),
        "scored": gettext("Scored"),
        "stored": gettext("Stored"),
        "rejected": gettext("In quarantine"),
        "repeated": gettext("Repeated"),
        "conflict": gettext("Id reused"),
        "unknown": gettext("Not known here"),
    }
    return words.get(code, code)


def decision(action: str) -> str:
    """What a person did with a rejection."""
    words = {
        "edited": gettext("edited it"),
        "replayed": gettext("replayed it"),
        "refused": gettext("replayed it, and it was refused again"),
        "dismissed": gettext("dismissed it"),
        "reopened": gettext("took the dismissal back"),
    }
    return words.get(action, action)


def outcome(code: str) -> str:
    """What a tried event would be."""
    words = {
        "new": gettext("Would be stored"),
        "repeated": gettext("Already known: nothing would change"),
        "conflict": gettext("Its id is taken with another content: it would go to quarantine"),
        "invalid": gettext("Would be refused"),
    }
    return words.get(code, code)


def step(one: Step) -> str:
    """One step of a delivery's path."""
    match one.step, one.outcome:
        case "received", _:
            return gettext("Received")
        case "stored", "new":
            return gettext("Stored")
        case "stored", "repeated":
            return gettext("Came again, unchanged: no second effect")
        case "stored", _:
            return gettext("Came again with another content: the first one counts")
        case "lead", _:
            return gettext("Belongs to a lead")
        case "scored", "scored":
            return gettext("Its lead was scored")
        case "scored", _:
            return _unscored(one.why_not)
        case "rejected", _:
            return gettext("Refused: %(reason)s", reason=reason(one.reason or ""))
        case "written_back", _:
            return _written_back(one)
        case _:
            return one.step


def _unscored(why_not: str | None) -> str:
    match why_not:
        case "no_model":
            return gettext("Not scored: no model is published")
        case "won" | "lost":
            return gettext("Not scored: the lead is closed")
        case "erased":
            return gettext("Not scored: the lead was erased")
        case "merged":
            return gettext("Not scored by itself: the visitor became part of a known lead")
        case _:
            return gettext("Not scored")


def _written_back(one: Step) -> str:
    where = one.destination or ""
    match one.status:
        case "delivered":
            return gettext("Written back to %(where)s", where=where)
        case "pending":
            return gettext("Not delivered to %(where)s yet: it is tried again", where=where)
        case "disabled":
            return gettext("%(where)s takes nothing any more: waiting for an administrator", where=where)
        case "superseded":
            return gettext("Not sent to %(where)s: a newer score replaced it", where=where)
        case _:
            return gettext("Not delivered to %(where)s: given up", where=where)
