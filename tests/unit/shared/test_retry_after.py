from datetime import UTC, datetime

import pytest

from shared.retry_after import read_retry_after

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


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
