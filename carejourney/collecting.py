"""How often Python looks for objects that hold each other, in a process that carries many small ones.

A batch of facts is some hundred thousand objects, hardly one of them part of a ring. With Python's own thresholds they
are looked through again and again, and so is all that was loaded at the start: a quarter of the time of a batch.
"""

import gc
from typing import Final

YOUNG: Final = 50_000
OLDER: Final = 20


def collect_seldom() -> None:
    """Leave what is loaded by now out of every later look, and look when tens of thousands of objects were added."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDER)
