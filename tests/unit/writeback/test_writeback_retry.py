import pytest

from services.writeback.retry import Answer, Pace, Verdict


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
