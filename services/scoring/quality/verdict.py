"""Is there enough to train on? Each check with its threshold, the reason for it, and what it found. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

Figure = float | None
Level = Literal["blocks", "warns"]

LEAK_SAMPLE = 1_000  # leads won, and leads lost
LEAST_LEAK_LEADS = 20


@dataclass(frozen=True, slots=True)
class Check:
    """Passed when the figure is at least `least`, or at most `most`; `why` is the reason for it."""

    code: str
    level: Level
    why: str
    least: float | None = None
    most: float | None = None

    def passed(self, figure: Figure) -> bool | None:
        """None: not known."""
        if figure is None:
            return None
        return (self.least is None or figure >= self.least) and (self.most is None or figure <= self.most)


CHECKS = (
    Check(
        "won", "blocks", "with fewer the folds hold too few to test on (learning.fit.MIN_OUTCOMES)", least=20
    ),
    Check("lost", "blocks", "as for leads won", least=20),
    Check("fields", "blocks", "without a field nothing tells one lead from another", least=1),
    Check(
        "span_days",
        "warns",
        "learning.run.LEAST_SPREAD_S is a week; three test windows want a month",
        least=30,
    ),
    Check("dated_share", "warns", "an undated history is tested on folds, not forward in time", least=0.8),
    Check(
        "completeness", "warns", "half of the fields half empty: the model reads mostly silence", least=0.5
    ),
    Check("silent_sources", "warns", "what a silent source knew of its leads grows old", most=0),
    Check(
        "leak_suspicions",
        "warns",
        "a field that only one outcome fills tells the outcome, not the lead",
        most=0,
    ),
)
LEAK_GAP = 0.9
"""Between the shares of leads won and of leads lost that have the field: below, real fields come near."""


def leaks(filled: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """{source, field} that nearly all leads of one outcome have, and nearly none of the other.

    `filled` as `store.filled_by_outcome` gives it.
    """
    described = {row["source"]: row for row in filled if row["field"] == ""}
    found: list[dict[str, str]] = []
    for row in filled:
        whole = described.get(row["source"])
        if row["field"] == "" or whole is None or min(whole["won"], whole["lost"]) < LEAST_LEAK_LEADS:
            continue
        if abs(row["won"] / whole["won"] - row["lost"] / whole["lost"]) >= LEAK_GAP:
            found.append({"source": row["source"], "field": row["field"]})
    return found


def verdict(
    closed: Mapping[str, Any],
    fields: Sequence[Mapping[str, Any]],
    silent: Sequence[str],
    suspected: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """{go, checks}. `closed` and `fields` as the store gives them; `silent` names sources."""
    outcomes = closed["won"] + closed["lost"]
    span = (closed["last_at"] - closed["first_at"]) / timedelta(days=1) if outcomes else None
    figures: dict[str, Figure] = {
        "won": closed["won"],
        "lost": closed["lost"],
        # Events that are stored and not counted yet may hold the first field: not known is not none.
        "fields": sum(1 for row in fields if row["field"] != "") or None,
        "span_days": span,
        "dated_share": closed["dated"] / outcomes if outcomes else None,
        "completeness": median_completeness(fields),
        "silent_sources": len(silent),
        "leak_suspicions": len(suspected),
    }
    named = {"silent_sources": silent, "leak_suspicions": suspected}
    checks = [
        {
            "code": check.code,
            "level": check.level,
            "passed": check.passed(figures[check.code]),
            "found": figures[check.code],
            "least": check.least,
            "most": check.most,
            "why": check.why,
            "named": named.get(check.code, []),
        }
        for check in CHECKS
    ]
    return {"go": not any(c["level"] == "blocks" and c["passed"] is False for c in checks), "checks": checks}


def median_completeness(fields: Sequence[Mapping[str, Any]]) -> float | None:
    """Of the fields of all sources, the middle share of their source's records."""
    records = {row["source"]: row["records"] for row in fields if row["field"] == ""}
    shares = sorted(
        row["records"] / records[row["source"]]
        for row in fields
        if row["field"] != "" and records[row["source"]]
    )
    return shares[len(shares) // 2] if shares else None
