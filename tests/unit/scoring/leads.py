"""Invented leads for the scoring tests."""

import numpy as np

from services.scoring.features import Features


def invented(
    count: int = 400, *, seed: int = 0, interaction: bool = False
) -> tuple[list[Features], list[float]]:
    """Snapshots and outcomes. Visits, a recent form and the channel help; with `interaction` only their
    combination does, which no straight line can see."""
    random = np.random.default_rng(seed)
    snapshots: list[Features] = []
    labels: list[float] = []
    for _ in range(count):
        visits, days = int(random.poisson(3)), float(random.exponential(20))
        channel = ("web", "fair", "phone")[int(random.integers(3))]
        employees = float(random.lognormal(3, 1))
        if interaction:
            log_odds = 3.0 if (visits > 3) == (days < 15) else -3.0
        else:
            log_odds = -1.5 + 0.5 * visits - 0.05 * days + (1.0 if channel == "fair" else 0.0)
        snapshot: dict[str, float | int | str | bool | None] = {
            "activity.page_viewed.count": visits,
            "attribute.employees": employees,
            "source_channel": channel,
            "has_phone": bool(random.random() < 0.5),
        }
        if visits:
            snapshot["activity.page_viewed.days_since_last"] = days
        if random.random() < 0.3:
            del snapshot["attribute.employees"]
        snapshots.append(snapshot)
        labels.append(float(random.random() < 1 / (1 + np.exp(-log_odds))))
    return snapshots, labels
