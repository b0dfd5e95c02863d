"""That a child's record was erased, so that all who kept something of it know."""

from typing import Literal

from events.families import Register
from events.placement.record import _Placement


class SubjectErased(_Placement, Register):
    """The child's key was destroyed: every personal field of the record is unreadable, and stays so."""

    wire, lane, dated = "placement.subject_erased", "erasure", False
    recorded_by = "register"
    reason: Literal["retention_ended", "right_to_erasure", "registered_in_error", "court_order"]
