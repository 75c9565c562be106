"""Closed leads from a file of events, as they were known then: to learn from, and to be tested on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from itertools import count
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import orjson

from services.scoring.features import Features, features
from services.scoring.identity import resolve
from services.scoring.intake import Intake, read
from services.scoring.learning.closed_leads import ClosedLeads, EvaluationRefused
from services.scoring.snapshots import fold_all
from services.scoring.state import LeadState, fold, is_outcome
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import parse_json
from shared.contracts.topics import CRM_EVENTS
from shared.records import Record

_SPACE = UUID("7e6b5d0c-4a0f-4c55-9d5e-1a5f1c6f2a10")


@dataclass(frozen=True, slots=True)
class _Look:
    """A lead as it was known at a time, how it ended (1.0 won, 0.0 lost) and when that was known."""

    lead: str
    features: Features
    as_of: datetime
    won: float
    known_at: datetime


def read_event_stream(path: str | Path, *, seed: int = 0) -> tuple[ClosedLeads, ClosedLeads]:
    """(to learn from, to test on) from CloudEvents, one a line.

    To learn from: one look at each lead won or lost, drawn among those a model is trained on (see
    `snapshots`). To test on: the lead after each of its events but the outcome. Leads still open are in
    neither: how they end is not known. An event without `receivedat` is known when it happened.

    Raises EvaluationRefused for a file that is absent or holds no outcome, and at the first line that is no
    event of the contract.
    """
    learnt: list[_Look] = []
    tested: list[_Look] = []
    for name, intakes in _leads(Path(path)):
        outcome = _last_outcome(intakes)
        if outcome is None:
            continue
        prefixes = list(_prefixes(name, intakes, outcome))
        tested += prefixes
        learnt += _drawn(name, intakes, outcome, seed)
    if not tested:
        raise EvaluationRefused(
            f"{Path(path).name} holds no lead with an outcome (crm.lead.converted or crm.lead.lost) after "
            "other events."
        )
    return _closed(learnt), _closed(tested)


def _leads(path: Path) -> Iterator[tuple[str, list[Intake]]]:
    """(a name that is the same for the same file, its events as they became known) of each lead."""
    if not path.is_file():
        raise EvaluationRefused(f"There is no file {path}.")
    intakes = list(_events(path))
    intakes.sort(key=lambda intake: (intake.event.known_at, intake.event.stamp))
    distinct = {intake.key_hash: intake for intake in reversed(intakes)}
    intakes = [intake for intake in intakes if distinct[intake.key_hash] is intake]
    numbers = count()
    resolution = resolve(
        [intake.identifiers for intake in intakes], {}, {}, lambda: uuid5(_SPACE, str(next(numbers)))
    )
    by_lead: dict[UUID, list[Intake]] = {}
    for intake, lead in zip(intakes, resolution.leads, strict=True):
        by_lead.setdefault(lead, []).append(intake)
    for events in by_lead.values():
        first = events[0].identifiers[0]
        yield f"{first.source}|{first.kind}|{first.value}", events


def _events(path: Path) -> Iterator[Intake]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield _intake(line)
            except InvalidEvent as error:
                raise EvaluationRefused(
                    f"Line {number} of {path.name} is no event of the contract: {error.message}"
                ) from error


def _intake(line: bytes) -> Intake:
    document = parse_json(line)
    if isinstance(document, dict) and "receivedat" not in document:
        document = document | {"receivedat": document.get("time"), "declaredhistory": True}
    return read(Record(CRM_EVENTS, 0, 0, "", orjson.dumps(document)))


def _last_outcome(intakes: list[Intake]) -> Intake | None:
    outcomes = [intake for intake in intakes if is_outcome(intake.event)]
    last = max(outcomes, key=lambda intake: intake.event.stamp, default=None)
    return None if last is None or last.event.type == "crm.lead.erased" else last


def _prefixes(lead: str, intakes: list[Intake], outcome: Intake) -> Iterator[_Look]:
    """The lead after each event that was known before its outcome happened."""
    state = LeadState()
    for intake in intakes:
        event = intake.event
        if is_outcome(event) or event.known_at >= outcome.event.occurred_at:
            continue
        fold(state, event)
        yield _look(lead, features(state, event.known_at), event.known_at, outcome)


def _drawn(lead: str, intakes: list[Intake], outcome: Intake, seed: int) -> list[_Look]:
    """The one look that stands for the lead in training, drawn by a hash as stored ones are."""
    looks = [
        snapshot
        for snapshot in fold_all(LeadState(), (intake.event for intake in intakes))
        if snapshot.as_of <= outcome.event.occurred_at
    ]
    if not looks:
        return []
    one = min(looks, key=lambda look: _lot(f"{lead}{look.kind}{look.as_of.date()}{seed}"))
    return [_look(lead, one.features, one.as_of, outcome)]


def _lot(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _look(lead: str, found: Features, as_of: datetime, outcome: Intake) -> _Look:
    won = float(outcome.event.type == "crm.lead.converted")
    return _Look(lead, found, as_of, won, outcome.event.known_at)


def _closed(looks: list[_Look]) -> ClosedLeads:
    looks = sorted(looks, key=lambda look: (look.as_of, look.lead))
    return ClosedLeads(
        [look.features for look in looks],
        np.array([look.won for look in looks]),
        np.array([look.as_of.timestamp() for look in looks]),
        np.array([look.known_at.timestamp() for look in looks]),
        [look.lead for look in looks],
    )
