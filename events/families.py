"""The families of facts: one shape each, whatever the service that owns the fact.

A fact subclasses its family, or the family's class for a beginning or an end, and so has the fields the family needs.
What is wrong with a fact's declaration is told when it is imported.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from events.codes import PERSON
from events.event import Coded, Edge, Fact, Identifier, PersonalText

Text = Annotated[PersonalText | None, Field(max_length=20_000)]
Name = Annotated[PersonalText | None, Field(max_length=200)]
Who = Annotated[str, Coded(PERSON)]
Someone = Annotated[str | None, Coded(PERSON)]
MOST = 100_000
Count = Annotated[int | None, Field(ge=0, le=MOST)]


class Family(Fact):
    """What the facts of one shape have in common; `plural` names the command, `edges` what its facts may be."""

    plural: ClassVar[str]
    edges: ClassVar[frozenset[Edge]] = frozenset({"start", "end", "point"})

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "wire" not in vars(cls):
            return
        if cls.edge not in cls.edges:
            raise TypeError(f"{cls.wire}: a {cls.edge} has no place in the family {cls.family}")
        if cls.link is not None and (cls.linked is None or cls.link not in cls.model_fields):
            raise TypeError(f"{cls.wire}: a link needs its field, and the type it names")
        if cls.edge == "end" and cls.recorded_by == "family" and (cls.linked is None or cls.linked.lane != cls.lane):
            raise TypeError(f"{cls.wire}: an end names the beginning, in its own lane")


class Role(Family):
    """Who is whose worker, adviser or advocate, over time; `worker` is the person's pseudonym."""

    family, plural, edges = "role", "roles", frozenset({"start", "end"})


class RoleBegins(Role):
    """Somebody takes a role."""

    edge = "start"
    worker: Identifier


class RoleEnds(Role):
    """Somebody leaves a role; `assignment` is the fact by which it was taken."""

    edge, link = "end", "assignment"
    assignment: Identifier
    reason: Text = None


class Interval(Family):
    """Where the child is, on what basis, over time."""

    family, plural = "interval", "intervals"


class IntervalEnds(Interval):
    """A stay ends; `interval` is the fact by which it began."""

    edge, link = "end", "interval"
    interval: Identifier
    reason: Text = None


class Decision(Family):
    """What was asked for, who decided what, and who approved it."""

    family, plural = "decision", "decisions"


class Views(Family):
    """What the child, or somebody for the child, thinks and wishes, and what came of it."""

    family, plural, edges = "views", "views", frozenset({"point"})


class Need(Family):
    """What the child needs, and the support that answers it."""

    family, plural = "need", "needs"


class NeedEnds(Need):
    """Support, or a need, ends; `need` is the fact by which it began."""

    edge, link = "end", "need"
    need: Identifier
    reason: Text = None


class Plan(Family):
    """A plan, from the day it holds; it may begin ahead."""

    family, plural, ahead = "plan", "plans", True


class PlanChanges(Plan):
    """A plan is reviewed or changed; `plan` is the fact by which it was made."""

    edge, link, ahead = "point", "plan", False
    plan: Identifier
    summary: Text = None


class PlanEnds(Plan):
    """A plan no longer holds; `plan` is the fact by which it was made."""

    edge, link, ahead = "end", "plan", False
    plan: Identifier
    reason: Text = None


class Entitlement(Family):
    """What the child is owed, counted and spent."""

    family, plural = "entitlement", "entitlements"


class Incident(Family):
    """Something that should not have happened, what was done, and how it ended."""

    family, plural = "incident", "incidents"


class IncidentPoint(Incident):
    """Something done about an incident; `incident` is the fact by which it was raised."""

    edge, link = "point", "incident"
    incident: Identifier


class IncidentEnds(Incident):
    """An incident is closed; `incident` is the fact by which it was raised."""

    edge, link = "end", "incident"
    incident: Identifier


class Relationship(Family):
    """A tie between the child and a person, and what becomes of it."""

    family, plural = "relationship", "relationships"


class Tie(Relationship):
    """A tie with this person, by pseudonym."""

    person: Identifier


class Age(Family):
    """A birthday that changes what is owed; recorded by a timer."""

    family, plural, edges, recorded_by = "age", "ages", frozenset({"point"}), "timer"


class Register(Family):
    """Who the child is, as registered."""

    family, plural, edges = "register", "registers", frozenset({"point"})


class Activity(Family):
    """Something done with or for the child: a visit, a meeting, an assessment."""

    family, plural, edges = "activity", "activities", frozenset({"point"})


class Outcome(Family):
    """How the child fared: what a return reports of a year, a score, a result, an achievement."""

    family, plural, edges = "outcome", "outcomes", frozenset({"point"})


class Correction(Family):
    """A fact about a fact, in the stream and topic of what it corrects."""

    family, plural, edges, recorded_by = "correction", "corrections", frozenset({"point"}), "correction"


FAMILIES: tuple[type[Family], ...] = (
    Role, Interval, Decision, Views, Need, Plan, Entitlement, Incident, Relationship, Age, Register, Activity, Outcome,
    Correction,
)  # fmt: skip
