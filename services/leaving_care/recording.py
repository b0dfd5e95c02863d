"""What people record of a young person on the way to adulthood, and correct."""

from typing import Final

from carejourney.families import Recording, recording_router
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.sampling import sample_of

RECORDING: Final = Recording(
    service="leaving_care",
    catalogue=CATALOGUE,
    roles=("leaving-care", "social-work"),
    sample=sample_of,
    corrected=FactCorrected,
    retracted=FactRetracted,
)

router = recording_router(RECORDING)
