"""Apache Kafka that can be hurt: one broker behind a proxy, or three with a controller of their own."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from carejourney.embedded.kafka import KafkaBroker, new_cluster_id
from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.processes import free_port, port_is_free

HEAP = 256


class Node(KafkaBroker):
    """A broker or controller with settings of its own over those of the embedded one; the last of a name counts."""

    def __init__(self, folder: Path, port: int, controller_port: int, settings: Mapping[str, str]) -> None:
        super().__init__(folder, port=port, controller_port=controller_port, heap=HEAP)
        self._own = settings

    def _write_settings(self) -> Path:
        file = super()._write_settings()
        with file.open("a") as written:
            written.writelines(f"{name}={value}\n" for name, value in self._own.items())
        return file


class Controller(Node):
    """A node that only keeps the cluster's metadata; it answers no client."""

    def _answers(self) -> bool:
        return not port_is_free(self._controller_port)


def proxied(folder: Path, advertised: int) -> Node:
    """One broker that tells clients to come by another port."""
    port = free_port()
    return Node(folder, port, free_port(), {"advertised.listeners": f"CLIENTS://{LOOPBACK}:{advertised}"})


class Cluster:
    """Three brokers and a controller; internal topics live on all three."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="carejourney-cluster-"))
        self._cluster_id = new_cluster_id()
        quorum = free_port()
        voters = f"100@{LOOPBACK}:{quorum}"
        self.controller = self._controller(quorum, voters)
        self.brokers = [self._broker(number, quorum, voters) for number in (1, 2, 3)]

    @property
    def address(self) -> str:
        """Where clients connect: all three."""
        return ",".join(broker.address for broker in self.brokers)

    def start(self) -> None:
        self.controller.start()
        for broker in self.brokers:
            broker.start()

    def stop(self) -> None:
        """End everything by force: a quorum that is leaving takes its time."""
        for node in (*self.brokers, self.controller):
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def alive(self) -> Sequence[Node]:
        return [broker for broker in self.brokers if broker.alive()]

    def _controller(self, port: int, voters: str) -> Controller:
        listener = f"CONTROLLER://{LOOPBACK}:{port}"
        settings = {
            "process.roles": "controller", "node.id": "100", "controller.quorum.voters": voters,
            "listeners": listener, "advertised.listeners": listener, "inter.broker.listener.name": "CLIENTS",
            "min.insync.replicas": "2",
        }  # fmt: skip
        controller = Controller(self.folder / "controller", free_port(), port, settings)
        self._place(controller)
        return controller

    def _broker(self, number: int, quorum: int, voters: str) -> Node:
        port = free_port()
        listener = f"CLIENTS://{LOOPBACK}:{port}"
        settings = {
            "process.roles": "broker", "node.id": str(number), "controller.quorum.voters": voters,
            "listeners": listener, "advertised.listeners": listener, "offsets.topic.replication.factor": "3",
            "transaction.state.log.replication.factor": "3", "transaction.state.log.min.isr": "2",
        }  # fmt: skip
        broker = Node(self.folder / str(number), port, quorum, settings)
        self._place(broker)
        return broker

    def _place(self, node: Node) -> None:
        node.folder.mkdir(parents=True)
        (node.folder / "cluster-id").write_text(self._cluster_id)
