"""The parts of the education service."""

from pathlib import Path

from fastapi import FastAPI

from carejourney.service import Parts, build
from carejourney.settings import Settings
from carejourney.web import page_routes
from events.catalogue import CATALOGUE
from services.education import recording
from services.education.api import router
from services.education.pages import HOME, pages
from services.education.projections import KEPT, PROJECTIONS

PARTS = Parts(
    name="education",
    title="Education",
    catalogue=CATALOGUE,
    topics=("care.education", "care.education.restricted"),
    listens=("care.placement", "care.missing", "care.leaving-care", "care.education"),
    keeps=KEPT,
    migrations=Path(__file__).parent / "migrations",
    routers=(router, recording.router, page_routes(home=HOME), pages),
    projections=PROJECTIONS,
)


def make() -> FastAPI:
    return build(PARTS, Settings())
