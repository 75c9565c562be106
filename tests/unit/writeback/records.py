"""Records as scoring and the responder publish them."""

from typing import Any

from shared.contracts.approval import content_hash

CANARY = "canari.7f3a@example.org"
"""Personal data planted in every reply: it must show up in no log."""


def a_score(lead_id: str, version: int, **changes: Any) -> dict[str, Any]:
    return {
        "lead_id": lead_id,
        "score_version": version,
        "external_ids": [{"source": "crm", "subject": f"at-{lead_id}"}],
        "probability": 0.42,
        "grade": "B",
        "log_odds": -0.32,
        "reasons": [],
        "model_version": "m1",
        "as_of": "2026-03-14T09:26:53Z",
        "status": "open",
        "demo": False,
        **changes,
    }


def a_reply(lead_id: str, draft_id: str, **changes: Any) -> dict[str, Any]:
    content = {
        "draft_id": draft_id,
        "version": 1,
        "channel": "email",
        "sender": "ventes@example.org",
        "recipients": [CANARY],
        "subject": "Votre demande",
        "body": f"Bonjour Éléonore, voici notre réponse. {CANARY}",
        "attachments": [],
    }
    return {
        "event": "approved",
        "draft_id": draft_id,
        "version": 1,
        "lead_id": lead_id,
        "at": "2026-03-14T09:26:53Z",
        "user": {"id": "u1", "name": "Camille Petit"},
        "message": {"source": "mailbox", "id": "m1"},
        "content": content,
        "sha256": content_hash(content),
        "demo": False,
        **changes,
    }
