"""A small process that has the services' libraries loaded and becomes a service by forking.

Six services that each import the same libraries take 12 seconds of processor time; a fork takes none of it. A child
does exactly what `carejourney run SERVICE` does. Requests come on standard input, one JSON object a line
(`name`, `environment`, `log`); the answer is the number of the new process. At the end of the input - the
supervisor ended, in whatever way - the children are told to end too.
"""

import gc
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

LIBRARIES = (
    "aiokafka.admin",
    "asyncpg",
    "brotli",
    "cryptography.hazmat.primitives.ciphers.aead",
    "fastapi",
    "faststream.kafka",
    "httpx",
    "jinja2",
    "joserfc.jwt",
    "msgspec",
    "opentelemetry.sdk.trace",
    "prometheus_client",
    "pydantic.v1",
    "pydantic_settings",
    "rich.progress",
    "rich.table",
    "sqlalchemy.ext.asyncio",
    "structlog",
    "typer",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


def main(entry: str) -> NoReturn:
    """Load the libraries, answer requests; in a child, run the service that was asked for.

    `entry` is `module:function`; the function takes the service's name. It is loaded in the child only, so that a
    restarted service runs the code as it is then.
    """
    for library in LIBRARIES:
        # What is not installed is not needed by a service either.
        with suppress(ImportError):
            importlib.import_module(library)
    # Pages that the collector does not touch stay shared with the children.
    gc.freeze()
    service = _serve()
    module, _, function = entry.partition(":")
    getattr(importlib.import_module(module), function)(service)
    sys.exit(0)


def _serve() -> str:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    children: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: _reap(children))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        request = json.loads(line)
        # A child that ends at once must not be reaped before it is known.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        child = os.fork()
        if child == 0:
            answers.close()
            return _become(request)
        children.add(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        answers.write(f"{child}\n")
    for orphan in list(children):
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGTERM)
    os._exit(0)


def _reap(children: set[int]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            children.discard(ended)


def _become(request: dict[str, object]) -> str:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    _redirect(str(request["log"]))
    environment = request["environment"]
    if not isinstance(environment, dict):
        raise TypeError("environment must be an object")
    os.environ.clear()
    os.environ.update(environment)
    name = str(request["name"])
    sys.argv = ["carejourney", "run", name]
    return name


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(file)


if __name__ == "__main__":
    main(sys.argv[1])
