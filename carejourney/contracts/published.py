"""The published language of this program."""

from typing import Final

from carejourney.contracts.language import Language
from events.catalogue import CATALOGUE, TOPICS
from events.fields import meaning_of, unit_of
from events.sampling import sample_of, unsound

PUBLISHED: Final = Language(CATALOGUE, TOPICS, sample_of, meaning_of, unit_of, unsound)
