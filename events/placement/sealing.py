"""That a child's record was closed to all but a named role, because the child was adopted."""

from events.families import Register
from events.placement.record import _Placement


class RecordSealed(_Placement, Register):
    """The child was adopted on this day: the record up to then is sealed, and says nothing of who the child is now."""

    wire, lane = "placement.record_sealed", "sealing"
    recorded_by = "register"
