"""A test's service as the verification sees it."""

from typing import Any

from carejourney.verify import Place, Source
from tests.integration.chassis.probe import Probe


def place_of(probe: Probe, **changes: Any) -> Place:
    parts, settings = probe.parts(**changes), probe.settings
    source = Source(
        probe.name,
        probe.database,
        parts.topics,
        parts.listens,
        parts.keeps,
        tuple(parts.projections),
        parts.catalogue,
        parts.reactions,
    )
    return Place([source], settings.kafka, settings.keys_database_url.get_secret_value(), settings)
