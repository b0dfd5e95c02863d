"""What people record of a child's health, and correct."""

from typing import Final

from carejourney.families import Recording, recording_router
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.sampling import sample_of

RECORDING: Final = Recording(
    service="health",
    catalogue=CATALOGUE,
    roles=("health", "social-work"),
    sample=sample_of,
    corrected=FactCorrected,
    retracted=FactRetracted,
)

router = recording_router(RECORDING)
