"""The life of a policy: drafts, what is in force, publishing and rolling back, cuts that follow the leads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import structlog
from pydantic import ValidationError

from services.scoring.policy import store
from services.scoring.policy.deciding import AllCuts, Decider
from services.scoring.policy.document import Grades, Policy
from services.scoring.policy.expected_value import furthest
from services.scoring.policy.population import (
    NoLeads,
    Population,
    features_read,
    follows_leads,
    moved,
    settle,
)
from shared.postgres import Connection

log = structlog.get_logger()

REFRESH_AFTER = timedelta(hours=24)
LEAST_MOVE = 0.005
LEAST_CHANGE = 0.05
"""Cuts that moved by less, and assumed amounts that changed by a smaller share, stay: each change looks at
every open lead again."""
WORKER = "worker"


@dataclass(frozen=True, slots=True)
class InForce:
    """`same`: all versions of this policy, whose cuts were settled at different times."""

    version: int
    cuts: Mapping[str, Any]
    decider: Decider
    same: frozenset[int]


class NoSuchPolicy(LookupError):
    """There is no such version."""


class AlreadyInForce(ValueError):
    """It grades already."""


def document_of(row: Mapping[str, Any]) -> Policy:
    """What was written down; for thresholds alone the default with these. Raises ValidationError."""
    if row["policy"] is not None:
        return Policy.model_validate(row["policy"])
    return Policy(grades=Grades(all={grade: row["cuts"][grade] for grade in "ABC"}))


class Policies:
    """Remembers the policy in force: a version never changes once published."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._loaded: InForce | None = None
        self._refused: int | None = None

    def in_force(self, connection: Connection) -> InForce | None:
        """None before anything was published. One that cannot be read is told; the last good one serves."""
        version = store.in_force(connection)
        with self._lock:
            if version is not None and version not in (self._refused, self._loaded and self._loaded.version):
                self._load(connection, version)
            return self._loaded if version is not None else None

    def _load(self, connection: Connection, version: int) -> None:
        row = store.version(connection, version)
        assert row is not None  # noqa: S101 - versions are never deleted
        try:
            policy = document_of(row)
        except ValidationError:
            log.error("policy_refused", policy=version)
            self._refused, policy = version, Policy()
            if self._loaded is not None:
                return
        same = store.same_policy(connection, row["origin"] or version)
        decider = Decider(policy, AllCuts.from_json(row["cuts"]))
        self._loaded = InForce(version, row["cuts"], decider, same)


def population(connection: Connection, policy: Policy) -> Population:
    """Open, scored leads with what `policy` looks at."""
    features = features_read(policy)
    return Population.of(store.population(connection, features), features)


def settled_cuts(connection: Connection, policy: Policy) -> dict[str, Any]:
    """Those by which `policy` would grade now. Raises NoLeads."""
    leads = (
        population(connection, policy) if follows_leads(policy) else Population.of({"probability": []}, ())
    )
    return settle(policy, leads, store.model_cuts(connection))


def still_in_force(connection: Connection, version: int) -> bool:
    """Whether `version` grades, with whatever cuts; nobody else publishes in the caller's transaction."""
    store.lock_publishing(connection)
    current, row = store.in_force(connection), store.version(connection, version)
    return row is not None and current in store.same_policy(connection, row["origin"] or version)


def publish(connection: Connection, version: int) -> int:
    """Put a version in force, a draft or an earlier one, in the caller's transaction.

    Returns which version grades now: another when the leads have changed since its cuts were settled.
    Raises NoSuchPolicy, AlreadyInForce, NoLeads.
    """
    store.lock_publishing(connection)
    row = store.version(connection, version)
    if row is None:
        raise NoSuchPolicy
    current = store.in_force(connection)
    cuts = settled_cuts(connection, document_of(row))
    if current is not None and current in store.same_policy(connection, row["origin"] or version):
        held = store.version(connection, current)
        if held is not None and _as_before(held["cuts"], cuts):
            raise AlreadyInForce
    return store.put_in_force(connection, row, cuts)


def _as_before(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether what was settled is still near enough."""
    return (
        moved(before, after) < LEAST_MOVE
        and furthest(before.get("amounts"), after.get("amounts")) < LEAST_CHANGE
    )


def publish_due(connection: Connection, now: datetime) -> bool:
    """Publish what is scheduled for now or before, the earliest; False when nothing is."""
    due = store.take_due(connection, now)
    if due is None:
        return False
    try:
        version = publish(connection, due["threshold_version"])
    except AlreadyInForce:
        version = due["threshold_version"]
    except NoLeads:
        log.warning("policy_not_publishable", policy=due["threshold_version"])
        store.call_off(connection, due["publication_id"])
        return True
    store.mark_published(connection, due["publication_id"], version)
    log.info("policy_published", policy=version)
    return True


def refresh_cuts(connection: Connection, now: datetime) -> bool:
    """Settle the cuts of shares of leads anew once a day; True when other cuts grade now."""
    current = store.in_force(connection)
    row = store.version(connection, current) if current is not None else None
    if row is None or row["policy"] is None:
        return False
    policy = document_of(row)
    if not follows_leads(policy) or row["settled_at"] > now - REFRESH_AFTER:
        return False
    store.lock_publishing(connection)
    if store.in_force(connection) != current:
        return False
    try:
        cuts = settled_cuts(connection, policy)
    except NoLeads:
        cuts = row["cuts"]
    if _as_before(row["cuts"], cuts):
        store.confirm_cuts(connection, row["threshold_version"])
        return False
    version = store.put_in_force(connection, row, cuts)
    store.note_publication(connection, version, by=WORKER, comment="")
    log.info("cuts_refreshed", policy=version)
    return True
