"""What every fact of the published language is: frozen, named on the wire by a literal, and strict when written."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from events.codes import CodeSet


class Sensitivity(StrEnum):
    """Who may receive a fact: `standard` for subscribers of the topic, `restricted` for subscribers of its twin."""

    STANDARD = "standard"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field that is encrypted with the key of the fact's subject before its bytes exist."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Marks a field whose values come from a statutory code set."""

    codes: CodeSet


PersonalText = Annotated[str, Personal()]
PersonalDate = Annotated[date, Personal()]
Identifier = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
CollectionYear = Annotated[int, Field(ge=2000, le=2100, description="Year Y covers 1 April Y-1 to 31 March Y.")]

Edge = Literal["start", "end", "point"]


class Fact(BaseModel):
    """One thing that happened. Subclasses state their wire name, version, topic and lane as literals.

    `edge` says whether the fact starts or ends an interval of its lane, or stands alone: on one day ends come before
    starts. `dated` is false for facts that hold for the whole life and so have no effective date.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    wire: ClassVar[str]
    version: ClassVar[int] = 1
    topic: ClassVar[str]
    lane: ClassVar[str]
    edge: ClassVar[Edge] = "point"
    dated: ClassVar[bool] = True
    sensitivity: ClassVar[Sensitivity] = Sensitivity.STANDARD

    def model_post_init(self, _context: Any) -> None:
        """Refuse a code that its statutory set has never had."""
        for name, codes in self.coded_fields().items():
            value = getattr(self, name)
            if value is not None and not codes.known(value):
                raise ValueError(f"{name} of {self.wire} is not a code of {codes.name}")

    @classmethod
    def owner(cls) -> str:
        """The service that alone records this fact."""
        return OWNERS[cls.wire.partition(".")[0]]

    @classmethod
    def destination(cls) -> str:
        """The Kafka topic: the lane's own, or its restricted twin."""
        return f"{cls.topic}.restricted" if cls.sensitivity is Sensitivity.RESTRICTED else cls.topic

    @classmethod
    @cache
    def personal_fields(cls) -> tuple[str, ...]:
        """Names of the fields that are sealed on the wire and in every store."""
        return tuple(n for n, f in cls.model_fields.items() if _carries(f, Personal))

    @classmethod
    @cache
    def coded_fields(cls) -> dict[str, CodeSet]:
        """Names of the fields that hold a statutory code, with the set it is from."""
        return {n: m.codes for n, f in cls.model_fields.items() for m in f.metadata if isinstance(m, Coded)}


def _carries(field: Any, marker: type) -> bool:
    """Whether a field, or the alternative of an optional one, is marked."""
    if any(isinstance(m, marker) for m in field.metadata):
        return True
    options = getattr(field.annotation, "__args__", ())
    return any(isinstance(m, marker) for option in options for m in getattr(option, "__metadata__", ()))


OWNERS = {
    "placement": "placement",
    "missing": "placement",
    "planning": "planning",
    "education": "education",
    "health": "health",
    "leaving_care": "leaving_care",
    "journey": "journey",
}
