from datetime import UTC, datetime

import pytest

from services.writeback.retry import Answer, Pace, Verdict, read_retry_after

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (302, Verdict.FAILED),
        (400, Verdict.FAILED),
        (401, Verdict.FAILED),
        (410, Verdict.GONE),
        (429, Verdict.THROTTLED),
        (500, Verdict.FAILED),
        (502, Verdict.THROTTLED),
        (503, Verdict.THROTTLED),
        (504, Verdict.THROTTLED),
        (None, Verdict.FAILED),
    ],
)
def test_what_a_status_means(status: int | None, verdict: Verdict) -> None:
    assert Answer(status).verdict is verdict


def test_the_wait_doubles_up_to_the_longest_with_half_of_it_random() -> None:
    pace = Pace(first_delay_s=4, longest_delay_s=60)
    assert [pace.delay_s(n, Answer(), 0.0) for n in (1, 2, 3, 9)] == [2, 4, 8, 30]
    assert pace.delay_s(1, Answer(), 0.5) == 3
    assert pace.delay_s(100_000, Answer(), 0.0) == 30


def test_the_wait_is_never_shorter_than_asked_for() -> None:
    assert Pace(first_delay_s=4).delay_s(1, Answer(503, retry_after_s=600), 0.9) == 600


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 0 ", 0),
        ("Sat, 14 Mar 2026 09:27:53 GMT", 60),
        ("Sat, 14 Mar 2026 09:27:53 -0000", 60),
        ("Sat, 14 Mar 2026 09:00:00 GMT", 0),
        ("9" * 400, 86_400),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(header: str | None, seconds: float | None) -> None:
    assert read_retry_after(header, NOW) == seconds
