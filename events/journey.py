"""Journey: the child's own views, the people who matter to the child, and the story that is kept for later."""

from datetime import date
from typing import Annotated

from pydantic import Field

from events.codes import (
    ACHIEVEMENT,
    AGENCY,
    CONTACT,
    FIELD,
    FOLLOWED,
    IDENTITY,
    LIFE_STORY,
    MATTER,
    METHOD,
    MISSED_BY,
    PERSON,
    PRODUCER,
    QUALITY,
    READER,
    SCOPE,
    SHARED_FOR,
    SHARED_ITEM,
    SHARED_ON,
    SYSTEM,
    TIE_CHANGE,
)
from events.event import Coded, Fact, Identifier, PersonalText, Sensitivity
from events.families import (
    Activity,
    Count,
    Decision,
    Incident,
    IncidentEnds,
    Interval,
    IntervalEnds,
    Outcome,
    Register,
    Relationship,
    Someone,
    Text,
    Tie,
    Views,
    Who,
)

AGENCIES = ("social-work", "review", "health", "virtual-school", "leaving-care", "youth-justice")


class _Journey(Fact):
    topic = "care.journey"


class ViewsRecorded(_Journey, Views):
    """The child, or this person for the child, said what they think and wish on this matter."""

    wire, lane = "journey.views_recorded", "views"
    sources = ("CM4.15", "CM4.28b", "CM4.31c", "CM4.44c", "CM4.68")
    about: Annotated[str, Coded(MATTER)]
    given_by: Who
    words: Text = None
    method: Annotated[str | None, Coded(METHOD)] = None
    alone: bool | None = None
    supported_by: Someone = None
    agrees: Annotated[bool | None, Field(description="Whether they agree with what is proposed.")] = None
    decision: Annotated[Identifier | None, Field(description="The decision, review or plan it bears on.")] = None


class ViewsOutcomeExplained(_Journey, Views):
    """The child was told what came of those views, and why."""

    wire, lane, link, linked = "journey.views_outcome_explained", "views_outcome", "views", ViewsRecorded
    sources = ("CI5.together.1", "MB.3.29", "CM4.68", "CM6.15")
    views: Identifier
    outcome: Annotated[str, Coded(FOLLOWED)]
    explanation: Text = None


class SatisfactionRecorded(_Journey, Views):
    """The child rated this matter from 1, very bad, to 5, very good."""

    wire, lane = "journey.satisfaction_recorded", "satisfaction"
    sources = ("HC.68", "MB.9.11")
    about: Annotated[str, Coded(MATTER)]
    rating: Annotated[int, Field(ge=1, le=5)]
    words: Text = None


class RelationshipRecorded(_Journey, Tie):
    """The child has a tie with this person."""

    wire, lane, edge = "journey.relationship_recorded", "relationship", "start"
    sources = ("CM2.9a", "CM3.67a", "HC.1", "SR2.4.b", "SR2.4.c")
    kind: Who
    name: Annotated[PersonalText | None, Field(max_length=200)] = None
    rating: Annotated[int | None, Field(ge=1, le=5, description="By the child, 5 is best.")] = None


class RelationshipEnded(_Journey, Relationship):
    """The child no longer has that tie; the end of a role alone does not end it."""

    wire, lane, edge = "journey.relationship_ended", "relationship", "end"
    sources = ("CM2.9a", "MB.3.43")
    link, linked = "relationship", RelationshipRecorded
    relationship: Identifier
    reason: Text = None


class RelationshipChanged(_Journey, Tie):
    """The child's tie with this person became closer or weaker, was interrupted, or taken up again."""

    wire, lane = "journey.relationship_changed", "relationship_change"
    sources = ("MB.5.14", "MB.3.20", "MB.5.2.c")
    change: Annotated[str, Coded(TIE_CHANGE)]
    reason: Text = None


class ImportantPersonRanked(_Journey, Tie):
    """The child named this person among those who matter most, 1 the most."""

    wire, lane = "journey.important_person_ranked", "important_person"
    sources = ("CI5.tact.5", "MB.5.14")
    rank: Annotated[int, Field(ge=1, le=100)]


class ContactHeld(_Journey, Tie):
    """The child and this person were in contact."""

    wire, lane = "journey.contact_held", "contact"
    sources = ("CM1.25p5", "CM1.25x", "CM2.10b", "CM3.52", "SR2.4.j")
    kind: Who
    form: Annotated[str, Coded(CONTACT)]
    minutes: Count = None
    supervised: bool | None = None
    notes: Text = None


class ContactMissed(_Journey, Tie):
    """The child's contact with this person did not take place, because of whom."""

    wire, lane = "journey.contact_missed", "contact_missed"
    sources = ("CM1.25p5", "CM1.25x", "CM2.10b", "CM3.case-Ruth", "SR2.4.j")
    kind: Who
    missed_by: Annotated[str, Coded(MISSED_BY)]
    reason: Text = None


class LifelongPersonConfirmed(_Journey, Tie):
    """The child has somebody who will still be there at 25 and beyond, and that person has agreed."""

    wire, lane = "journey.lifelong_person_confirmed", "lifelong_person"
    sources = ("MB.5.5", "MB.7.3")
    kind: Who


class LifeStoryItemAdded(_Journey, Activity):
    """The child's life story has one thing more."""

    wire, lane = "journey.life_story_item_added", "life_story"
    sources = ("MB.5.3.b", "MB.voice.1")
    kind: Annotated[str, Coded(LIFE_STORY)]
    title: Text = None


class IdentityRecorded(_Journey, Register):
    """The child describes this part of who they are in these words."""

    wire, lane = "journey.identity_recorded", "identity_profile"
    sources = ("SR2.1.h", "SR2.13.d", "MB.3.21", "MB.5.3.a", "MB.9.14")
    aspect: Annotated[str, Coded(IDENTITY)]
    words: PersonalText
    said_by: Someone = None


class AchievementRecorded(_Journey, Outcome):
    """The child achieved something."""

    wire, lane = "journey.achievement_recorded", "achievement"
    sources = ("SR2.4.d",)
    kind: Annotated[str, Coded(ACHIEVEMENT)]
    celebrated: bool | None = None
    achievement: Text = None


class FileAccessGiven(_Journey, Activity):
    """The child, or the adult the child became, read their own file, with support or without."""

    wire, lane = "journey.file_access_given", "file_access"
    sources = ("MB.5.3.c",)
    supported: bool
    requested_on: date | None = None


class RecordAccessGranted(_Journey, Decision):
    """The child's record may be read in this part by somebody in this role, until that day."""

    wire, lane, edge = "journey.record_access_granted", "record_access", "start"
    sources = ("CM4.87b",)
    to_role: Annotated[str, Coded(READER)]
    scope: Annotated[str, Coded(SCOPE)]
    holder: Annotated[Identifier, Field(description="The person's pseudonym.")]
    until: Annotated[date | None, Field(description="The last day.")] = None


class RecordAccessEnded(_Journey, Decision):
    """The child's record may no longer be read by that person."""

    wire, lane, edge = "journey.record_access_ended", "record_access", "end"
    sources = ("CM4.87b",)
    link, linked = "grant", RecordAccessGranted
    grant: Identifier
    reason: Text = None


class RecordViewed(_Journey, Activity):
    """The child's record was read in this part by somebody in this role."""

    wire, lane, recorded_by = "journey.record_viewed", "record_view", "reading"
    sources = ("CM4.87b", "CM3.7")
    scope: Annotated[str, Coded(SCOPE)]
    viewer: Annotated[str, Coded(READER)]


class SealedRecordViewed(_Journey, Activity):
    """The child's sealed record was read, for this purpose."""

    wire, lane, recorded_by = "journey.sealed_record_viewed", "sealed_record_view", "reading"
    sources, readers = ("CM4.87b",), ("adoption-records",)
    sensitivity = Sensitivity.RESTRICTED
    purpose: Annotated[str, Coded(SHARED_FOR)]


class SchoolWorkStored(_Journey, Activity):
    """The child's school work was stored, to be found by who comes after."""

    wire, lane = "journey.school_work_stored", "school_work"
    sources = ("CM4.87b",)
    ref: Annotated[
        PersonalText, Field(pattern="^[A-Za-z0-9._-]{1,100}$", description="Where it is kept, without names.")
    ]
    title: Text = None


class CareStatusDisclosed(_Journey, Activity):
    """The child's being in care was told to this person, for this purpose and on this basis."""

    wire, lane = "journey.care_status_disclosed", "disclosure"
    sources = ("CM3.7",)
    to_person: Annotated[str, Coded(PERSON)]
    purpose: Annotated[str, Coded(SHARED_FOR)]
    basis: Annotated[str, Coded(SHARED_ON)]
    person: Identifier | None = None


class InformationShared(_Journey, Activity):
    """The child's information on this was given by one agency to another."""

    wire, lane = "journey.information_shared", "information_shared"
    sources = ("SR2.11.f",)
    item: Annotated[str, Coded(SHARED_ITEM)]
    from_agency: Annotated[str, Coded(AGENCY)]
    to_agency: Annotated[str, Coded(AGENCY)]
    purpose: Annotated[str, Coded(SHARED_FOR)]


class IdentityLinked(_Journey, Register):
    """The child goes by this identifier in another system."""

    wire, lane = "journey.identity_linked", "identity_link"
    sources = ("CM6.51",)
    system: Annotated[str, Coded(SYSTEM)]
    identifier: Annotated[PersonalText, Field(min_length=1, max_length=64)]


class AgencyInvolvementStarted(_Journey, Interval):
    """The child began to be helped by this agency."""

    wire, lane, edge = "journey.agency_involvement_started", "agency_involvement", "start"
    sources, readers = ("CM7.6",), AGENCIES
    agency: Annotated[str, Coded(AGENCY)]


class AgencyInvolvementEnded(_Journey, IntervalEnds):
    """The child is no longer helped by that agency."""

    wire, lane, linked = "journey.agency_involvement_ended", "agency_involvement", AgencyInvolvementStarted
    sources, readers = ("CM7.6",), AGENCIES


class DataQualityIssueRaised(_Journey, Incident):
    """The child's record as this agency keeps it has something wrong in this field."""

    wire, lane, edge = "journey.data_quality_issue_raised", "data_quality", "start"
    sources = ("SR2.31.f",)
    source: Annotated[str, Coded(PRODUCER), Field(description="The service whose fact it is.")]
    field: Annotated[str, Coded(FIELD)]
    kind: Annotated[str, Coded(QUALITY)]
    about: Annotated[Identifier | None, Field(description="The fact that is wrong.")] = None


class DataQualityIssueResolved(_Journey, IncidentEnds):
    """The child's record is put right in that field."""

    wire, lane, linked = "journey.data_quality_issue_resolved", "data_quality", DataQualityIssueRaised
    sources = ("SR2.31.f",)
