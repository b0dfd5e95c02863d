"""`carejourney run SERVICE`: what a container, a pod and the embedded stack execute."""

import importlib
import sys

from pydantic import ValidationError

from carejourney.logs import set_up_logs
from carejourney.settings import Settings
from events.catalogue import CATALOGUE
from events.sampling import unreadable

SERVICES = ("placement", "planning", "education", "health", "leaving_care", "journey")


def run_service(name: str) -> None:
    """Serve one service until told to stop.

    Exits with status 2 where the settings are wrong, naming each, and with 1 where a bug has ended its background work.
    """
    from carejourney.service import serve  # noqa: PLC0415 - the other commands do without all that a service needs

    service = name.replace("-", "_")
    if service not in SERVICES:
        sys.stderr.write(f"there is no service {name}; choose one of: {', '.join(SERVICES)}\n")
        raise SystemExit(2)
    set_up_logs(service)
    try:
        settings = Settings()
    except ValidationError as error:
        for one in error.errors():
            place = "_".join(["CAREJOURNEY", *(str(p) for p in one["loc"])]).upper() if one["loc"] else "settings"
            sys.stderr.write(f"{place}: {one['msg']}\n")
        raise SystemExit(2) from error
    _refuse_unread_versions()
    serve(importlib.import_module(f"services.{service}.app").make(), settings)


def _refuse_unread_versions() -> None:
    """A program that misreads what was recorded long ago does not start: status 2, each version named."""
    faults = unreadable(CATALOGUE.values())
    if faults:
        sys.stderr.write("".join(f"{fault}\n" for fault in faults))
        raise SystemExit(2)
