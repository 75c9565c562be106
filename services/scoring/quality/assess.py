"""From figures to findings: what to mend first. Pure.

A finding is a code with parameters, put into words at the edge (wording.py). Findings stand in the order of
what they cost in ranking, cost × share of records concerned; where it is not known, in the order of `CODES`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from services.scoring.quality.tally import DESCRIBING, WHOLE
from services.scoring.state import ATTRIBUTE, PROFILE

CODES = (
    "source_silent",
    "values_conflict",
    "values_invalid",
    "duplicates",
    "field_vanished",
    "type_changed",
    "share_changed",
    "new_values",
    "field_missing",
    "field_appeared",
)
MOST_FINDINGS = 500
"""Beyond, the first ones come first."""

LEAST_MISSING = 0.05  # share of records: below, nobody would go and look
LEAST_KNOWN = 0.02  # share of records: a field rarer than this is meant to be
LEAST_GAPS = 20  # before a source has a rhythm of its own
SILENCE_QUANTILE = 0.99
LEAST_WEEK = 20  # events in a week, before weeks are compared
LEAST_SHARE_CHANGE = 0.2
LEAST_Z = 4.0  # both: a change that is large, and no chance at some hundred fields looked at daily
SETTLED = timedelta(days=14)  # a source or a field younger than this is still being set up
NEW = timedelta(days=7)
LEAST_NEW_EVENTS = 3
MOST_NEW_VALUES = 5
MOST_LEVEL_SHARE = 0.5  # with most of its values new, it is a text


@dataclass(frozen=True, slots=True)
class Finding:
    """`leads`: how many records it concerns, None when that is not countable. `cost`: the fall of the AUC
    without the field; None when not known. `weight` = cost × share of records concerned."""

    code: str
    source: str
    field: str | None
    params: Mapping[str, Any]
    since: datetime | None
    leads: int | None
    cost: float | None = None
    weight: float = 0.0

    @property
    def order(self) -> tuple[Any, ...]:
        return (-self.weight, CODES.index(self.code), -(self.leads or 0), self.source, self.field or "")


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows as services.scoring.quality.store reads them. `costs`: by field, None without a published model
    that states them."""

    fields: Sequence[Mapping[str, Any]]
    weeks: Sequence[Mapping[str, Any]]
    levels: Sequence[Mapping[str, Any]]
    rhythms: Mapping[int, Mapping[int, int]]
    conflicts: Sequence[Mapping[str, Any]]
    duplicates: Sequence[Mapping[str, Any]]
    costs: Mapping[str, float] | None


def assess(figures: Figures, as_of: datetime) -> dict[str, Any]:
    """{as_of, sources, findings, findings_total, costs}: what the report says, but owners and words."""
    by_id = {row["field_id"]: row for row in figures.fields}
    sources = {row["source"]: row for row in figures.fields if row["field"] == WHOLE}
    weeks: dict[int, dict[str, tuple[int, int]]] = {}
    for row in figures.weeks:
        weeks.setdefault(row["field_id"], {})[row["kind"]] = (row["recent"], row["before"])
    findings = [
        *(found for row in sources.values() for found in _silent(row, figures, as_of)),
        *(found for row in figures.duplicates for found in _duplicates(row)),
        *(found for row in figures.conflicts for found in _conflict(row, by_id, figures.costs)),
        *_new_values(figures, by_id, as_of),
    ]
    for row in figures.fields:
        if row["field"] != WHOLE:
            source = sources[row["source"]]
            findings += _of_field(row, source, weeks, figures.costs, as_of)
    findings.sort(key=lambda finding: finding.order)
    return {
        "as_of": as_of,
        "sources": [_source(row, figures, as_of) for row in sources.values()],
        "findings": [asdict(finding) for finding in findings[:MOST_FINDINGS]],
        "findings_total": len(findings),
        "costs": figures.costs,
    }


def usual_silence(gaps: Mapping[int, int]) -> int | None:
    """The hours that 99 in 100 silences of a source do not exceed; None before it has a rhythm."""
    total = sum(gaps.values())
    if total < LEAST_GAPS:
        return None
    passed = 0
    for hours in sorted(gaps):
        passed += gaps[hours]
        if passed >= SILENCE_QUANTILE * total:
            return hours
    raise AssertionError("the last gap passes every share")


def _silent_since(row: Mapping[str, Any], gaps: Mapping[int, int], as_of: datetime) -> datetime | None:
    usual, live_at = usual_silence(gaps), row["live_at"]
    # Gaps are counted from the beginning of an hour to that of another: an hour more is no silence yet.
    late = usual is not None and live_at is not None and as_of - live_at > timedelta(hours=usual + 1)
    return live_at if late else None


def _source(row: Mapping[str, Any], figures: Figures, as_of: datetime) -> dict[str, Any]:
    gaps = figures.rhythms.get(row["field_id"], {})
    return {
        "source": row["source"],
        "records": row["records"],
        "events": row["events"],
        "first_at": row["first_at"],
        "received_at": row["received_at"],
        "last_at": row["last_at"],
        "usual_silence_h": usual_silence(gaps),
        "silent_since": _silent_since(row, gaps, as_of),
        "duplicates": {d["kind"]: d["pairs"] for d in figures.duplicates if d["source"] == row["source"]},
    }


def _silent(row: Mapping[str, Any], figures: Figures, as_of: datetime) -> Iterable[Finding]:
    gaps = figures.rhythms.get(row["field_id"], {})
    since = _silent_since(row, gaps, as_of)
    if since is not None:
        params = {"hours": int((as_of - since).total_seconds() // 3600), "usual_hours": usual_silence(gaps)}
        yield Finding("source_silent", row["source"], None, params, since, row["records"])


def _duplicates(row: Mapping[str, Any]) -> Iterable[Finding]:
    params = {"kind": row["kind"], "count": row["pairs"]}
    yield Finding("duplicates", row["source"], None, params, row["since"], row["pairs"])


def _conflict(
    row: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]], costs: Mapping[str, float] | None
) -> Iterable[Finding]:
    mine, theirs = by_id[row["field_id"]], by_id[row["other_field_id"]]
    params = {"other": theirs["source"], "count": row["leads"]}
    yield _weighed("values_conflict", mine, mine["records"], row["leads"], params, costs)


def _new_values(
    figures: Figures, by_id: Mapping[int, Mapping[str, Any]], as_of: datetime
) -> Iterable[Finding]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in figures.levels:
        found.setdefault(row["field_id"], []).append(row)
    for field_id, levels in found.items():
        known = by_id[field_id]
        events = sum(level["events"] for level in levels)
        if as_of - known["first_at"] < SETTLED or events > MOST_LEVEL_SHARE * known["events"]:
            continue
        params = {"values": [level["level"] for level in levels[:MOST_NEW_VALUES]], "count": events}
        since = min(level["first_at"] for level in levels)
        yield Finding("new_values", known["source"], known["field"], params, since, None)


def _of_field(
    row: Mapping[str, Any],
    source: Mapping[str, Any],
    weeks: Mapping[int, Mapping[str, tuple[int, int]]],
    costs: Mapping[str, float] | None,
    as_of: datetime,
) -> Iterable[Finding]:
    records = source["records"]
    missing = records - row["records"]
    read = costs is None or row["field"] in costs  # what the model does not read costs it nothing
    told = row["field"] in PROFILE or row["field"].startswith(ATTRIBUTE)
    usual = row["records"] >= LEAST_KNOWN * records
    if records and told and read and usual and missing >= LEAST_MISSING * records:
        params = {"share": missing / records, "count": missing}
        yield _weighed("field_missing", row, records, missing, params, costs)
    for rule, count in row["problems"].items():
        params = {"rule": rule, "count": count, "share": count / max(1, row["records"])}
        yield _weighed("values_invalid", row, row["records"], count, params, costs)
    yield from _drift(row, source, weeks, costs, as_of)


def _drift(
    row: Mapping[str, Any],
    source: Mapping[str, Any],
    weeks: Mapping[int, Mapping[str, tuple[int, int]]],
    costs: Mapping[str, float] | None,
    as_of: datetime,
) -> Iterable[Finding]:
    """This week against the four before: both must have enough to compare."""
    if as_of - source["first_at"] < SETTLED:
        return
    recent, before = weeks.get(source["field_id"], {}).get(DESCRIBING, (0, 0))
    if min(recent, before) < LEAST_WEEK:
        return
    params: dict[str, Any]
    kinds = weeks.get(row["field_id"], {})
    now, then = (sum(counts[at] for counts in kinds.values()) for at in (0, 1))
    if not then:
        if as_of - row["first_at"] < NEW and now >= LEAST_NEW_EVENTS:
            params = {"count": now}
            yield Finding("field_appeared", row["source"], row["field"], params, row["first_at"], None)
        return
    if not now:
        if _z(0, recent, then, before) >= LEAST_Z or then >= LEAST_SHARE_CHANGE * before:
            params = {"before": then / before, "count": recent}
            yield _weighed("field_vanished", row, recent, recent, params, costs, since=row["received_at"])
        return
    kind, kind_before = (max(kinds, key=lambda name: kinds[name][at]) for at in (0, 1))
    if kind != kind_before and now >= LEAST_WEEK:
        params = {"from": kind_before, "to": kind, "count": kinds[kind][0]}
        yield _weighed("type_changed", row, now, kinds[kind][0], params, costs, since=as_of - NEW)
    elif abs(now / recent - then / before) >= LEAST_SHARE_CHANGE and _z(now, recent, then, before) >= LEAST_Z:
        params = {"before": then / before, "share": now / recent}
        lost = max(0, round(recent * (then / before - now / recent)))
        yield _weighed("share_changed", row, recent, lost, params, costs, since=as_of - NEW)


def _z(now: int, recent: int, then: int, before: int) -> float:
    """The statistic of two proportions, pooled."""
    pooled = (now + then) / (recent + before)
    spread = sqrt(pooled * (1 - pooled) * (1 / recent + 1 / before))
    return abs(now / recent - then / before) / spread if spread else 0.0


def _weighed(
    code: str,
    row: Mapping[str, Any],
    of: int,
    concerned: int,
    params: Mapping[str, Any],
    costs: Mapping[str, float] | None,
    *,
    since: datetime | None = None,
) -> Finding:
    """A finding on a field, of which `concerned` of `of` records go without."""
    cost = None if costs is None else costs.get(row["field"], 0.0)
    weight = max(0.0, cost or 0.0) * min(1.0, concerned / max(1, of))
    return Finding(code, row["source"], row["field"], params, since, concerned, cost, weight)
