"""The report as API clients see it: figures with their owners, in words. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.scoring.quality.tally import WHOLE
from services.scoring.quality.wording import field_in_words, finding_in_words

Row = Mapping[str, Any]


class Owners:
    """Who answers for a field: its own owner, else that of its source."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {(row["source"], row["field"]): row for row in rows}

    def of(self, source: str, field: str | None) -> dict[str, Any] | None:
        """{name, email, user_id, of}, `of` being "field" or "source"; None for nobody."""
        row = self._rows.get((source, field)) or self._rows.get((source, None))
        if row is None:
            return None
        told = {name: row[name] for name in ("name", "email", "user_id")}
        return told | {"of": "field" if row["field"] else "source"}


def empty(pending: int) -> dict[str, Any]:
    """Nothing was assessed yet."""
    return {
        "as_of": None,
        "pending": pending,
        "costs_known": False,
        "sources": [],
        "findings": [],
        "findings_total": 0,
        "fields": [],
        "fields_total": 0,
        "next_cursor": None,
    }


def head(assessed: Row, owners: Owners, source: str | None, most: int, language: str) -> dict[str, Any]:
    """All but the fields."""
    findings = [one for one in assessed["findings"] if source in (None, one["source"])]
    return {
        "as_of": assessed["as_of"],
        "costs_known": assessed["costs"] is not None,
        "sources": [one | {"owner": owners.of(one["source"], None)} for one in assessed["sources"]],
        "findings": [
            one
            | finding_in_words(one, language)
            | {
                "field_name": field_in_words(one["field"], language) if one["field"] else None,
                "owner": owners.of(one["source"], one["field"]),
            }
            for one in findings[:most]
        ],
        "findings_total": assessed["findings_total"] if source is None else len(findings),
    }


def fields(
    rows: Sequence[Row],
    conflicts: Sequence[Row],
    costs: Mapping[str, float] | None,
    owners: Owners,
    sort: str,
    language: str,
) -> list[dict[str, Any]]:
    """One row per source and field, the worst first. `completeness` is a share of the source's records."""
    whole = {row["source"]: row for row in rows if row["field"] == WHOLE}
    doubted: Counter[int] = Counter()
    for row in conflicts:
        doubted[row["field_id"]] += row["leads"]
        doubted[row["other_field_id"]] += row["leads"]
    shown = []
    for row in rows:
        if row["field"] == WHOLE:
            continue
        records = whole[row["source"]]["records"]
        cost = None if costs is None else costs.get(row["field"], 0.0)
        missing = max(0, records - row["records"])
        shown.append(
            {
                "source": row["source"],
                "field": row["field"],
                "field_name": field_in_words(row["field"], language),
                "records": records,
                "missing": missing,
                "completeness": row["records"] / records if records else None,
                "problems": row["problems"],
                "invalid": sum(row["problems"].values()),
                "conflicts": doubted[row["field_id"]],
                "last_at": row["last_at"],
                "behind_days": (whole[row["source"]]["last_at"] - row["last_at"]).days,
                "cost": cost,
                "owner": owners.of(row["source"], row["field"]),
            }
        )
    return sorted(shown, key=lambda row: place(row, sort))


def _cost(row: Row) -> float:
    if row["cost"] is None:
        return (row["completeness"] or 1.0) - 1
    return -max(0.0, row["cost"] or 0.0) * (1 - (row["completeness"] or 0.0))


_SORTS: Mapping[str, Callable[[Row], float]] = {
    "cost": _cost,
    "missing": lambda row: row["completeness"] if row["completeness"] is not None else 1.0,
    "problems": lambda row: -row["invalid"],
    "conflicts": lambda row: -row["conflicts"],
    "age": lambda row: -row["behind_days"],
    "field": lambda row: 0,
}


def place(row: Row, sort: str) -> tuple[float, str, str]:
    """Where a field stands in the order `sort`."""
    return float(_SORTS[sort](row)), row["field"], row["source"]
