from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.paging import InvalidCursor, page, read_cursor


def test_a_cursor_leads_to_the_row_that_was_last() -> None:
    moment = datetime(2026, 3, 10, 8, 26, 53, 123456, tzinfo=UTC)
    rows = [(moment, UUID(int=n)) for n in range(3)]
    shown, cursor = page(rows, 2, lambda row: row)
    assert shown == rows[:2]
    assert read_cursor(cursor, datetime.fromisoformat, UUID) == [moment, UUID(int=1)]
    assert page(rows, 3, lambda row: row) == (rows, None)
    assert read_cursor(None, datetime.fromisoformat, UUID) == [None, None]


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA", "W10", "WzEsMl0", "é"])
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(cursor, datetime.fromisoformat, UUID)
