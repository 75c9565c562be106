"""Leads that changed, compared with those they share a key with: beside the batches, in bounded steps."""

from services.scoring import grouping_store
from services.scoring.duplicates import describe, evidence, keys
from shared.postgres import Connection

MOST_CANDIDATES = 20
"""Of each key. A key that more leads share tells too little to be worth the work."""


def compare(connection: Connection, *, limit: int) -> int:
    """Look for the duplicates of at most `limit` leads that changed; how many were looked at."""
    rows = grouping_store.take_to_compare(connection, limit)
    if not rows:
        return 0
    described = {row["lead_id"]: describe(row) for row in rows}
    keys_of = {lead_id: keys(lead) for lead_id, lead in described.items()}
    grouping_store.replace_keys(connection, keys_of)
    pairs = {}
    for row in grouping_store.candidates(connection, keys_of, most=MOST_CANDIDATES):
        found = evidence(described[row["of_id"]], describe(row))
        if found:
            first, second = sorted((row["of_id"], row["lead_id"]))
            score, why = found
            pairs[first, second] = {
                "lead_id": first,
                "other_id": second,
                "kind": "alike",
                "score": score,
                "why": why,
            }
    grouping_store.suspect_pairs(connection, list(pairs.values()))
    return len(rows)
