"""Every fact of the published language by its wire name, and the topics they travel on."""

from collections.abc import Iterator

from events import correction, education, health, journey, leaving_care, missing, placement, planning
from events.event import Fact

MODULES = (placement, missing, planning, education, health, leaving_care, journey, correction)


def _classes() -> Iterator[type[Fact]]:
    for module in MODULES:
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Fact) and "wire" in vars(item):
                yield item


CATALOGUE: dict[str, type[Fact]] = {cls.wire: cls for cls in _classes()}

BASE_TOPICS = (
    "care.placement",
    "care.missing",
    "care.planning",
    "care.education",
    "care.health",
    "care.leaving-care",
    "care.journey",
)
TOPICS = tuple(t for base in BASE_TOPICS for t in (base, f"{base}.restricted"))
OWNED_TOPICS = {
    "placement": ("care.placement", "care.missing"),
    "planning": ("care.planning",),
    "education": ("care.education",),
    "health": ("care.health",),
    "leaving_care": ("care.leaving-care",),
    "journey": ("care.journey",),
}
