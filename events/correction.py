"""Corrections: facts about facts. They travel in the stream and topic of what they correct."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from events.event import Fact, Identifier

EffectiveDay = Annotated[str | None, Field(description="ISO date or instant on which the replacement was so.")]
Content = Annotated[dict[str, Any] | None, Field(description="The whole new content; null where it never was so.")]


class Consequence(BaseModel):
    """Another fact of the same subject and topic that the same correction changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    corrects: Identifier
    type: str
    effective: EffectiveDay = None
    replacement: Content = None


class FactCorrected(Fact):
    """The child's record held something that was not so; this is what was."""

    wire, lane, topic = "correction.fact_corrected", "correction", "*"
    corrects: Identifier
    type: Annotated[str, Field(description="Wire name of the corrected fact.")]
    effective: EffectiveDay = None
    replacement: Annotated[dict[str, Any], Field(description="The whole new content, as the type defines it.")]
    consequences: tuple[Consequence, ...] = ()


class FactRetracted(Fact):
    """The child's record held something that never was so."""

    wire, lane, topic = "correction.fact_retracted", "correction", "*"
    corrects: Identifier
    type: Annotated[str, Field(description="Wire name of the retracted fact.")]
    reason: str
    consequences: tuple[Consequence, ...] = ()
