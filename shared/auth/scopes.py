"""What can be allowed, and which role is allowed what."""

from typing import Final

SCOPES: Final[dict[str, str]] = {
    "events:write": "post events and webhooks",
    "events:history": "post declared history: events known at the time they happened",
    "imports:read": "read imports, their progress and the rows they refused",
    "imports:write": "bring in files, check, start and cancel imports",
    "rejected:read": "read quarantined deliveries",
    "rejected:write": "edit, replay and dismiss quarantined deliveries",
    "dry-runs:run": "try a payload without effect",
    "sources:read": "read where leads come from, and how each source is doing",
    "sources:write": "define sources, and make and revoke their secrets",
    "status:read": "read the state of the services",
    "leads:read": "read the queue, leads, timelines and scores",
    "leads:merge": "decide which leads are one, as a named person",
    "priorities:write": "say which source is believed where sources disagree, as a named person",
    "score:run": "score a lead given in the call",
    "models:read": "read models and their cards",
    "models:write": "train and promote models",
    "quality:read": "read data quality and who owns which source and field",
    "owners:write": "name the owners of sources and fields",
    "thresholds:read": "read grades, rules, next actions and deadlines, and try others without effect",
    "thresholds:write": "draft grades, rules and deadlines; publish them and note absences as a named person",
    "drafts:read": "read drafts",
    "drafts:decide": "approve or reject drafts, as a named person",
    "value:read": "read what drafted replies give back, in groups of five people or more",
    "consultations:write": "record, as a named person, that the staff was consulted on figures of its work",
    "knowledge:read": "read the knowledge of the house",
    "knowledge:write": "add to the knowledge of the house",
    "deliveries:read": "follow deliveries, and read what was written back",
}

_REP = frozenset({"leads:read", "leads:merge", "status:read", "models:read", "thresholds:read"}) | {
    "drafts:read",
    "drafts:decide",
    "knowledge:read",
}

ROLES: Final[dict[str, frozenset[str]]] = {
    "admin": frozenset(SCOPES),
    "marketing": _REP
    | {"score:run", "models:write", "thresholds:write", "knowledge:write", "rejected:read"}
    | {
        "rejected:write",
        "deliveries:read",
        "dry-runs:run",
        "quality:read",
        "owners:write",
        "priorities:write",
    }
    | {"imports:read", "imports:write", "events:history", "value:read"},
    "rep": _REP,
    "integrator": frozenset(
        {"events:write", "rejected:read", "rejected:write", "status:read", "deliveries:read"}
    )
    | {"dry-runs:run", "quality:read", "owners:write", "sources:read", "sources:write"},
}
