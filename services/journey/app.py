"""The parts of the journey service."""

from pathlib import Path

from fastapi import FastAPI

from carejourney.contracts.serving import catalogue
from carejourney.kit.serving import router as subscribers_kit
from carejourney.service import Parts, build
from carejourney.settings import Settings
from carejourney.web import page_routes
from events.catalogue import CATALOGUE, TOPICS
from services.journey import recording
from services.journey.api import router
from services.journey.pages import HOME, pages
from services.journey.projections import PROJECTIONS
from services.journey.sharing import api as sharing
from services.journey.sharing import figures_api, identities, sealed, words

PARTS = Parts(
    name="journey",
    title="Journey",
    catalogue=CATALOGUE,
    topics=("care.journey", "care.journey.restricted"),
    listens=TOPICS,
    keeps=None,
    migrations=Path(__file__).parent / "migrations",
    routers=(
        router,
        recording.router,
        sealed.router,
        sharing.router,
        words.router,
        figures_api.router,
        identities.router,
        page_routes(home=HOME),
        pages,
        catalogue,
        subscribers_kit,
    ),
    projections=(*PROJECTIONS, identities.PROJECTION),
)


def make() -> FastAPI:
    return build(PARTS, Settings())
