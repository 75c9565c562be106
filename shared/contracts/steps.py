"""What services tell of deliveries, on delivery.steps.v1: many steps a record, so one costs little. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.contracts.topics import DELIVERY_STEPS
from shared.records import Outgoing

STEPS_A_RECORD = 240
"""So many fit a record of 1 MB even when each source and id is as long as it may be and all escaped."""


class EventStep(NamedTuple):
    """What became of one event at scoring: `outcome` is new, repeated or conflict."""

    source: str
    id: str
    received_at: datetime
    outcome: str
    lead_id: UUID | None
    score_version: int | None
    unscored: str | None


class DeliveryStep(NamedTuple):
    """How one attempt to write back ended."""

    destination: str
    kind: str
    status: str
    lead_id: str
    score_version: int | None
    attempt: int


class ScoreStep(NamedTuple):
    """The first score of a lead whose earlier events led to none."""

    lead_id: UUID
    score_version: int


def event_steps(steps: Sequence[EventStep], at: datetime) -> list[Outgoing]:
    """The records that tell what became of events."""
    return [_outgoing("scoring", "events", EventStep._fields, some, at) for some in _parts(steps)]


def score_steps(steps: Sequence[ScoreStep], at: datetime) -> list[Outgoing]:
    """The records that tell of first scores."""
    return [_outgoing("scoring", "scores", ScoreStep._fields, some, at) for some in _parts(steps)]


def delivery_step(step: DeliveryStep, at: datetime) -> Outgoing:
    """The record that tells how an attempt ended."""
    return _outgoing("writeback", "deliveries", DeliveryStep._fields, [step], at)


def rows(value: Mapping[str, Any], kind: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The steps of a record's `kind`: events, scores, deliveries. Raises ValueError when columns differ."""
    told = value.get(kind)
    return list(zip(*(told[name] for name in columns), strict=True)) if told else []


def _parts(steps: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    return (steps[start : start + STEPS_A_RECORD] for start in range(0, len(steps), STEPS_A_RECORD))


def _outgoing(
    service: str, kind: str, names: Sequence[str], steps: Sequence[tuple[Any, ...]], at: datetime
) -> Outgoing:
    columns = dict(zip(names, zip(*steps, strict=True), strict=True))
    return Outgoing(DELIVERY_STEPS, service, orjson.dumps({"service": service, "at": at, kind: columns}))
