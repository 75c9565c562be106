"""What one poll returned, and its parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka import TopicPartition

from shared.records import Record

Batch = Mapping[TopicPartition, Sequence[Any]]
"""Partition → its messages as the client gives them, in order of offset, at least one."""


def records_of(polled: Batch, prefix: str) -> list[Record]:
    return [
        Record(
            topic=partition.topic.removeprefix(prefix),
            partition=partition.partition,
            offset=message.offset,
            key=(message.key or b"").decode("utf-8", "replace"),
            value=message.value,
            headers=dict(message.headers or ()),
        )
        for partition, messages in sorted(polled.items())
        for message in messages
    ]


def halves_of(batch: Batch) -> list[Batch]:
    """The batch in smaller ones, each partition's order kept; none when it is a single record."""
    if len(batch) > 1:
        return [{partition: messages} for partition, messages in sorted(batch.items())]
    ((partition, messages),) = batch.items()
    middle = len(messages) // 2
    return [{partition: messages[:middle]}, {partition: messages[middle:]}] if middle else []
