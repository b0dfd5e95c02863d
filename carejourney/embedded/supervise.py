"""The supervisor as a process of its own, which `carejourney up --detach` leaves behind."""

import sys
from pathlib import Path

from rich.console import Console

from carejourney.embedded.commands import stopped_by_signals
from carejourney.embedded.errors import EmbeddedError
from carejourney.embedded.layout import Folders, load_ports
from carejourney.embedded.progress import Shown
from carejourney.embedded.stack import Stack


def main(root: str, port_base: str | None = None) -> int:
    """Run the system of a data folder until SIGTERM; its output is the supervisor's log."""
    folders = Folders.at(Path(root))
    ports = load_ports(folders, int(port_base) if port_base else None)
    try:
        with stopped_by_signals() as stop:
            Stack(folders, ports, progress=Shown(Console(), None)).run(stop)
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
