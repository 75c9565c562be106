"""Which source is believed where several say something of one field. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool | None
Stamp = tuple[int, str, str]
"""(occurred_at in microseconds since 1970, source, event id)."""
Entry = tuple[Scalar, Stamp]

# No source has a "|" in its name. What was said by someone not yet known ranks below what the known lead's
# sources say: an anonymous form never renames a lead.
ANONYMOUS = "|anonymous"


@dataclass(frozen=True, slots=True)
class Priorities:
    """`sources`: the most trusted first, for every field; `fields`: for one, by its register's name.

    Sources not listed come after those listed; among them the latest word counts.
    """

    version: int = 0
    sources: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def choose(self, register: str, said: Mapping[str, Entry]) -> Entry:
        """The entry that holds of those by source. An emptied field yields to any source that has a value."""
        order = self.fields.get(register, self.sources)

        def weight(source: str) -> tuple[bool, bool, int, Stamp]:
            value, stamp = said[source]
            rank = order.index(source) if source in order else len(order)
            return value is not None, not source.endswith(ANONYMOUS), -rank, stamp

        return said[max(said, key=weight)]


LATEST = Priorities()
