"""The worked subscribers end where there is nothing to read: an empty topic, and partitions whose records are gone."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from tests.subscribers.conftest import PAGES
from tests.subscribers.page import blocks

SECONDS = 60
PARTITIONS = 3
KAFKAJS = "kafkajs@2.2.4"
HEADERS = [(f"ce_{name}", value.encode()) for name, value in {
    "specversion": "1.0", "id": "01980000-0000-7000-8000-00000000000a", "source": "planning", "streamversion": "2",
    "type": "planning.review_held", "dataschema": "urn:carejourney:planning.review_held:1", "origin": "person",
    "subject": "01980000-0000-7000-8000-000000000001", "time": "2026-05-04T09:30:00.000000Z",
    "effectivefrom": "2026-05-04", "authority": "E08000003", "sensitivity": "standard",
}.items()]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def topics(kafka_address: str) -> AsyncIterator[tuple[str, str]]:
    """A topic that nothing was ever sent to, and one that holds a record in one partition and lost those of another."""
    empty, emptied = (f"care.ending.{uuid4().hex[:8]}" for _ in range(2))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in (empty, emptied)])
    async with AIOKafkaProducer(bootstrap_servers=kafka_address) as producer:
        for partition in (0, 0, 1):
            await producer.send_and_wait(emptied, b'{"participation":"PN1"}', HEADERS[7][1], partition, headers=HEADERS)
    await admin.delete_records({TopicPartition(emptied, 0): RecordsToDelete(before_offset=2)})
    yield empty, emptied
    await admin.delete_topics([empty, emptied])
    await admin.close()


def _program(name: str, pages: Path) -> list[str]:
    """How a file of the pages is started, once all of its page are saved."""
    kind = {".mjs": "node", ".sh": "bash", ".py": "python"}[Path(name).suffix]
    page = {"node": "kafka-node", "bash": "kafka-kcat", "python": "kafka-python"}[kind]
    for block in blocks(PAGES / f"{page}.md"):
        if block.saved:
            (pages / block.name).write_text(block.text)
    return [kind, name]


async def _ends(words: list[str], folder: Path, **environment: str) -> list[str]:
    """The lines that are printed. Fails where it has not ended in time."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env={**os.environ, "PATH": path, **environment}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        printed, faults = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        await process.communicate()
        pytest.fail(f"{' '.join(words)} did not end within {SECONDS} s")
    assert process.returncode == 0, faults.decode()
    return printed.decode().splitlines()


def _needs(*programs: str) -> None:
    if missing := [program for program in programs if shutil.which(program) is None]:
        pytest.skip(f"needs {' and '.join(missing)}")


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("name", "needed"), [("subscriber.mjs", ("node", "npm")), ("subscriber.sh", ("kcat", "jq")), ("subscriber.py", ())]
)
async def test_a_subscriber_ends_on_an_empty_topic_and_on_one_that_lost_a_partition(
    name: str, needed: tuple[str, ...], topics: tuple[str, str], kafka_address: str, tmp_path: Path
) -> None:
    _needs(*needed)
    words = _program(name, tmp_path)
    if "npm" in needed:
        await _ends(["npm", "install", "--silent", KAFKAJS], tmp_path)
    counted = []
    for topic in topics:
        state = tmp_path / topic
        state.mkdir()
        told = {"KAFKA": kafka_address, "TOPICS": topic, "GROUP": topic, "STATE": str(state)}
        counted.append([len(await _ends(words, tmp_path, **told)) for _ in range(2)])
    assert counted == [[0, 0], [1, 1]]


@pytest.mark.timeout(400)
async def test_reading_everything_with_node_ends_on_an_empty_topic_and_on_one_that_lost_a_partition(
    topics: tuple[str, str], kafka_address: str, tmp_path: Path
) -> None:
    _needs("node", "npm")
    words = _program("everything.mjs", tmp_path)
    await _ends(["npm", "install", "--silent", KAFKAJS], tmp_path)
    counted = [len(await _ends([*words, topic], tmp_path, KAFKA=kafka_address)) for topic in topics]
    assert counted == [0, 1]
