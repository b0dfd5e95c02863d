"""Where the commands print: on a terminal as wide as it is, elsewhere in lines that are neither broken nor cut."""

import sys
from typing import Final

from rich.console import Console

_LONGEST_LINE: Final = 100_000


def printing(*, stderr: bool = False) -> Console:
    """A console for standard output, or standard error.

    Where no terminal is behind it, somebody reads it with a program or later: every row is one line then.
    """
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr)
    return Console(stderr=stderr, width=_LONGEST_LINE, soft_wrap=True)
