"""What a batch of records changes."""

from collections.abc import Sequence

import structlog

from services.writeback import store
from services.writeback.payloads import ApprovalMismatch, Kind, NewDelivery, read_reply, read_score
from shared import outbox
from shared.contracts.errors import InvalidEvent
from shared.contracts.rejection import of_record
from shared.contracts.topics import LEAD_SCORED
from shared.postgres import Connection
from shared.records import Outgoing, Record

log = structlog.get_logger()


def plan_deliveries(
    connection: Connection, records: Sequence[Record], *, destination: str, kinds: frozenset[Kind]
) -> None:
    """Add what the records ask to send, in the caller's transaction; what is malformed goes to quarantine.

    Of a lead's scores in the batch only the newest counts; an erased lead's deliveries are deleted.
    """
    scores: dict[str, NewDelivery] = {}
    replies: list[NewDelivery] = []
    erased: set[str] = set()
    rejected: list[Outgoing] = []
    for record in records:
        try:
            if record.topic == LEAD_SCORED:
                if record.value is None:
                    erased.add(record.key)
                    scores.pop(record.key, None)
                elif "score" in kinds:
                    score = read_score(record.value)
                    scores[score.lead_id] = _newer(score, scores.get(score.lead_id))
            elif "reply" in kinds and (reply := read_reply(record.value)):
                replies.append(reply)
        except InvalidEvent as error:
            reason = "approval_mismatch" if isinstance(error, ApprovalMismatch) else "invalid_event"
            rejected.append(of_record(record, reason, error.message))
            log.warning(
                "record_rejected",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=reason,
            )
    if erased:
        store.forget_leads(connection, sorted(erased))
        # The two topics have no order between them: what was approved beside an erasure is not sent.
        replies = [reply for reply in replies if reply.lead_id not in erased]
    if scores or replies:
        store.add(connection, destination, [*scores.values(), *replies])
    outbox.add(connection, rejected)


def _newer(score: NewDelivery, known: NewDelivery | None) -> NewDelivery:
    return known if known and (known.score_version or 0) > (score.score_version or 0) else score
