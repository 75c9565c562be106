"""A small company's history, the same at each call, and a model that was published before it came in."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from services.scoring import store
from services.scoring.fit import fit
from services.scoring.train import publish
from tests.harness.platform import Installation

SOURCE = "crm"
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def history(leads: int, *, seed: int = 7) -> list[dict[str, Any]]:
    """Declared history in time order: created, some visits and messages, and for two thirds an outcome."""
    draw = random.Random(seed)  # noqa: S311 - invented data
    events: list[dict[str, Any]] = []

    def add(number: int, name: str, at: datetime, event_type: str, **data: Any) -> None:
        events.append(
            {
                "specversion": "1.0",
                "id": f"{number}-{name}",
                "source": SOURCE,
                "subject": str(number),
                "type": event_type,
                "time": at.isoformat(),
                "declaredhistory": True,
                "data": {"lead": {"email": f"lead{number}@example.fr"}, **data},
            }
        )

    for lead in range(leads):
        at = START + timedelta(hours=draw.uniform(0, 24 * 40))
        size = draw.choice(["small", "middle", "large"])
        add(
            lead,
            "created",
            at,
            "crm.lead.created",
            lead={"email": f"lead{lead}@example.fr", "attributes": {"size": size, "score": draw.random()}},
        )
        for visit in range(draw.randint(0, 4)):
            at += timedelta(hours=draw.uniform(1, 60))
            add(lead, f"visit{visit}", at, "crm.page.viewed", url="/prices")
        if draw.random() < 0.66:
            won = draw.random() < (0.6 if size == "large" else 0.2)
            at += timedelta(hours=draw.uniform(1, 200))
            add(lead, "outcome", at, "crm.lead.converted" if won else "crm.lead.lost")
    return sorted(events, key=lambda event: event["time"])


def publish_a_model(installation: Installation) -> str:
    """Publish a model that reads `attribute.size` and the number of visits; returns its version."""
    draw = random.Random(1)  # noqa: S311
    sizes = [draw.choice(["small", "middle", "large"]) for _ in range(400)]
    visits = [draw.randint(0, 4) for _ in sizes]
    rows = list(zip(sizes, visits, strict=True))
    labels = [float(draw.random() < (0.7 if size == "large" else 0.1) + 0.05 * n) for size, n in rows]
    snapshots = [{"attribute.size": size, "activity.page_viewed.count": n} for size, n in rows]
    with installation.connect(store.SCHEMA) as connection:
        return publish(connection, fit(snapshots, labels, seed=1), by="test")
