"""The path of one delivery, from receipt to write-back, from the steps that the services told. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def path(events: Sequence[Row], rejections: Sequence[Row], written: Sequence[Row]) -> list[dict[str, Any]]:
    """{step, at, outcome, …} in order. Steps: received, stored, lead, scored, written_back, rejected."""
    steps: list[dict[str, Any]] = []
    for event in events:
        new = event["outcome"] == "new"
        steps.append({"step": "received", "at": event["received_at"]})
        steps.append({"step": "stored", "at": event["at"], "outcome": event["outcome"]})
        if new:
            steps.append({"step": "lead", "at": event["at"], "lead_id": event["lead_id"]})
            scored = event["score_version"] is not None
            steps.append(
                {
                    "step": "scored",
                    "at": event["at"],
                    "outcome": "scored" if scored else "not_scored",
                    "score_version": event["score_version"],
                    "why_not": event["unscored"],
                }
            )
    for rejection in rejections:
        told = ("rejected_id", "reason", "detail", "status")
        steps.append(
            {"step": "rejected", "at": rejection["received_at"], **{name: rejection[name] for name in told}}
        )
    for attempt in written:
        told = ("destination", "status", "score_version", "attempt")
        steps.append({"step": "written_back", "at": attempt["at"], **{name: attempt[name] for name in told}})
    return sorted(steps, key=lambda step: step["at"])


def status(events: Sequence[Row], rejections: Sequence[Row], written: Sequence[Row], waiting: int) -> str:
    """Where the delivery stands: the furthest it came. `waiting` events are not looked at yet."""
    new = next((event for event in events if event["outcome"] == "new"), None)
    match (new, rejections, written):
        case (_, _, [*_, {"status": "delivered"}]):
            return "written_back"
        case ({"score_version": int()}, _, _):
            return "scored"
        case (dict(), _, _):
            return "stored"
        case (_, [*_, rejection], _):
            return "rejected" if rejection["status"] == "waiting" else str(rejection["status"])
        case _:
            return str(events[-1]["outcome"]) if events else "waiting" if waiting else "unknown"
