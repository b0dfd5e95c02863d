"""One installation for all cases. After each it is healed, waited for, and judged by the independent checker."""

import os
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.faults import results
from tests.faults.checker import Expected, check
from tests.faults.load import Load
from tests.faults.world import World

CAP_SYS_ADMIN = 21
TEST_SECONDS = 300
EVERYTHING = os.environ.get("CAREJOURNEY_FAULTS") == "all"
# Options by which a part of the suite is chosen.
CHOICES = ("keyword", "markexpr", "deselect", "lf", "collectonly")
HERE = Path(__file__).parent


@dataclass
class Trial:
    """One case: the world it may hurt, the load that keeps the books, and what it leaves on purpose."""

    world: World
    load: Load
    expected: Expected = field(default_factory=Expected)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world() -> AsyncIterator[World]:
    made = World()
    try:
        await made.make()
        async with made.admin("postgres") as admin:
            results.made_with(str(await admin.fetchval("show server_version")))
        yield made
    finally:
        await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def trial(world: World) -> AsyncIterator[Trial]:
    """A case, judged when its body is over."""
    made = Trial(world, Load(world))
    try:
        yield made
    finally:
        await world.heal()
    await check(world, made.load, made.expected)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", results.MARKER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `CAREJOURNEY_FAULTS=all` the representative part runs; what mounts a disk, where that is allowed."""
    for item in items:
        if item.get_closest_marker("faults") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
    marked = [(item, mark.kwargs) for item in items if (mark := item.get_closest_marker("faults"))]
    left_out = [
        item for item, said in marked if not (EVERYTHING or said.get("ci")) or (said.get("mounts") and not may_mount())
    ]
    if EVERYTHING and is_whole(config, items):
        results.begin([item.name for item, _ in marked if item not in left_out], [item.name for item in left_out])
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def is_whole(config: pytest.Config, items: list[pytest.Item]) -> bool:
    """Whether every test of the suite was asked for."""
    files = {item.path for item in items if item.path.is_relative_to(HERE)}
    chosen = any(config.getoption(name, None) for name in CHOICES) or any("::" in one for one in config.args)
    return files == set(HERE.glob("test_*.py")) and not chosen


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = results.share()
    else:
        results.end()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    results.take(getattr(node, "workeroutput", {}).get("faults", {}))


def may_mount() -> bool:
    """Whether this process has the right to mount a file system."""
    lines = Path("/proc/self/status").read_text().splitlines()
    rights = next(line for line in lines if line.startswith("CapEff:")).split()[1]
    return bool(int(rights, 16) & 1 << CAP_SYS_ADMIN)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report: Any = yield
    mark = item.get_closest_marker("faults")
    if mark is not None:
        results.note(mark.kwargs["case"], item.name, report.when, report.outcome, report.duration)
    return report
