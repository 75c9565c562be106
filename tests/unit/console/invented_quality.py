"""Data quality of an invented company, as the scoring service tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.scoring.quality.verdict import verdict
from services.scoring.quality.wording import check_in_words, field_in_words, finding_in_words
from tests.unit.console.invented import iso

OWNER = {"name": "Léa Martin", "email": "lea@example.fr", "user_id": None, "of": "source"}
FINDINGS: tuple[tuple[str, str, str | None, dict[str, Any], float], ...] = (
    ("field_missing", "crm:example", "attribute.effectif", {"share": 0.42, "count": 1204}, 0.021),
    ("values_conflict", "crm:example", "phone", {"other": "shop:prestashop", "count": 37}, 0.004),
    ("source_silent", "typeform", None, {"hours": 131, "usual_hours": 62}, 0.0),
    ("values_invalid", "crm:example", "attribute.SIREN", {"rule": "siren", "count": 12, "share": 0.01}, 0.0),
    ("duplicates", "crm:example", None, {"kind": "email", "count": 3}, 0.0),
    ("field_vanished", "typeform", "attribute.région", {"before": 0.93, "count": 64}, 0.0),
    ("type_changed", "shop:prestashop", "amount", {"from": "number", "to": "text", "count": 41}, 0.0),
    ("share_changed", "crm:example", "company", {"before": 0.97, "share": 0.61}, 0.0),
    ("new_values", "crm:example", "attribute.secteur", {"values": ["<b>agro</b>", "eau"], "count": 9}, 0.0),
    ("field_appeared", "crm:example", "attribute.score interne", {"count": 80}, 0.0),
)
FIELDS = (
    "attribute.effectif",
    "phone",
    "email",
    "company",
    "attribute.SIREN",
    "attribute.secteur",
    "=attribute.x",
)


def make_quality(language: str, cursor: int, limit: int, *, owned: bool = False) -> dict[str, Any]:
    owner = OWNER if owned else None
    findings = [
        {
            "code": code,
            "source": source,
            "field": field,
            "params": params,
            "since": iso(timedelta(days=3)) if code in ("source_silent", "field_vanished") else None,
            "leads": params.get("count"),
            "cost": 0.05,
            "weight": weight,
            "owner": owner,
            **finding_in_words({"code": code, "source": source, "field": field, "params": params}, language),
        }
        for code, source, field, params, weight in FINDINGS
    ]
    fields = [
        {
            "source": "crm:example",
            "field": name,
            "field_name": field_in_words(name, language),
            "records": 2868,
            "missing": 300 * number,
            "completeness": 1 - 300 * number / 2868,
            "invalid": 12 if "SIREN" in name else 0,
            "conflicts": 37 if name == "phone" else 0,
            "last_at": iso(timedelta(hours=5 * number)),
            "cost": 0.05 / (number + 1),
            "owner": owner,
        }
        for number, name in enumerate(FIELDS)
    ]
    more = cursor + limit < len(fields)
    return {
        "as_of": iso(timedelta(minutes=1)),
        "pending": 12,
        "costs_known": True,
        "sources": [
            {
                "source": source,
                "records": records,
                "events": 9 * records,
                "received_at": iso(timedelta(hours=silence)),
                "usual_silence_h": usual,
                "silent_since": iso(timedelta(hours=silence)) if source == "typeform" else None,
                "owner": owner,
            }
            for source, records, silence, usual in (
                ("crm:example", 2868, 1, 14),
                ("shop:prestashop", 412, 3, None),
                ("typeform", 97, 131, 62),
            )
        ],
        "findings": findings,
        "findings_total": len(findings),
        "fields": fields[cursor : cursor + limit],
        "fields_total": len(fields),
        "next_cursor": str(cursor + limit) if more else None,
    }


def make_verdict(language: str, *, won: int, lost: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    closed = {"won": won, "lost": lost, "dated": 3, "first_at": now - timedelta(days=12), "last_at": now}
    fields = [{"source": "crm", "field": name, "records": 9} for name in ("", "email")]
    leaks = [{"source": "crm", "field": "attribute.motif de perte"}]
    found = verdict(closed, fields, ["typeform"], leaks)
    return found | {"checks": [check | check_in_words(check, language) for check in found["checks"]]}
