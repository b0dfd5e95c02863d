"""What a long start tells the person who waits."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.status import Status


class Progress(Protocol):
    """Receives lasting lines and passing remarks."""

    def say(self, line: str) -> None:
        """Tell something that stays on the screen."""

    def update(self, remark: str) -> None:
        """Tell something that the next remark replaces."""

    def rest(self) -> None:
        """Nothing is waited for until the next remark."""


class Silent:
    """Tells nobody anything."""

    def say(self, line: str) -> None:
        """Drop the line."""

    def update(self, remark: str) -> None:
        """Drop the remark."""

    def rest(self) -> None:
        """Do nothing."""


class Shown:
    """Writes lines to a console; remarks only where the console is a terminal."""

    def __init__(self, console: Console, status: "Status | None") -> None:
        self._console = console
        self._status = status

    def say(self, line: str) -> None:
        """Print the line."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def update(self, remark: str) -> None:
        """Replace the remark beside the spinner."""
        if self._status is not None:
            self._status.update(remark)
            self._status.start()

    def rest(self) -> None:
        """Take the spinner away; it would cost processor time for as long as the system runs."""
        if self._status is not None:
            self._status.stop()


@contextmanager
def shown(console: Console) -> "Iterator[Progress]":
    """Progress on this console: a spinner on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield Shown(console, None)
        return
    with console.status("starting") as status:
        yield Shown(console, status)
