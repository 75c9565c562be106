"""What can go wrong between a process and its broker, and how long it waits to find out."""

from shared.errors import UserError

BROKER_TIMEOUT_MS = 3000
"""How long a caller is held while the broker does not answer: an HTTP answer is due within 4 s."""


class BrokerUnavailable(Exception):
    """Kafka did not confirm every record in time; some may be stored all the same. Try again later."""


class TooManyInFlight(BrokerUnavailable):
    """Nothing was sent: as many records as may wait for Kafka do already. Try again in a moment."""


class RecordTooLarge(Exception):
    """A record is larger than what a topic takes (1 MB)."""


class OffsetsUnusable(UserError):
    """The stored offsets do not belong to this log: another cluster, or records already deleted."""


class Fenced(Exception):
    """Another worker has moved the offsets of these partitions: this batch is no longer ours."""


class InstanceTaken(UserError):
    """Another worker of the same group has the same instance name: they would evict each other for ever."""
