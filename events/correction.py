"""Corrections: facts about facts. They travel in the stream and topic of what they correct."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from events.codes import RETRACTED
from events.event import Coded, Identifier
from events.families import Correction
from events.upcasting import Content as Told

EffectiveDay = Annotated[
    str | None,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2}))?$",
        description="ISO date or instant on which the replacement was so.",
    ),
]
WIRE = "^[a-z_]+[.][a-z_]+$"
Content = Annotated[dict[str, Any] | None, Field(description="The whole new content; null where it never was so.")]


def _in_newest_version(said: Any) -> Any:
    """What is written now is written in the newest version of its type."""
    if not isinstance(said, dict) or "of_version" in said:
        return said
    cls = _catalogue().get(str(said.get("type")))
    return {**said, "of_version": cls.version if cls else 1}


OfVersion = Annotated[
    int,
    Field(
        ge=1, le=1_000, description="Version of the type in which the replacement is written; 1 where it is not said."
    ),
]


class Consequence(BaseModel):
    """Another fact of the same subject and topic that the same correction changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    corrects: Identifier
    type: Annotated[str, Field(pattern=WIRE)]
    effective: EffectiveDay = None
    replacement: Content = None
    of_version: OfVersion = 1
    _written_now = model_validator(mode="before")(_in_newest_version)


class FactCorrected(Correction):
    """The child's record held something that was not so; this is what was."""

    wire, lane, topic = "correction.fact_corrected", "correction", "*"
    corrects: Identifier
    type: Annotated[str, Field(pattern=WIRE, description="Wire name of the corrected fact.")]
    effective: EffectiveDay = None
    replacement: Annotated[dict[str, Any], Field(description="The whole new content, as the type defines it.")]
    consequences: tuple[Consequence, ...] = ()
    of_version: OfVersion = 1
    _written_now = model_validator(mode="before")(_in_newest_version)

    @classmethod
    def newest(cls, content: Told, version: int) -> Told:
        """A correction whose replacements are in the newest version of their types."""
        return _replacing(super().newest(content, version))


class FactRetracted(Correction):
    """The child's record held something that never was so."""

    wire, lane, topic = "correction.fact_retracted", "correction", "*"
    sources = ("SR2.20.c",)
    corrects: Identifier
    type: Annotated[str, Field(pattern=WIRE, description="Wire name of the retracted fact.")]
    reason: Annotated[str, Coded(RETRACTED)]
    consequences: tuple[Consequence, ...] = ()

    @classmethod
    def newest(cls, content: Told, version: int) -> Told:
        """A retraction whose consequences are in the newest version of their types."""
        return _replacing(super().newest(content, version))


def _catalogue() -> dict[str, Any]:
    from events.catalogue import CATALOGUE  # noqa: PLC0415 - the catalogue holds these types too

    return CATALOGUE


def _replacing(told: Told) -> Told:
    changed = _lifted(told)
    consequences = told.get("consequences") or ()
    after = [_lifted(one) for one in consequences]
    if all(new is old for new, old in zip(after, consequences, strict=True)):
        return changed
    return {**changed, "consequences": after}


def _lifted(change: Told) -> Told:
    cls, content = _catalogue().get(change["type"]), change.get("replacement")
    if cls is None or content is None:
        return change
    replacement = cls.newest(content, change.get("of_version", 1))
    return change if replacement is content else {**change, "replacement": replacement, "of_version": cls.version}
