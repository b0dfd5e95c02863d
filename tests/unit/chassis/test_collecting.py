"""What is loaded at the start is left out of every later look for objects that hold each other."""

import gc
from collections.abc import Iterator

import pytest

from carejourney.collecting import collect_seldom


@pytest.fixture
def own_collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("own_collector")
def test_a_service_looks_seldom_and_not_at_what_was_loaded() -> None:
    loaded = len(gc.get_objects())
    collect_seldom()
    assert gc.get_freeze_count() >= loaded // 2
    assert gc.get_threshold()[0] > 10_000


@pytest.mark.usefixtures("own_collector")
def test_objects_that_hold_each_other_are_still_found() -> None:
    collect_seldom()
    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() >= 1
