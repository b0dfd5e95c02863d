"""Apache Kafka as one process on this machine: broker and controller in one, on loopback only."""

import base64
import json
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from carejourney.embedded.errors import StartFailed
from carejourney.embedded.kafka_runtime import KafkaRuntime, prepare
from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.processes import ProcessMark, command_line, free_port, processes_in, wait_until
from carejourney.embedded.secret_files import write_private

_METADATA = 3
_METADATA_VERSION = 7

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "auto.create.topics.enable": "false",
    # Facts are kept for ever.
    "log.retention.ms": "-1",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    # A killed broker must time out before its successor may register: 2 s instead of 9.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    # The default takes 128 MB of the heap.
    "log.cleaner.dedupe.buffer.size": "8388608",
    "num.io.threads": "4",
    "num.network.threads": "2",
    "background.threads": "4",
}


class KafkaBroker:
    """One broker over one data folder, on two loopback ports."""

    def __init__(
        self, folder: Path, *, port: int, controller_port: int, log: Path | None = None, heap: int = 512
    ) -> None:
        """Describe a broker; nothing starts yet. `heap` in megabytes; `log` defaults to a file in the folder."""
        self.folder = folder.resolve()
        self.port = port
        self.log = log or self.folder / "log" / "kafka.log"
        self._controller_port = controller_port
        self._heap = heap
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients connect: host and port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def cluster_id(self) -> str:
        """The identity of the cluster, made with the folder."""
        file = self.folder / "cluster-id"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_private(file, new_cluster_id())
        return file.read_text()

    def mark(self) -> ProcessMark | None:
        """Find the running broker of this folder, whoever started it."""
        with suppress(OSError, ValueError, TypeError):
            mark = ProcessMark(**json.loads(self._mark_file.read_text()))
            return mark if mark.alive() else None
        # Whoever started it was killed before the process was noted.
        return next((one for one in processes_in(self.folder) if "kafka.Kafka" in command_line(one.pid)), None)

    def alive(self) -> bool:
        """Whether the broker runs."""
        if self._process is not None:
            self._process.poll()
        return self.mark() is not None

    def start(self, seconds: float = 60, runtime: KafkaRuntime | None = None, *, learn: bool = False) -> None:
        """Bring the broker up and wait until it answers as this cluster; one that already runs here is kept.

        `learn` writes the start-up cache of the runtime when the broker stops. Raises StartFailed.
        """
        if self.mark() is not None:
            if cluster_at(self.port) == self.cluster_id:
                return
            self.stop()
        runtime = runtime or prepare()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        settings = self._write_settings()
        if not (self._data / "meta.properties").exists():
            self._format(runtime, settings)
        self._launch(runtime.command("kafka.Kafka", str(settings), heap=self._heap, learn=learn), seconds)

    def stop(self, seconds: float = 30) -> None:
        """Stop cleanly (0.3 s); by force when that takes too long."""
        mark = self.mark()
        if mark:
            mark.send(signal.SIGTERM)
            if not mark.wait(seconds):
                mark.stop(0)
        if self._process is not None:
            self._process.wait()
            self._process = None
        self._mark_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the broker as a power cut would."""
        mark = self.mark()
        if mark:
            mark.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        if mark:
            mark.wait(10)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _mark_file(self) -> Path:
        return self.folder / "process.json"

    def _write_settings(self) -> Path:
        clients, controller = f"CLIENTS://{self.address}", f"CONTROLLER://{LOOPBACK}:{self._controller_port}"
        settings = SETTINGS | {
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "listeners": f"{clients},{controller}",
            "advertised.listeners": clients,
            "log.dirs": str(self._data),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "server.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return file

    def _format(self, runtime: KafkaRuntime, settings: Path) -> None:
        command = runtime.command(
            "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", self.cluster_id, "-c", str(settings)
        )
        with self.log.open("ab") as log:
            beginning = log.tell()
            status = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False).returncode
        if status != 0:
            raise StartFailed("Kafka", self._first_error(beginning) or f"format ended with status {status}", self.log)

    def _launch(self, command: list[str], seconds: float) -> None:
        with self.log.open("ab") as log:
            beginning = log.tell()
            process = self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.folder
            )
        mark = ProcessMark.of(process.pid)
        if mark:
            write_private(self._mark_file, json.dumps(asdict(mark)))
        wait_until(lambda: self._answers() or process.poll() is not None, seconds, pause=0.05)
        if process.poll() is not None or not self._answers():
            reason = self._first_error(beginning) or "it did not answer in time"
            self.stop(2)
            raise StartFailed("Kafka", reason, self.log)

    def _answers(self) -> bool:
        return cluster_at(self.port) == self.cluster_id

    def _first_error(self, beginning: int) -> str | None:
        with self.log.open("rb") as log:
            log.seek(beginning)
            lines = log.read().decode(errors="replace").splitlines()
        telling = (" ERROR ", "Exception", "Error")
        return next((line.strip() for sign in telling for line in lines if sign in line), None)


def new_cluster_id() -> str:
    """Make a cluster id: 22 characters, never with a leading `-`, which the format command takes for an option."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made


def cluster_at(port: int, seconds: float = 1.0) -> str | None:
    """Ask the broker on a loopback port for its cluster id; None when none answers or it has no live broker yet.

    A port that answers proves little (it may be another broker's), and a client library would take longer to
    import than the whole start.
    """
    name = b"carejourney"
    request = struct.pack(f">hhih{len(name)}siB", _METADATA, _METADATA_VERSION, 1, len(name), name, 0, 0)
    try:
        with socket.create_connection((LOOPBACK, port), seconds) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                (size,) = struct.unpack(">i", answer.read(4))
                return _cluster_id(answer.read(size))
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def _cluster_id(answer: bytes) -> str | None:
    place = 8  # correlation id, throttle time
    (brokers,) = struct.unpack_from(">i", answer, place)
    place += 4
    for _ in range(brokers):
        (host,) = struct.unpack_from(">h", answer, place + 4)
        place += 4 + 2 + host + 4
        (rack,) = struct.unpack_from(">h", answer, place)
        place += 2 + max(rack, 0)
    (length,) = struct.unpack_from(">h", answer, place)
    return answer[place + 2 : place + 2 + length].decode() if brokers > 0 and length > 0 else None


@contextmanager
def throw_away_broker(heap: int = 256) -> Iterator[KafkaBroker]:
    """Run a broker in a temporary folder; it is killed and its folder removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="carejourney-kafka-"))
    broker = KafkaBroker(folder, port=free_port(), controller_port=free_port(), heap=heap)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)


def rehearse(runtime: KafkaRuntime) -> None:
    """Start and stop a broker once, so that the runtime keeps what a start needs in its cache."""
    with tempfile.TemporaryDirectory(prefix="carejourney-kafka-") as folder:
        broker = KafkaBroker(Path(folder), port=free_port(), controller_port=free_port(), heap=256)
        broker.start(runtime=runtime, learn=True)
        broker.stop(120)
