"""Planning: reviews and the workers who answer for a child."""

from typing import Annotated

from events.codes import REVIEW_PARTICIPATION, SW_REASON
from events.event import Coded, Fact, Identifier


class _Planning(Fact):
    topic = "care.planning"


class ReviewHeld(_Planning):
    """The child's care was reviewed, with the child taking part in this way (SSDA903 Reviews)."""

    wire, lane = "planning.review_held", "review"
    participation: Annotated[str, Coded(REVIEW_PARTICIPATION)]


class SocialWorkerAssigned(_Planning):
    """The child was allocated a social worker, for this reason; `worker` is a pseudonym (SSDA903 SWEpisodes)."""

    wire, lane, edge = "planning.social_worker_assigned", "social_worker", "start"
    worker: Identifier
    reason: Annotated[str | None, Coded(SW_REASON)] = None


class SocialWorkerEnded(_Planning):
    """The child's allocation to a social worker ended."""

    wire, lane, edge = "planning.social_worker_ended", "social_worker", "end"
    assignment: Identifier
