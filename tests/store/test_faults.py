"""Runs that are killed at any call of the system, or told of an error there."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from conceptlrp.store import check_store
from tests.store.faults import (
    CALLS,
    Killed,
    SmallRun,
    System,
    another_process,
    assert_none_is_torn,
    contents,
    failures,
    refused,
    versions,
)

RUN, LONGER = SmallRun.of(3), SmallRun.of(4)
ABOVE, ABOVE_LONGER = (SmallRun.of(n, donors=True) for n in (3, 4))


def finished(run: SmallRun, path: Path) -> dict[str, bytes]:
    run.go_on(path)
    return contents(path)


_slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("run", "moment"),
    [
        (RUN, "before"),
        pytest.param(ABOVE, "before", marks=_slow),
        pytest.param(RUN, "within", marks=_slow),
        pytest.param(ABOVE, "within", marks=_slow),
        pytest.param(RUN, "after", marks=_slow),
        pytest.param(ABOVE, "after", marks=_slow),
    ],
)
def test_a_run_killed_at_any_call_leaves_whole_files_and_goes_on(
    run: SmallRun, moment: str, tmp_path: Path
) -> None:
    expected = finished(run, tmp_path / "whole.crp")
    allowed = versions(run, tmp_path / "watched.crp")
    # Dying within a call differs from dying before it only where bytes are written.
    only = ("write",) if moment == "within" else CALLS
    with System(only=only).running() as undisturbed:
        run.go_on(tmp_path / "undisturbed.crp")
    kills = 0

    for number, system in enumerate(failures(moment, only=only)):
        path = tmp_path / f"{number}.crp"
        try:
            with system.running():
                run.go_on(path)
        except Killed:
            kills += 1
        assert_none_is_torn(path, allowed)
        with another_process():
            run.go_on(path)
        assert contents(path) == expected

    # A call that fails by itself, as for a file that is not there, has no after.
    spared = 8 if moment == "after" else 0
    assert 0 <= undisturbed.calls - kills <= spared < undisturbed.calls


@pytest.mark.parametrize(
    ("run", "longer"),
    [(RUN, LONGER), pytest.param(ABOVE, ABOVE_LONGER, marks=_slow)],
)
def test_appending_killed_at_any_call_leaves_whole_files_and_goes_on(
    run: SmallRun, longer: SmallRun, tmp_path: Path
) -> None:
    old = tmp_path / "old.crp"
    before = finished(run, old)
    watched = Path(shutil.copytree(old, tmp_path / "watched.crp"))
    allowed = versions(longer, watched)
    expected = contents(watched)
    for name, content in before.items():
        allowed.setdefault(name, set()).add(content)

    for number, system in enumerate(failures("before")):
        path = Path(shutil.copytree(old, tmp_path / f"{number}.crp"))
        try:
            with system.running():
                longer.go_on(path)
        except Killed:
            pass
        assert_none_is_torn(path, allowed)
        with another_process():
            longer.go_on(path)
        assert contents(path) == expected


@pytest.mark.parametrize(
    "name",
    ["ENOSPC", pytest.param("EIO", marks=_slow), pytest.param("EDQUOT", marks=_slow)],
)
def test_an_error_of_any_call_names_its_path_and_the_run_goes_on(
    name: str, tmp_path: Path
) -> None:
    expected = finished(RUN, tmp_path / "whole.crp")
    allowed = versions(RUN, tmp_path / "watched.crp")
    code = getattr(errno, name)
    told = 0

    for number, system in enumerate(failures("error", code=code)):
        path = tmp_path / f"{number}.crp"
        message = refused(RUN, path, system)
        # A leftover that cannot be removed is nobody's loss.
        if message:
            told += 1
            assert str(path) in message
            assert os.strerror(code).lower() in message
        assert_none_is_torn(path, allowed)
        with another_process():
            RUN.go_on(path)
        assert contents(path) == expected

    assert told >= 40


def test_a_system_that_writes_half_of_what_it_is_given_changes_nothing(
    tmp_path: Path,
) -> None:
    expected = finished(RUN, tmp_path / "whole.crp")

    with System("half").running():
        RUN.go_on(tmp_path / "half.crp")

    assert contents(tmp_path / "half.crp") == expected


def test_a_disk_that_stays_full_keeps_what_was_finished(tmp_path: Path) -> None:
    path = tmp_path / "run.crp"
    expected = finished(RUN, tmp_path / "whole.crp")

    for at in range(0, 12, 3):
        system = System("error", at, errno.ENOSPC, ("write",))
        message = refused(RUN, path, system)
        assert ("no space left on device" in message) == (system.calls > at)
        problems = check_store(path).problems if contents(path) else ()
        assert {problem.found for problem in problems} <= {"is missing"}
    RUN.go_on(path)

    assert contents(path) == expected
