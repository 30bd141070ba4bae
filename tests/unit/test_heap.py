"""What a process has loaded is not looked through again."""

import gc
from collections.abc import Iterator

import pytest

from workers.processes import heap

collect = gc.collect


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threshold = gc.get_threshold()
    monkeypatch.setattr(heap.gc, "collect", lambda: 0)  # of all that the tests have loaded
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_is_loaded_is_left_out_of_collections() -> None:
    loaded = [[number] for number in range(1000)]
    heap.settle()
    assert not any(found is loaded for found in gc.get_objects())
    assert gc.get_freeze_count() > len(loaded)


def test_circles_made_later_are_still_found() -> None:
    heap.settle()
    circle: list[object] = []
    circle.append(circle)
    known = id(circle)
    assert any(id(found) == known for found in gc.get_objects())
    del circle
    assert collect() >= 1


def test_what_is_made_while_it_loads_is_left_out_of_collections() -> None:
    with heap.loading():
        loaded = [[number] for number in range(1000)]
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not any(found is loaded for found in gc.get_objects())


def test_a_module_that_cannot_be_loaded_leaves_collections_on() -> None:
    with pytest.raises(ImportError), heap.loading():
        raise ImportError
    assert gc.isenabled()
