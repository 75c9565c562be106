"""What an answer means, and when to try again. Pure.

After Standard Webhooks 1.0.0, "Deliverability and reliability".
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

_THROTTLING: Final = frozenset({429, 502, 503, 504})


class Verdict(Enum):
    DELIVERED = "delivered"
    GONE = "gone"
    THROTTLED = "throttled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP status, or the code of why there is none."""

    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def verdict(self) -> Verdict:
        """A redirect is a failure: following it would take the data where no administrator sent it."""
        match self.status:
            case int(status) if 200 <= status < 300:
                return Verdict.DELIVERED
            case 410:
                return Verdict.GONE
            case int(status) if status in _THROTTLING:
                return Verdict.THROTTLED
            case _:
                return Verdict.FAILED


@dataclass(frozen=True, slots=True)
class Pace:
    """How patiently to send, in seconds. `lease_s` must outlast one attempt: then it counts as lost."""

    first_delay_s: float = 5.0
    longest_delay_s: float = 3600.0
    give_up_s: float = 24 * 3600.0
    lease_s: float = 120.0

    def delay_s(self, attempts: int, answer: Answer, chance: float) -> float:
        """The wait after the `attempts`th attempt, `chance` in [0, 1).

        Doubles each time up to the longest; half of it is random, so that what failed together does not
        come back together. Never less than what the destination asked for.
        """
        # 2**attempts of a delivery retried for weeks would not fit a float.
        doubled = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempts - 1, 64))
        return max(doubled * (0.5 + chance / 2), answer.retry_after_s or 0.0)
