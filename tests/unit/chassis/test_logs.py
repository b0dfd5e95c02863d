"""Of an exception a log tells the kind and the place, never the words."""

import json
import logging
from pathlib import Path
from typing import Any, TypeVar

import pytest

from carejourney.access import mint
from carejourney.logs import SELDOM_SECONDS, LibraryLine, Seldom, kind_of, place_of, without_words

CANARY = "canary of a child"


Fault = TypeVar("Fault", bound=Exception)


def raised(error: Fault) -> Fault:
    """The exception with a place, as one that was raised has."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def line(message: object, *args: object, error: BaseException | None = None) -> dict[str, Any]:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("a.library", logging.ERROR, __file__, 1, message, args, exc_info)
    found = LibraryLine().format(record)
    assert CANARY not in found
    told: dict[str, Any] = json.loads(found)
    return told


def test_the_kind_and_the_place_of_an_exception_are_told() -> None:
    told = line("it went wrong", error=raised(ValueError(CANARY)))
    assert (told["event"], told["level"], told["logger"]) == ("it went wrong", "error", "a.library")
    assert told["fault"] == "ValueError"
    assert told["at"].startswith(f"{__name__}:")


def test_the_place_is_our_innermost_frame_whatever_it_called() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        mint(Path("no such key"), "somebody", ())
    assert place_of(caught.value).startswith("carejourney.access:")


def test_of_a_group_the_first_exception_is_told() -> None:
    group = ExceptionGroup(CANARY, [raised(KeyError(CANARY)), ValueError(CANARY)])
    assert kind_of(raised(group)) == "KeyError"
    assert place_of(group).startswith(f"{__name__}:")


def test_an_exception_that_a_library_quotes_is_told_by_its_kind() -> None:
    assert line("Heartbeat failed: %s", OSError(CANARY))["event"] == "Heartbeat failed: OSError"
    assert line(ValueError(CANARY))["event"] == "ValueError"
    assert line("node %(node)s: %(error)s", {"node": 1, "error": OSError(CANARY)})["event"] == "node 1: OSError"


def test_an_object_that_a_library_quotes_is_told_by_its_kind() -> None:
    assert line("dropped %r", [CANARY])["event"] == "dropped 'list'"


def test_only_the_first_line_of_a_message_is_told() -> None:
    assert line(f"Task exception was never retrieved\nfuture: {CANARY}")["event"] == (
        "Task exception was never retrieved"
    )


def test_a_message_that_does_not_fit_what_it_quotes_is_told_bare() -> None:
    assert line("one %s two %s", CANARY)["event"] == "one %s two %s"


@pytest.mark.parametrize("field", ["exc_info", "error"])
def test_our_own_lines_quote_no_exception_either(field: str) -> None:
    told = without_words(None, "error", {"event": "it.failed", field: raised(ValueError(CANARY)), "stack_info": CANARY})
    assert CANARY not in json.dumps(told)
    assert "ValueError" in told.values()


def test_what_a_library_says_again_and_again_is_told_seldom_with_how_often_it_was_kept_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("carejourney.logs.time.monotonic", lambda: now[0])
    seldom = Seldom()

    def said(message: str, node: int) -> logging.LogRecord | None:
        record = logging.LogRecord("a.library", logging.ERROR, "place", 1, message, (node,), None)
        return record if seldom.filter(record) else None

    assert said("no connection to %s", 1) is not None
    assert [said("no connection to %s", node) for node in (1, 2, 3)] == [None] * 3
    assert said("something else of %s", 1) is not None
    now[0] += SELDOM_SECONDS
    record = said("no connection to %s", 1)
    assert record is not None
    assert json.loads(LibraryLine().format(record))["kept_back"] == 3
