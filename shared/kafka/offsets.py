"""Where each partition stands, in Postgres: sought when assigned, moved with the effect."""

from collections.abc import Sequence
from pathlib import Path

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition

from shared.kafka.batch import Batch
from shared.kafka.errors import Fenced, OffsetsUnusable
from shared.postgres import Connection, Pool, load_queries

QUERIES = load_queries(Path(__file__).with_name("queries.sql"))


def register_offsets(pool: Pool, consumer: KafkaConsumer, topics: Sequence[str]) -> str:
    """Make sure that each partition has a stored offset that its log can serve; return the cluster's id.

    Raises OffsetsUnusable as the class says: going on would skip or repeat events silently.
    """
    partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    if not partitions:
        raise OffsetsUnusable(f"Topics {', '.join(topics)} do not exist; run `eclaireur migrate`.")
    beginning, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    cluster_id: str = consumer._cluster.cluster_id  # no public way to it in kafka-python 3.0
    rows = [
        {"cluster_id": cluster_id, "topic": tp.topic, "partition": tp.partition, "start": beginning[tp]}
        for tp in partitions
    ]
    with pool.connection() as connection:
        stored = connection.execute(QUERIES["offsets_of_topics"], {"topics": list(topics)}).fetchall()
        for row in stored:
            partition = TopicPartition(row["topic"], row["partition"])
            start = beginning.get(partition)
            if row["cluster_id"] != cluster_id:
                raise OffsetsUnusable(
                    f"Offsets of {row['topic']} were stored for Kafka cluster {row['cluster_id']}, this is "
                    f"{cluster_id}. Point KAFKA_BOOTSTRAP_SERVERS at the right cluster."
                )
            if start is not None and start > row["next_offset"]:
                raise OffsetsUnusable(
                    f"{row['topic']}-{row['partition']}: events {row['next_offset']} to {start - 1} were "
                    "deleted from Kafka before they were read. Restore them or accept the loss by hand."
                )
            if end.get(partition, row["next_offset"]) < row["next_offset"]:
                raise OffsetsUnusable(
                    f"{row['topic']}-{row['partition']} ends at {end[partition]}, before "
                    f"{row['next_offset']} that was read: the topic was made anew. Restore it, or forget "
                    "its offsets by hand."
                )
        connection.cursor().executemany(QUERIES["register_offset"], rows)
    return cluster_id


def _stored_offsets(
    pool: Pool, cluster_id: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    with pool.connection() as connection:
        rows = connection.execute(
            QUERIES["offsets_of_topics"], {"topics": list({tp.topic for tp in partitions})}
        ).fetchall()
    offsets = {
        TopicPartition(row["topic"], row["partition"]): row["next_offset"]
        for row in rows
        if row["cluster_id"] == cluster_id
    }
    return {tp: offsets[tp] for tp in partitions}


class SeekFromPostgres(ConsumerRebalanceListener):  # type: ignore[misc]
    """Puts each newly assigned partition where Postgres says it stands."""

    def __init__(self, consumer: KafkaConsumer, pool: Pool, cluster_id: str) -> None:
        self._consumer, self._pool, self._cluster_id = consumer, pool, cluster_id
        self.failure: Exception | None = None

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing to save: positions are in Postgres."""

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self.seek(list(assigned))

    def seek(self, partitions: list[TopicPartition]) -> None:
        # An exception here would be lost in the client's own loop: keep it for the consume loop to raise.
        try:
            for partition, offset in _stored_offsets(self._pool, self._cluster_id, partitions).items():
                self._consumer.seek(partition, offset)
        except Exception as error:
            self.failure = error


def advance(connection: Connection, cluster_id: str, polled: Batch) -> None:
    """Move the stored offsets past the batch; raises Fenced when another worker already did."""
    for partition, messages in sorted(polled.items()):
        moved = connection.execute(
            QUERIES["advance_offset"],
            {
                "cluster_id": cluster_id,
                "topic": partition.topic,
                "partition": partition.partition,
                "first": messages[0].offset,
                "next_offset": messages[-1].offset + 1,
            },
        ).rowcount
        if moved == 0:
            raise Fenced(f"{partition.topic}-{partition.partition} at {messages[0].offset}")
