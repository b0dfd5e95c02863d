"""The supervisor behind `carejourney up`: starts every part, restarts what dies, stops all of it in order."""

import asyncio
import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from carejourney.embedded.errors import AlreadyRunning, EmbeddedError
from carejourney.embedded.kafka import KafkaBroker
from carejourney.embedded.kafka_runtime import prepare
from carejourney.embedded.launcher import Commands, Forks, Launcher, rotate
from carejourney.embedded.layout import SERVICES, Folders, Ports, save_ports, service_environment
from carejourney.embedded.postgres import SUPERUSER, PostgresServer
from carejourney.embedded.processes import LINUX, ProcessMark, require_free
from carejourney.embedded.progress import Progress, Silent
from carejourney.embedded.secret_files import ensure_master_key, ensure_passwords
from carejourney.embedded.service import Part, ServiceProcess, Watched, answers_ready
from carejourney.embedded.state import FAILED, READY, STARTING, STOPPED, STOPPING, PartState, StackState, read_state

PATIENCE = 90.0
_TICK = 0.1


def provision_services(admin_dsn: str, passwords: Mapping[str, str], services: Sequence[str]) -> None:
    """Make the databases and roles. Raises EmbeddedError where the server refuses."""
    import asyncpg  # noqa: PLC0415 - loaded while the servers start

    from carejourney.provisioning import provision  # noqa: PLC0415

    try:
        asyncio.run(provision(admin_dsn, passwords=passwords.__getitem__, services=services))
    except (asyncpg.PostgresError, OSError) as error:
        raise EmbeddedError(
            f"PostgreSQL refused to make the databases: {error}. The folder `secrets` belongs to the folder "
            f"`postgres`: put both back as they were."
        ) from error


def write_issuer(private: Path, public: Path) -> None:
    """Make the key of the development issuer and the key set that services check tokens with."""
    from carejourney.access import write_development_issuer  # noqa: PLC0415 - needed once in the life of a folder

    write_development_issuer(private, public)


def usual_launcher(folders: Folders) -> Launcher:
    """Give forks where forking is safe (Linux), separate commands elsewhere."""
    return Forks(folders.log("preload")) if LINUX else Commands()


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the supervisor has others do."""

    launcher: Callable[[Folders], Launcher] = usual_launcher
    provision: Callable[[str, Mapping[str, str], Sequence[str]], None] = provision_services
    write_issuer: Callable[[Path, Path], None] = write_issuer
    ready: Callable[[int], bool] = answers_ready


class Stack:
    """The embedded system of one data folder."""

    def __init__(
        self,
        folders: Folders,
        ports: Ports,
        *,
        progress: Progress | None = None,
        services: Sequence[str] = SERVICES,
        hooks: Hooks | None = None,
    ) -> None:
        """Describe the system; nothing starts yet."""
        self.folders = folders
        self.ports = ports
        self._progress = progress or Silent()
        self._services = services
        self._hooks = hooks or Hooks()
        self._launcher: Launcher | None = None
        self._watched: dict[str, Watched] = {}
        mark = ProcessMark.of(os.getpid())
        self.state = StackState(os.getpid(), mark.started if mark else "", _now())

    def run(self, stop: threading.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Start everything, keep it running until `stop` is set, then stop everything.

        Raises PortTaken, StartFailed, AlreadyRunning, Unavailable; nothing is left running then.
        """
        self.folders.make()
        with self._alone():
            try:
                self._start(stop)
                self._await_services(stop)
                self._enter(READY)
                on_ready()
                while not stop.wait(_TICK):
                    self._tend()
                    self._not_ready()
            except EmbeddedError as error:
                self.state.problem = str(error)
                raise
            finally:
                self._stop()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.folders.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AlreadyRunning(self.folders.root) from error
            yield

    def _start(self, stop: threading.Event) -> None:
        self._enter(STARTING, "looking for what is left of an earlier run")
        clear_remains(self.folders)
        require_free(self.ports.named())
        save_ports(self.folders, self.ports)
        for part in ("postgres", "kafka", "preload", *self._services):
            rotate(self.folders.log(part))
        passwords = self._secrets()
        launcher = self._launcher = self._hooks.launcher(self.folders)
        self._start_servers(passwords)
        for name in () if stop.is_set() else self._services:
            environment = service_environment(self.folders, self.ports, name, passwords)
            process = ServiceProcess(name, self.ports.services[name], launcher, environment, self.folders.log(name))
            self._watch(name, process)
            process.start()
            self._watched[name].note_started()
        self._save()

    def _secrets(self) -> dict[str, str]:
        from carejourney.provisioning import login_roles  # noqa: PLC0415 - brings the database driver

        ensure_master_key(self.folders.master_key)
        if not (self.folders.issuer.exists() and self.folders.jwks.exists()):
            self._hooks.write_issuer(self.folders.issuer, self.folders.jwks)
        return ensure_passwords(self.folders.passwords, [SUPERUSER, *login_roles(self._services)])

    def _start_servers(self, passwords: Mapping[str, str]) -> None:
        self._enter(STARTING, "starting PostgreSQL and Kafka")
        postgres, kafka = _servers(self.folders, self.ports, passwords[SUPERUSER])
        self._watch("postgres", postgres)
        self._watch("kafka", kafka)
        with ThreadPoolExecutor(2) as both:
            broker = both.submit(lambda: kafka.start(runtime=prepare(self._progress)))
            postgres.start()
            self._watched["postgres"].note_started()
            self._hooks.provision(postgres.dsn, passwords, self._services)
            broker.result()
        self._watched["kafka"].note_started()
        for server in ("postgres", "kafka"):
            self._watched[server].state.ready = True
        self._save()

    def _watch(self, name: str, part: Part) -> None:
        state = self.state.parts[name] = PartState(part.port)
        self._watched[name] = Watched(name, part, state)

    def _await_services(self, stop: threading.Event) -> None:
        deadline = time.monotonic() + PATIENCE
        while not stop.is_set() and (waiting := self._not_ready()):
            self._enter(STARTING, f"waiting for {', '.join(waiting)}")
            if time.monotonic() > deadline:
                logs = ", ".join(str(self.folders.log(name)) for name in waiting)
                raise EmbeddedError(f"Not ready after {PATIENCE:.0f} s: {', '.join(waiting)}. See {logs}.")
            self._tend()
            stop.wait(_TICK)

    def _not_ready(self) -> list[str]:
        for name in self._services:
            if name in self._watched and not self._watched[name].state.ready:
                self._note_ready(self._watched[name])
        return [name for name, watched in self._watched.items() if not watched.state.ready]

    def _note_ready(self, watched: Watched) -> None:
        watched.state.ready = self._hooks.ready(watched.part.port)
        if watched.state.ready:
            self._save()

    def _tend(self) -> None:
        for watched in self._watched.values():
            if watched.due is None and not watched.part.alive():
                pause = watched.note_ended()
                self._progress.say(f"{watched.name} ended; starting it again in {pause:.1f} s")
                self._save()
            elif watched.is_due():
                self._restart(watched)

    def _restart(self, watched: Watched) -> None:
        watched.state.restarts += 1
        try:
            watched.part.start()
        except EmbeddedError as error:
            self._progress.say(str(error))
            watched.note_ended()
        else:
            watched.note_started()
            watched.state.ready = watched.name not in self._services
        self._save()

    def _stop(self) -> None:
        self._enter(STOPPING, "stopping the services")
        services = [watched.part for watched in self._watched.values() if isinstance(watched.part, ServiceProcess)]
        for service in services:
            service.ask_to_stop()
        for service in services:
            service.stop()
        if self._launcher is not None:
            self._launcher.close()
        for name in ("kafka", "postgres"):
            if name in self._watched:
                self._enter(STOPPING, f"stopping {name}")
                self._watched[name].part.stop()
        self.state.parts.clear()
        self._enter(FAILED if self.state.problem else STOPPED)

    def _enter(self, phase: str, doing: str = "") -> None:
        if (self.state.phase, self.state.doing) != (phase, doing):
            self.state.phase, self.state.doing = phase, doing
            self._progress.update(doing)
        self._save()

    def _save(self) -> None:
        self.state.save(self.folders.state)


def clear_remains(folders: Folders) -> bool:
    """Stop what a killed supervisor left running in this folder; says whether there was anything.

    Only processes that were noted with their start time, or hold our very data folder, are touched.
    """
    left = read_state(folders.state)
    marks = [state.mark() for name, state in left.parts.items() if name in SERVICES] if left else []
    alive = [mark for mark in marks if mark and mark.alive()]
    for mark in alive:
        mark.send(signal.SIGTERM)
    for mark in alive:
        mark.stop(10)
    servers = [server for server in _servers(folders, Ports(), "") if server.mark() is not None]
    for server in reversed(servers):
        server.stop()
    return bool(alive or servers)


def _servers(folders: Folders, ports: Ports, password: str) -> tuple[PostgresServer, KafkaBroker]:
    postgres = PostgresServer(folders.postgres, port=ports.postgres, password=password, log=folders.log("postgres"))
    kafka = KafkaBroker(
        folders.kafka, port=ports.kafka, controller_port=ports.controller, log=folders.log("kafka"), heap=512
    )
    return postgres, kafka


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
