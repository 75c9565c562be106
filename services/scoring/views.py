"""How rows of the scoring schema are shown to API clients. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.scoring.policy.showing import InView, work_of_lead
from services.scoring.priority import ANONYMOUS, LATEST, Entry, Priorities
from services.scoring.reasons import OTHER, Reason
from services.scoring.state import ATTRIBUTE, LeadState, from_json, moment
from services.scoring.wording import evidence_in_words, in_words
from shared.contracts.identifiers import identifiers, value_hash

Row = Mapping[str, Any]
TREND_STEP = 0.02
"""A change of probability below this is called flat."""


def trend(row: Row) -> str | None:
    if row["probability"] is None or row["previous"] is None:
        return None
    change = row["probability"] - row["previous"]
    return "flat" if abs(change) < TREND_STEP else ("up" if change > 0 else "down")


def unscored_reason(row: Row, *, model_published: bool) -> str | None:
    if row["probability"] is not None:
        return None
    return "not_yet" if model_published else "no_model"


def lead_row(
    row: Row,
    language: str,
    *,
    model_published: bool,
    view: InView = InView(),  # noqa: B008 - never changed
    most_reasons: int = 2,
) -> dict[str, Any]:
    """One lead of the queue, its reasons and next action in words."""
    # Stored strongest first; what is too small to say is added up as one, which says nothing to a rep.
    said = [reason for reason in row["reasons"] if reason["code"] != OTHER]
    shown = ("lead_id", "name", "company", "email", "status", "source", "owner", "probability", "grade")
    return {
        **{name: row[name] for name in shown},
        "unscored_reason": unscored_reason(row, model_published=model_published),
        "trend": trend(row),
        "reasons": [_reason(reason, language) for reason in said[:most_reasons]],
        **work_of_lead(row, view, language),
        "draft": {"draft_id": row["draft_id"], "status": row["draft_status"]} if row["draft_id"] else None,
        "message_waiting": row["message_waiting"],
        "last_activity_at": row["last_activity_at"],
    }


def lead_page(
    row: Row,
    language: str,
    *,
    model_published: bool,
    view: InView = InView(),  # noqa: B008 - never changed
    priorities: Priorities = LATEST,
) -> dict[str, Any]:
    """One lead with all that is known of it, but its events."""
    state = from_json(row["state"], priorities)
    score = None
    if row["probability"] is not None:
        score = {
            "version": row["score_version"],
            "as_of": row["as_of"],
            "model_version": row["model_version"],
            "log_odds": row["log_odds"],
            "base_log_odds": row["base_log_odds"],
            "all_reasons": [_reason(reason, language) for reason in row["reasons"]],
        }
    shown = lead_row(
        row,
        language,
        model_published=model_published,
        view=view,
        most_reasons=6,
    )
    return {
        **shown,
        "phone": row["phone"],
        "created_at": row["created_at"],
        "attributes": state.attributes(),
        "fields": fields(state),
        "external_ids": [
            {"source": source, "subject": subject} for source, subject in state.subjects().items()
        ],
        "score": score,
    }


def model_refused(row: Row | None) -> dict[str, Any] | None:
    """That the model published last does not load, what scores meanwhile, and what to do."""
    if row is None:
        return None
    match row["serving"]:
        case None:
            meanwhile = "No earlier one loads either, so nobody is scored until then."
        case serving if serving == row["version"]:
            meanwhile = "The worker goes on with the copy in its memory, until it is restarted."
        case serving:
            meanwhile = f"Model {serving}, the last good one, goes on scoring."
    detail = (
        f"The file of model {row['version']}, published last, is damaged or missing. {meanwhile} Publish an "
        "earlier model (POST /v1/models/<version>/publish) or train again (eclaireur train)."
    )
    return {**row, "detail": detail}


def reasons_in_words(reasons: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """Stored reasons, each with its text."""
    return [_reason(reason, language) for reason in reasons]


SHOWN = ("name", "company", "email", "phone", "owner", "stage", "amount", "source_channel", "language")
COMPARED = ("name", "company", "email", "phone", "account", "owner", "source", "status")


def fields(state: LeadState) -> list[dict[str, Any]]:
    """Each field with the source whose value holds, when it said so, and what other sources say."""
    names = [n for n in SHOWN if n in state.registers]
    names += [n for n in sorted(state.registers) if n.startswith(ATTRIBUTE)]
    found = []
    for name in names:
        held = state.entry(name)
        said = state.said.get(name, {})
        others = sorted((e for e in said.values() if e is not held), key=lambda e: e[1], reverse=True)
        found.append({"field": name, **_told(held), "others": [_told(entry) for entry in others]})
    return found


def _told(entry: Entry | None) -> dict[str, Any]:
    assert entry is not None  # noqa: S101 - a register that is there has an entry
    value, (at, source, _) = entry
    return {
        "value": value,
        "source": source.removesuffix(ANONYMOUS),
        "anonymous": source.endswith(ANONYMOUS),
        "said_at": moment(at),
    }


def identities(rows: Sequence[Row], said: Sequence[Row]) -> list[dict[str, Any]]:
    """What names a lead, with the value where an event still tells it: only its hash is kept."""
    values = {
        (i.source, i.kind, value_hash(i.value)): i.value
        for one in said
        for i in identifiers(
            {"source": one["source"], "subject": one["subject"], "data": {"lead": one["lead"]}}
        )
    }
    return [
        {
            **{name: row[name] for name in ("identity_id", "source", "kind", "events")},
            "value": values.get((row["source"], row["kind"], row["value_hash"])),
        }
        for row in rows
    ]


def duplicate(row: Row, leads: Mapping[UUID, Row], language: str) -> dict[str, Any]:
    """A pair side by side: what speaks for it, and where the two differ."""
    pair = [leads[row[name]] for name in ("lead_id", "other_id") if row[name] in leads]
    shown = [
        {
            **{
                name: lead[name] for name in ("lead_id", *COMPARED, "created_at", "last_activity_at", "grade")
            },
            "attributes": from_json(lead["state"]).attributes(),
        }
        for lead in pair
    ]
    kept = ("duplicate_id", "score", "status", "noticed_at", "decided_name", "decided_at", "regrouping_id")
    return {
        **{name: row[name] for name in kept},
        "why": [
            {"code": code, "params": params, "text": evidence_in_words(code, params, language)}
            for code, params in row["why"].items()
        ],
        "leads": shown,
        "differs": [name for name in COMPARED if len({str(lead[name]) for lead in shown}) > 1],
    }


def _reason(reason: Mapping[str, Any], language: str) -> dict[str, Any]:
    read = Reason(reason["code"], reason["params"], reason["contribution"])
    return {**reason, "text": in_words(read, language)}
