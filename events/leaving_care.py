"""Leaving care: birthdays that change what is owed, and how care leavers fare."""

from typing import Annotated

from events.codes import ACCOMMODATION, ACTIVITY, IN_TOUCH
from events.event import Coded, CollectionYear, Fact


class _LeavingCare(Fact):
    topic = "care.leaving-care"


class TurnedSixteen(_LeavingCare):
    """The child turned 16, having been in care on or after that day."""

    wire, lane = "leaving_care.turned_sixteen", "birthday"


class TurnedEighteen(_LeavingCare):
    """The child turned 18 and became an adult."""

    wire, lane = "leaving_care.turned_eighteen", "birthday"


class TurnedTwentyOne(_LeavingCare):
    """The child turned 21."""

    wire, lane = "leaving_care.turned_twenty_one", "birthday"


class TurnedTwentyFive(_LeavingCare):
    """The child turned 25, when support from a personal adviser ends."""

    wire, lane = "leaving_care.turned_twenty_five", "birthday"


class CareLeaverOutcomesReported(_LeavingCare):
    """The child, now a care leaver, was in touch, active and housed in this way (SSDA903 OC3)."""

    wire, lane = "leaving_care.care_leaver_outcomes_reported", "care_leaver"
    year: CollectionYear
    in_touch: Annotated[str, Coded(IN_TOUCH)]
    activity: Annotated[str | None, Coded(ACTIVITY)] = None
    accommodation: Annotated[str | None, Coded(ACCOMMODATION)] = None
