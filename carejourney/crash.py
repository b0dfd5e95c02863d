"""Named places where a process can be made to die, so that tests can show what a crash there leaves behind.

`CAREJOURNEY_CRASH_AT=import.after_placement` kills the process at the first pass of that point,
`CAREJOURNEY_CRASH_AT=import.after_placement:3` at the third. Unset, a point costs one look into the environment.
"""

import os
import signal
from collections import Counter
from typing import Final

_VARIABLE: Final = "CAREJOURNEY_CRASH_AT"
_passes: Final[Counter[str]] = Counter()


def point(name: str) -> None:
    """Kill this process without any cleaning up when the environment asks for it here."""
    asked = os.environ.get(_VARIABLE)
    if not asked:
        return
    wanted, _, nth = asked.partition(":")
    if wanted == name:
        _passes[name] += 1
        if _passes[name] == int(nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)
