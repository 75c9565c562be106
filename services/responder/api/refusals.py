"""Why a decision was not taken, as answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from services.responder.answering import NotUsable
from services.responder.bulk import NotSure
from services.responder.decisions import (
    AlreadyDecided,
    HashDiffers,
    NotSendable,
    OtherVersion,
    Superseded,
    UnknownDraft,
)
from services.responder.going_out import AlreadyOut, NotApproved
from shared.http import Problem

_ANSWERS: Final[Mapping[type[Exception], Callable[[Any], Problem]]] = {
    UnknownDraft: lambda _: Problem(404, "No such draft"),
    Superseded: lambda error: Problem(
        409,
        "They wrote again",
        "The lead wrote again since this was drafted. Nothing was changed: read the newer message, then "
        "decide on its draft.",
        status_now="stale",
        superseded_by=str(error.newer),
    ),
    AlreadyDecided: lambda error: Problem(
        409,
        "Already decided",
        f"This draft is {error.status}. Nothing was changed.",
        status_now=error.status,
    ),
    OtherVersion: lambda error: Problem(
        409, "The draft has changed", "Read it again, then decide.", current_version=error.current
    ),
    HashDiffers: lambda error: Problem(
        409,
        "Not the text that was read",
        "The content received has another SHA-256 than the one given with it. Nothing was approved: "
        "read the draft again.",
        computed_sha256=error.computed,
    ),
    NotSendable: lambda error: Problem(
        422,
        "Not ready to be sent",
        "; ".join(f"{field}: {advice}" for field, advice in error.problems),
        errors=[{"field": field, "error": advice} for field, advice in error.problems],
    ),
    NotSure: lambda error: Problem(
        422,
        "Not to be approved together with others",
        f"Read it and decide on it alone: {', '.join(error.doubts)}.",
        doubts=error.doubts,
    ),
    NotApproved: lambda error: Problem(
        409,
        "Nothing to take back",
        f"This draft is {error.status}: nothing goes out.",
        status_now=error.status,
    ),
    AlreadyOut: lambda error: Problem(
        409,
        "Too late to take back",
        "The reply is on its way or has arrived. Nothing was changed: write to them again.",
        status_now=error.status,
    ),
    NotUsable: lambda error: Problem(
        422, "Not to be answered with", f"{error} Nothing was changed: choose another passage."
    ),
}


@contextmanager
def refusals() -> Iterator[None]:
    """Raises Problem for whatever refuses the decision within; nothing was changed then."""
    try:
        yield
    except tuple(_ANSWERS) as error:
        raise _ANSWERS[type(error)](error) from error
