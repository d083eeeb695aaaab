"""Every verb that writes leaves the old output or the new one, whatever fails."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from conceptlrp.errors import OutputExistsError
from conceptlrp.store import Store
from tests.store.verbs import FAULTS, LACKING, Trial, make_store, verbs

#: Those that are quick enough to be failed at every run of the tests.
QUICK = ("corpus", "derived: columns", "figure: .png", "report --out", "export: npz")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("verbs"))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    # What a library opens, it may not close when the process dies.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def wrong(trial: Trial, *, step: int, most: int) -> list[str]:
    outcomes = [trial.lack(what) for what in LACKING]
    outcomes += [trial.run(what, step=step, most=most) for what in FAULTS]
    assert all(each.tried for each in outcomes)
    return [f"{each.what}: {text}" for each in outcomes for text in each.wrong]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", QUICK)
def test_a_failure_leaves_the_old_output_or_the_new_one(
    name: str, store: Store, tmp_path: Path
) -> None:
    (verb,) = (each for each in verbs(store) if each.name == name)
    (tmp_path / "here").mkdir()

    trial = Trial(verb, tmp_path / "here", store.path)

    assert wrong(trial, step=4, most=2) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_whatever_fails_of_any_verb_leaves_the_old_output_or_the_new_one(
    store: Store, tmp_path: Path
) -> None:
    found = {}
    for number, verb in enumerate(verbs(store)):
        (tmp_path / str(number)).mkdir()
        trial = Trial(verb, tmp_path / str(number), store.path)
        found[verb.name] = wrong(trial, step=5, most=2)

    assert {name: each for name, each in found.items() if each} == {}


#: What others may well call in their own files.
THEIRS = (
    b'{"graph": {}, "nodes": [{"id": "a"}], "rows": [1], "README": "of conceptlrp"}',
    b"anna\tbert\t1999\tf5d6\nthoughts on the games of conceptlrp\n",
    b"<graphml><node id='a'/></graphml> <!-- drawn beside conceptlrp -->",
    b'{"graph": {"conceptlrp": "1.0"}, "nodes": [], "edges": []}',
    b"<svg><title>conceptlrp</title><desc>Creator: conceptlrp</desc></svg>",
    b"<!doctype html><title>conceptlrp</title><p>Made by conceptlrp: see atlas.json",
    b"%PDF-1.4 (conceptlrp) /Creator (somebody) /Title (conceptlrp)",
    b"\x89PNG\r\n\x1a\n tEXtSoftware\0GIMP tEXtComment\0conceptlrp",
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_verb_replaces_a_file_that_is_like_its_own(
    store: Store, tmp_path: Path
) -> None:
    replaced = []
    for number, verb in enumerate(verbs(store)):
        place = tmp_path / str(number) / f"out{verb.ending}"
        if verb.is_store or verb.ending == ".crp":
            continue
        place.parent.mkdir()
        for theirs in THEIRS:
            place.write_bytes(theirs)
            with contextlib.suppress(OutputExistsError):
                verb.write(place, 1)
            if place.read_bytes() != theirs:
                replaced.append(verb.name)

    assert replaced == []
