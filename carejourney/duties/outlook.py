"""What holds of duties whatever day it is: when each is due, and what met or ended it.

A projection keeps this; whether an open duty is overdue is told where it is read.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal

from carejourney.duties.evaluation import DutyState, State, duties
from carejourney.duties.facts import Fact
from carejourney.duties.policy import Policy

Lasting = Literal["open", "met", "met_late", "ended"]

_LASTING: Final[dict[State, Lasting]] = {
    State.PENDING: "open",
    State.OVERDUE: "open",
    State.MET: "met",
    State.MET_LATE: "met_late",
    State.ENDED: "ended",
}


def outlook(facts: Iterable[Fact], policy: Policy) -> list[DutyState]:
    """Every duty that ever arose for one subject, judged at the end of time: pending is then nothing any more."""
    return duties(facts, policy, date.max)


def latest(states: Iterable[DutyState], duty: str) -> DutyState | None:
    """The occurrence of a duty that arose last."""
    return max((s for s in states if s.duty == duty), key=lambda s: (s.arose, s.root), default=None)


def lasting(state: DutyState) -> Lasting:
    """How a duty stands apart from the day: open until something meets or ends it."""
    return _LASTING[state.state]


def met_on(state: DutyState) -> date | None:
    """The day a duty was met; None where it is open, or ended without."""
    return state.settled_on if lasting(state) in {"met", "met_late"} else None
