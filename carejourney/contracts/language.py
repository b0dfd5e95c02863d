"""What a contract is made of: a catalogue of facts, the topics they travel on, a sample of each version."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

URN: Final = "urn:carejourney"
EVERY_TOPIC: Final = "*"
TWIN: Final = ".restricted"


@dataclass(frozen=True)
class Language:
    """A published language.

    `catalogue` has each fact's class by wire name, `sample` gives the sample of a class and version, `meaning` what a
    field of a class says and `unit` what its number counts (None where there is nothing to say). `faults` tells in
    words what is wrong with classes: a version without its step from the one before, a sample that is not there or
    does not fit.
    """

    catalogue: Mapping[str, Any]
    topics: Sequence[str]
    sample: Callable[[Any, int], Any]
    meaning: Callable[[Any, str], str | None]
    unit: Callable[[Any, str], str | None]
    faults: Callable[[Iterable[Any]], list[str]]

    def unsound(self) -> list[str]:
        """What is wrong with the declaration of these facts; with that, no contract can be made of them."""
        return self.faults(self.classes())

    def classes(self) -> list[Any]:
        """The facts in the order of their wire names."""
        return [self.catalogue[wire] for wire in sorted(self.catalogue)]

    def on(self, topic: str) -> list[Any]:
        """The facts that travel on a topic, corrections among them."""
        return [cls for cls in self.classes() if cls.topic == EVERY_TOPIC or cls.destination() == topic]


def urn_of(wire: str, version: int) -> str:
    """The `dataschema` of a version of a fact, which is the `$id` of its schema."""
    return f"{URN}:{wire}:{version}"


def file_of(wire: str, version: int) -> str:
    """The name under which a version's schema, or sample, is kept."""
    return f"{wire}.v{version}.json"


def sentence_of(cls: Any) -> str:
    """What happened, in one sentence."""
    return str(cls.__doc__).splitlines()[0]
