"""What the child says, who matters to the child, and the story kept for later: recorded and corrected."""

from typing import Final

from carejourney.families import Recording, recording_router
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.sampling import sample_of

RECORDING: Final = Recording(
    service="journey",
    catalogue=CATALOGUE,
    roles=("social-work", "review"),
    sample=sample_of,
    corrected=FactCorrected,
    retracted=FactRetracted,
    also={
        "journey.agency_involvement_started": ("health", "virtual-school", "youth-justice"),
        "journey.agency_involvement_ended": ("health", "virtual-school", "youth-justice"),
        "journey.achievement_recorded": ("provider",),
        "journey.contact_held": ("provider",),
    },
)

router = recording_router(RECORDING)
