"""What becomes of an old content when a fact has a newer version: pure steps, one from each version to the next.

A step may rename, drop or reckon anew what is coded. A personal field it leaves as it is, under its own name: what was
sealed is bound to that name, and erasure looks for it there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upcast:
    """The step to the next version: the content there, out of the content before; and why that version was made."""

    change: Callable[[Content], dict[str, Any]]
    because: str


def lifted(steps: Sequence[Upcast], content: Content, version: int) -> Content:
    """The content in the newest version. What is newest already, or newer than this program, stays as it is."""
    for step in steps[max(version, 1) - 1 :]:
        content = step.change(content)
    return content


def broken_chain(wire: str, version: int, steps: Sequence[Upcast]) -> list[str]:
    """In words, where a version is without its step, or a step without its version; empty where all is whole."""
    if version >= 1 and len(steps) == version - 1:
        return []
    return [f"{wire}: version {version} needs an upcast from each version before it; it has {len(steps)}"]
