"""Logs go to standard error as it is when they are written, or nowhere."""

import io
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from shared import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, hook, threads_hook = logging.getLogger(), sys.excepthook, threading.excepthook
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], sys.excepthook, threading.excepthook = handlers, hook, threads_hook
    root.setLevel(level)


def test_a_line_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka's own thread ended of one, and whoever waited for it waited for ever."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("probe", "INFO")
    stream.close()
    structlog.get_logger().warning("said", count=1)
    logging.getLogger("kafka").warning("said by a library")


def test_lines_go_where_standard_error_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure("probe", "INFO")
    now = io.StringIO()
    monkeypatch.setattr(sys, "stderr", now)
    structlog.get_logger().info("said", count=1)
    logging.getLogger("kafka").warning("said by %s", "a library")
    assert [line.split('"event": ')[1].split(",")[0] for line in now.getvalue().splitlines()] == [
        '"said"',
        '"library_log"',
    ]
