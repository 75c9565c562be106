"""Logs as JSON lines: a static event name with fields beside it.

Fields are ids and counts, never personal data. For the same reason an exception is logged as its type and
its stack, without its message: a database error quotes the row it refused.
"""

import contextlib
import io
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from shared.errors import UserError


def _error_of(exc_info: object) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def exception_without_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by the exception's type and frames."""
    exc_info: ExcInfo | object = event.pop("exc_info", None)
    error = _error_of(exc_info)
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        event["error"] = type(error).__qualname__
        event["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


class _StandardError(io.TextIOBase):
    """Standard error as it is now. A line that cannot be written (a full disk, a reader that is gone) is
    lost: the thread that wrote it, perhaps the one that speaks with Kafka, must not end of it."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


class _JsonLines(logging.Handler):
    """Library logs in the same form; their message is kept only from warnings on, without arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            "library_log",
            logger=record.name,
            message=str(record.msg),
            exc_info=record.exc_info,
        )


def _log_uncaught(_type: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
    """The end of a process or thread: with the message only when it was written for people."""
    told = {"detail": str(error)} if isinstance(error, UserError) else {"exc_info": error}
    structlog.get_logger().critical("stopped_by_error", alert=True, **told)


def configure(service: str, level: str) -> None:
    """Send this process's logs, and the warnings of its libraries, to standard error as JSON lines."""

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    structlog.configure(
        processors=[
            name_service,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            exception_without_message,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _StandardError())),
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda caught: _log_uncaught(
        caught.exc_type, caught.exc_value or caught.exc_type(), caught.exc_traceback
    )
    logging.basicConfig(handlers=[_JsonLines()], level=logging.WARNING, force=True)
