"""A service that can only say that it is ready, and a supervisor over two of them, as programs of their own."""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from carejourney.embedded.launcher import Commands
from carejourney.embedded.layout import Folders, Ports, load_ports
from carejourney.embedded.processes import free_port
from carejourney.embedded.stack import Hooks, Stack

SERVICES = ("placement", "education")


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def serve(name: str) -> None:
    sys.stdout.write(f"{name} {os.environ['CAREJOURNEY_INSTANCE']}\n")
    sys.stdout.flush()
    HTTPServer(("127.0.0.1", int(os.environ["CAREJOURNEY_PORT"])), _Ready).serve_forever()


def command(name: str) -> list[str]:
    return [sys.executable, "-m", __name__.replace("__main__", "tests.integration.embedded.standin"), "serve", name]


def some_ports() -> Ports:
    return Ports(free_port(), free_port(), free_port(), {service: free_port() for service in SERVICES})


def _issuer(private: Path, public: Path) -> None:
    private.write_text("{}")
    public.write_text("{}")


HOOKS = Hooks(launcher=lambda _: Commands(command), write_issuer=_issuer)


def a_stack(folders: Folders, ports: Ports) -> Stack:
    return Stack(folders, ports, services=SERVICES, hooks=HOOKS)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        at = Folders.at(Path(sys.argv[2]))
        a_stack(at, load_ports(at)).run(threading.Event())
