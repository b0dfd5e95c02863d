"""Logs: one JSON object a line on standard error, ours and the libraries'; ids as fields, never a child's data.

Of an exception its kind and place are told, never its text: that may quote what was being worked on.
"""

import logging
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePath
from types import FrameType
from typing import Any, Final, TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor

log = structlog.get_logger()

SELDOM_SECONDS: Final = 10.0
_REMEMBERED: Final = 1_000
OURS: Final = frozenset({"carejourney", "events", "services"})


def kind_of(error: BaseException) -> str:
    """What went wrong, without its words; of a group the first."""
    return type(_first(error)).__name__


def place_of(error: BaseException) -> str:
    """Where it went wrong, as module:line: the innermost frame that is no library's, or else the innermost of all."""
    frames = list(traceback.walk_tb(_first(error).__traceback__))
    ours = [frame for frame in frames if _is_ours(frame[0])]
    if not frames:
        return "?:0"
    frame, line = (ours or frames)[-1]
    return f"{_module(frame)}:{line}"


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "?"))


def _is_ours(frame: FrameType) -> bool:
    """Whether a frame is of the program: also where the program itself is installed as a library is."""
    package = _module(frame).partition(".")[0]
    installed = "site-packages" in frame.f_code.co_filename
    return package in OURS or not (installed or package in sys.stdlib_module_names)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def without_words(_: object, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its kind and place, wherever the event holds one. A structlog processor."""
    event.pop("stack_info", None)
    error = _raised(event.pop("exc_info", None))
    if error is not None:
        event.setdefault("fault", kind_of(error))
        event.setdefault("at", place_of(error))
    for name, value in event.items():
        if isinstance(value, BaseException):
            event[name] = kind_of(value)
    return event


def _raised(exc_info: object) -> BaseException | None:
    found = exc_info if exc_info is not True else sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    return error if isinstance(error, BaseException) else None


def _written(value: object) -> str:
    return str(value) if isinstance(value, UUID | PurePath | datetime) else type(value).__name__


_PROCESSORS: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    without_words,
)
_RENDERER: Final = structlog.processors.JSONRenderer(default=_written)


class LibraryLine(logging.Formatter):
    """A library's record as a line: the first line of its message, where it may quote no exception and no object."""

    def format(self, record: logging.LogRecord) -> str:
        event: Any = {"event": _first_line(record), "logger": record.name, "exc_info": record.exc_info}
        if kept_back := getattr(record, "kept_back", 0):
            event["kept_back"] = kept_back
        for processor in _PROCESSORS:
            event = processor(None, record.levelname.lower(), event)
        return str(_RENDERER(None, "", event))


class Seldom(logging.Filter):
    """Lets what a library says again and again through once in ten seconds, with how often it was kept back."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = _raised(record.exc_info)
        raised = (kind_of(error), place_of(error)) if error else ()
        key, now = (record.name, record.levelname, str(record.msg), *raised), time.monotonic()
        last, kept_back = self._said.get(key, (now - SELDOM_SECONDS, 0))
        if now - last < SELDOM_SECONDS:
            self._said[key] = (last, kept_back + 1)
            return False
        record.__dict__["kept_back"] = kept_back
        if len(self._said) > _REMEMBERED:
            self._said.clear()
        self._said[key] = (now, 0)
        return True


def _first_line(record: logging.LogRecord) -> str:
    text = record.msg if isinstance(record.msg, str) else _plain(record.msg)
    args = record.args
    if isinstance(args, Mapping):
        told: Any = {name: _plain(value) for name, value in args.items()}
    else:
        told = tuple(_plain(value) for value in args or ())
    try:
        text = str(text) % told if told else str(text)
    except (TypeError, ValueError, KeyError):
        text = str(text)
    return next(iter(text.splitlines()), "")


def _plain(value: object) -> object:
    if isinstance(value, BaseException):
        return kind_of(value)
    return value if value is None or isinstance(value, str | int | float) else type(value).__name__


def set_up_logs(service: str) -> None:
    """Log as the service from now on; libraries speak from WARNING up, and what nobody caught is told the same way."""
    structlog.contextvars.bind_contextvars(service=service)
    structlog.configure(processors=[*_PROCESSORS, _RENDERER], logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LibraryLine())
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # While Kafka makes its own topics at a first start, the client says so several times a second as an error.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.CRITICAL)
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda seen: log.error("fault.unraisable", exc_info=seen.exc_value)
    threading.excepthook = lambda seen: log.error("fault.in_thread", exc_info=seen.exc_value)
    warnings.showwarning = _warned


@contextmanager
def telling(event: str) -> Iterator[None]:
    """Log the kind and place of what is raised within, and let it go on."""
    try:
        yield
    except Exception as error:
        log.critical(event, exc_info=error)
        raise


def _uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("fault.uncaught", exc_info=error)


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """A warning by its kind and place: pydantic's quote the value they are about."""
    del message, file, line
    log.warning("python.warning", kind=category.__name__, at=f"{PurePath(filename).name}:{lineno}")
