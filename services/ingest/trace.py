"""The path of one delivery, from receipt to write-back, from the steps that the services told. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

NO_MODEL = "no_model"
"""Why an event led to no score when the first one was still to come."""


def first_scored(events: Sequence[Row]) -> Row | None:
    """The event's own step that led to a score."""
    return next((event for event in events if event["score_version"] is not None), None)


def path(
    events: Sequence[Row], rejections: Sequence[Row], scored: Row | None, written: Sequence[Row]
) -> list[dict[str, Any]]:
    """{step, at, outcome, …} in order. Steps: received, stored, lead, scored, written_back, rejected.

    `scored`: the score it led to, at once or, once a model was published, later.
    """
    steps: list[dict[str, Any]] = []
    for event in events:
        new = event["outcome"] == "new"
        steps.append({"step": "received", "at": event["received_at"]})
        steps.append({"step": "stored", "at": event["at"], "outcome": event["outcome"]})
        if new:
            steps.append({"step": "lead", "at": event["at"], "lead_id": event["lead_id"]})
            steps.append(
                {
                    "step": "scored",
                    "at": event["at"],
                    "outcome": "not_scored" if event["score_version"] is None else "scored",
                    "score_version": event["score_version"],
                    "why_not": event["unscored"],
                }
            )
    if scored and first_scored(events) is None:
        later = {name: scored[name] for name in ("at", "lead_id", "score_version")}
        steps.append({"step": "scored", "outcome": "scored_later", **later})
    for rejection in rejections:
        told = ("rejected_id", "reason", "detail", "status")
        steps.append(
            {"step": "rejected", "at": rejection["received_at"], **{name: rejection[name] for name in told}}
        )
    for attempt in written:
        told = ("destination", "status", "score_version", "attempt")
        steps.append({"step": "written_back", "at": attempt["at"], **{name: attempt[name] for name in told}})
    return sorted(steps, key=lambda step: step["at"])


def status(
    events: Sequence[Row], rejections: Sequence[Row], scored: Row | None, written: Sequence[Row], waiting: int
) -> str:
    """Where the delivery stands: the furthest it came. `waiting` events are not looked at yet."""
    new = next((event for event in events if event["outcome"] == "new"), None)
    match (new, rejections, scored, written):
        case (_, _, _, [*_, {"status": "delivered"}]):
            return "written_back"
        case (_, _, dict(), _):
            return "scored"
        case (dict(), _, _, _):
            return "stored"
        case (_, [*_, rejection], _, _):
            return "rejected" if rejection["status"] == "waiting" else str(rejection["status"])
        case _:
            return str(events[-1]["outcome"]) if events else "waiting" if waiting else "unknown"
