"""What every fact of the published language is: frozen, named on the wire by a literal, and strict when written."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import with_info_after_validator_function

from events.codes import CodeSet
from events.strictness import Strict, refuse_seal
from events.upcasting import Content, Upcast, lifted


class Sensitivity(StrEnum):
    """Who may receive a fact: `standard` for subscribers of the topic, `restricted` for subscribers of its twin."""

    STANDARD = "standard"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field that is encrypted with the key of the fact's subject before its bytes exist."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Marks a field whose values come from a code set; a code the set has never had is refused."""

    codes: CodeSet

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return with_info_after_validator_function(self._known, handler(source))

    def _known(self, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or self.codes.known(value):
            return value
        raise PydanticCustomError(
            "unknown_code",
            "{field} is not a code of {codes}: it must be one of {allowed}",
            {"field": info.field_name, "codes": self.codes.name, "allowed": ", ".join(self.codes.codes)},
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        string = next((option for option in described.get("anyOf", ()) if option.get("type") == "string"), described)
        if self.codes.open_pattern is None:
            string["enum"] = list(self.codes.codes)
        described["x-codes"] = {"set": self.codes.name, "meanings": {c.code: c.meaning for c in self.codes}}
        return described


PersonalText = Annotated[str, Personal()]
PersonalDate = Annotated[date, Personal()]
Identifier = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
URN_PATTERN = r"^(?:[A-Za-z]{0,3}[0-9]{1,9}|[Xx]{7})$"
Urn = Annotated[
    str,
    Field(
        pattern=URN_PATTERN,
        description="Unique reference number: digits, after letters such as SC or none; XXXXXXX where there is none.",
    ),
]
SchoolUrn = Annotated[Urn, Personal()]
AreaCode = Annotated[str, StringConstraints(pattern="^[A-Z][0-9]{8}$")]
CollectionYear = Annotated[int, Field(ge=2000, le=2100, description="Year Y covers 1 April Y-1 to 31 March Y.")]

Edge = Literal["start", "end", "point"]
SubjectKind = Literal["child", "agency", "provider"]
RecordedBy = Literal["family", "derived", "timer", "register", "reading", "correction"]


class Fact(Strict):
    """One thing that happened. Subclasses state their wire name, version, topic and lane as literals.

    `edge` says whether the fact starts or ends an interval of its lane, or stands alone: on one day ends come before
    starts. `dated` is false for facts that hold for the whole life and so have no effective date.

    `recorded_by` says how it comes to be recorded: by the command of its `family` (`command` names a shorter one, where
    there is one), by a timer, the register or a reading, or derived from other facts. `link` is the field that names a
    fact of the type `linked`: for an end the one it ends. `ahead` facts may be effective in the future; of `once` facts
    one stands at a time. `subject_kind` is whom it is about. `sources` are the requirements that ask for it.
    """

    wire: ClassVar[str]
    version: ClassVar[int] = 1
    upcasts: ClassVar[tuple[Upcast, ...]] = ()
    topic: ClassVar[str]
    lane: ClassVar[str]
    edge: ClassVar[Edge] = "point"
    dated: ClassVar[bool] = True
    sensitivity: ClassVar[Sensitivity] = Sensitivity.STANDARD
    family: ClassVar[str]
    recorded_by: ClassVar[RecordedBy] = "family"
    command: ClassVar[str | None] = None
    link: ClassVar[str | None] = None
    linked: ClassVar["type[Fact] | None"] = None
    ahead: ClassVar[bool] = False
    once: ClassVar[bool] = False
    readers: ClassVar[tuple[str, ...] | None] = None
    subject_kind: ClassVar[SubjectKind] = "child"
    sources: ClassVar[tuple[str, ...]] = ()

    @field_validator("*", mode="before")
    @classmethod
    def _as_such(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name not in cls.personal_fields():
            refuse_seal(value)
        return super()._as_such(value, info)

    @classmethod
    def newest(cls, content: Content, version: int) -> Content:
        """A content of a version as the newest version says it; the same object where there is nothing to do."""
        return lifted(cls.upcasts, content, version)

    @classmethod
    def owner(cls) -> str:
        """The service that alone records this fact."""
        return OWNERS[cls.wire.partition(".")[0]]

    @classmethod
    def remedy(cls) -> str | None:
        """What to do instead of recording or correcting it by hand; None where its family's command does it."""
        return REMEDIES.get(cls.recorded_by)

    @classmethod
    def destination(cls) -> str:
        """The Kafka topic: the lane's own, or its restricted twin."""
        return f"{cls.topic}.restricted" if cls.sensitivity is Sensitivity.RESTRICTED else cls.topic

    @classmethod
    def subscribers(cls) -> tuple[str, ...]:
        """The roles that may subscribe to it: those of its topic, fewer where it is restricted."""
        if cls.readers is not None:
            return cls.readers
        return WHOLE_RECORD if cls.sensitivity is Sensitivity.RESTRICTED else (*WHOLE_RECORD, *READERS[cls.topic])

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
WHOLE_RECORD = ("social-work", "review")
READERS: dict[str, tuple[str, ...]] = {
    "*": (),
    "care.placement": ("virtual-school", "health", "leaving-care"),
    "care.missing": ("virtual-school",),
    "care.planning": ("virtual-school", "health", "leaving-care"),
    "care.education": ("virtual-school", "leaving-care"),
    "care.health": ("health",),
    "care.leaving-care": ("leaving-care", "virtual-school", "health"),
    "care.journey": (),
}
REMEDIES = {
    "derived": "it follows from the episodes: state or correct placement.episode_started and placement.episode_ended",
    "timer": "it follows from the date of birth: correct placement.child_details_recorded",
    "register": "it is made by the register at placement, by a command of its own",
    "reading": "it is recorded by the reading itself",
    "correction": "corrections and retractions have commands of their own",
}
