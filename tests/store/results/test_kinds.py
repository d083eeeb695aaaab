"""Saves that die, or are told of an error, at any call of the system."""

import errno
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conceptlrp.errors import StoreError
from conceptlrp.store import Store, check_store, open_store
from tests.store.faults import CALLS, Killed, System, another_process, failures
from tests.store.results.samples import SAMPLES, assert_same
from tests.store.results.test_results import get


def _is_same(found: Any, expected: Any) -> bool:
    try:
        assert_same(found, expected)
    except AssertionError:
        return False
    return True


def _save(store: Store, result: Any, system: System) -> bool:
    """Save on a system that fails; tell whether it did."""
    try:
        with system.running():
            store.results.save(result, overwrite=True)
    except Killed:
        return True
    except StoreError:
        return True
    return False


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("moment", ["before", "within", "after", "error"])
def test_whatever_moment_a_save_fails_at_the_old_or_the_new_result_is_there(
    kind: str, moment: str, copied: Callable[[str], Store]
) -> None:
    store = copied("run.crp")
    old, new = SAMPLES[kind](store, 0), SAMPLES[kind](store, 1)
    only = ("write",) if moment == "within" else CALLS
    found = []

    for system in failures(moment, code=errno.ENOSPC, only=only):
        with another_process():
            store.results.save(old, overwrite=True)
        is_failed = _save(store, new, system)
        reader = open_store(store.path)
        is_new = _is_same(get(reader, new), new)
        assert is_new or _is_same(get(reader, old), old)
        # The reader that was there before sees the same.
        assert _is_same(get(store, new), new if is_new else old)
        assert len(reader.results.list()) == 1
        assert check_store(store.path).is_good
        if is_failed:
            found.append(is_new)

        else:
            assert is_new

    assert len(found) > (1 if moment == "within" else 10)
    assert found == sorted(found)
    assert moment == "within" or set(found) == {False, True}
    with another_process():
        store.results.save(new, overwrite=True)
    assert check_store(store.path).leftovers == ()
    assert not list(store.path.glob(".*"))


@pytest.mark.parametrize("moment", ["before", "within", "after"])
def test_whatever_moment_adding_columns_fails_at_all_columns_are_there(
    moment: str, copied: Callable[[str], Store]
) -> None:
    store = copied("run.crp")
    n = len(store)
    only = ("write",) if moment == "within" else CALLS

    for number, system in enumerate(failures(moment, only=only)):
        with another_process():
            store.columns.add({"a": np.full(n, number)}, overwrite=True)
        try:
            with system.running():
                store.columns.add({"b": np.zeros(n)}, overwrite=True)
        except Killed:
            pass
        assert open_store(store.path).columns.label("a").tolist() == [number] * n
        assert check_store(store.path).is_good
