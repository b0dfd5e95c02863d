"""The parts of the journey service."""

from pathlib import Path

from fastapi import FastAPI

from carejourney.service import Parts, build
from carejourney.settings import Settings
from carejourney.web import page_routes
from events.catalogue import CATALOGUE, TOPICS
from services.journey.api import router
from services.journey.pages import HOME, pages
from services.journey.projections import PROJECTIONS

PARTS = Parts(
    name="journey",
    title="Journey",
    catalogue=CATALOGUE,
    topics=("care.journey", "care.journey.restricted"),
    listens=TOPICS,
    keeps=None,
    migrations=Path(__file__).parent / "migrations",
    routers=(router, page_routes(home=HOME), pages),
    projections=PROJECTIONS,
)


def make() -> FastAPI:
    return build(PARTS, Settings())
