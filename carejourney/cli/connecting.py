"""Where the services are and who asks: from the environment, else from the embedded system's data folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from carejourney.access import ROLES, mint
from carejourney.embedded.layout import DEFAULT_FOLDER, Folders, load_ports, service_url

SERVICES: Final = ("placement", "planning", "education", "health", "leaving_care", "journey")

Data = Annotated[
    Path,
    typer.Option(
        "--data", envvar="CAREJOURNEY_DATA", help="The data folder of the embedded system.", show_default=True
    ),
]
DEFAULT_DATA: Final = DEFAULT_FOLDER
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


class ConnectionProblem(Exception):  # noqa: N818 - told to a person as it is
    """A service cannot be asked; the message says what to do."""


@dataclass(frozen=True)
class Installation:
    """The services of one installation by name, and a token for them."""

    urls: Mapping[str, str]
    token: str

    def client(self, service: str | None = None) -> httpx.AsyncClient:
        """A client with the token; relative to one service where it is named."""
        return httpx.AsyncClient(
            base_url=self.urls[service] if service else "",
            headers={"authorization": f"Bearer {self.token}"},
            timeout=httpx.Timeout(60, connect=5),
        )


def installation(data: Path) -> Installation:
    """`CAREJOURNEY_<SERVICE>_URL` and `CAREJOURNEY_TOKEN` where set, else the embedded system in `data`.

    Raises `ConnectionProblem` where there is neither a token nor the key of a development issuer.
    """
    folders = Folders.at(data)
    ports = load_ports(folders)
    urls = {
        name: os.environ.get(f"CAREJOURNEY_{name.upper()}_URL", service_url(ports, name)).rstrip("/")
        for name in SERVICES
    }
    return Installation(urls, _token(folders))


def _token(folders: Folders) -> str:
    return os.environ.get("CAREJOURNEY_TOKEN") or mint(_issuer_key(folders), "command-line", ROLES)


def issuer_key(data: Path) -> Path:
    """The key file of the development issuer: `CAREJOURNEY_ISSUER_KEY_FILE`, else that of the data folder."""
    return _issuer_key(Folders.at(data))


def _issuer_key(folders: Folders) -> Path:
    key = Path(os.environ.get("CAREJOURNEY_ISSUER_KEY_FILE", folders.issuer))
    if not key.exists():
        raise ConnectionProblem(
            f"no system was started in {folders.root} and CAREJOURNEY_TOKEN is not set:"
            " run `carejourney up`, name its folder with --data, or set CAREJOURNEY_TOKEN"
        )
    return key


def told(error: httpx.HTTPError) -> ConnectionProblem:
    """What a failed request means to the person at the keyboard."""
    if isinstance(error, httpx.HTTPStatusError):
        try:
            problem = error.response.json()
            text = f"{problem['title']}: {problem['detail']}"
        except (ValueError, KeyError, TypeError):
            text = f"{error.request.url.host}:{error.request.url.port} answered {error.response.status_code}"
        return ConnectionProblem(text)
    place = f"{error.request.url.host}:{error.request.url.port}"
    return ConnectionProblem(f"nothing answers at {place}: run `carejourney status`, then `carejourney up`")
