"""A training that was stopped goes on as if it had not been."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conceptlrp.errors import CheckpointError, OutputExistsError, TrainingError
from conceptlrp.files import hidden_name
from conceptlrp.networks import BoardNetwork, OthelloNet, ResidualTower, network_digest
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import (
    RunFolder,
    TrainingOptions,
    TrainingRecord,
    TrainingSet,
    train,
    training,
)
from conceptlrp.selfplay.training_set import hold_out

OPTIONS = TrainingOptions(
    epochs=0.8, batch_size=64, learning_rate=5e-3, points=6, snapshots=2
)


class KilledError(Exception):
    """Stands for a process that is gone: nothing can be saved any more."""


def new_network(kind: str = "tower") -> BoardNetwork:
    torch.manual_seed(1)
    if kind == "tower":
        return ResidualTower(channels=3, blocks=1, planes=2, value_units=4)
    return OthelloNet(2, dropout=0.4 if kind == "dropout" else 0.0)


def killed_after(steps: int) -> Callable[[str, int, int], None]:
    def on_progress(_stage: str, samples: int, _total: int) -> None:
        if samples == 64 * steps:
            raise KilledError

    return on_progress


def kill(network: BoardNetwork, corpus: Corpus, path: Path, steps: int = 23) -> None:
    """Train until a kill; there is a checkpoint every 5 steps."""
    with pytest.raises(KilledError), RunFolder(path) as folder:
        train(
            network,
            corpus,
            options=OPTIONS,
            folder=folder,
            on_progress=killed_after(steps),
        )


def points(record: TrainingRecord) -> list[object]:
    return [replace(point, seconds=0) for point in record.curve]


@pytest.mark.parametrize(
    ("kind", "steps", "patience", "minutes"),
    [
        ("dropout", 12, 6, 2),
        ("tower", 23, None, 2),
        # A checkpoint after each step, amid the losses of a point.
        ("dropout", 8, 6, 0),
        ("tower", 8, None, 0),
    ],
)
def test_a_killed_training_ends_with_the_same_weights(
    kind: str,
    steps: int,
    patience: int | None,
    minutes: float,
    random_corpus: Corpus,
    tmp_path: Path,
) -> None:
    learned, tested = hold_out(random_corpus, share=0.1)
    whole, network = new_network(kind), new_network(kind)
    options = replace(OPTIONS, patience=patience)
    data = {"validation": tested, "options": options}
    expected = train(whole, learned, **data)
    with (
        pytest.raises(KilledError),
        RunFolder(tmp_path / "run", checkpoint_minutes=minutes) as folder,
    ):
        train(network, learned, folder=folder, on_progress=killed_after(steps), **data)

    resumed = new_network(kind)
    with RunFolder(tmp_path / "run", resume=True) as folder:
        record = train(resumed, learned, folder=folder, **data)

    assert network_digest(resumed) == network_digest(whole)
    assert points(record) == points(expected)
    assert record.kept == expected.kept


def test_visit_counts_are_learned_and_resumed_too(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    sparse = TrainingSet.from_corpus(random_corpus)
    visits = np.eye(sparse.actions)[sparse.policy] * 7 + 1
    policy = visits / visits.sum(axis=1, keepdims=True)
    dense = TrainingSet(sparse.own, sparse.opponent, policy, sparse.outcome)
    whole, resumed = new_network(), new_network()
    train(whole, dense, options=OPTIONS)
    data = {"options": OPTIONS, "on_progress": killed_after(15)}
    with pytest.raises(KilledError), RunFolder(tmp_path / "run") as folder:
        train(new_network(), dense, folder=folder, **data)

    with RunFolder(tmp_path / "run", resume=True) as folder:
        train(resumed, dense, options=OPTIONS, folder=folder)

    assert network_digest(resumed) == network_digest(whole)


def test_a_training_killed_at_its_end_only_finishes(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    network, resumed = new_network(), new_network()
    with RunFolder(tmp_path / "run") as folder:
        record = train(network, random_corpus, options=OPTIONS, folder=folder)

    steps: list[int] = []
    with RunFolder(tmp_path / "run", resume=True) as folder:
        again = train(
            resumed,
            random_corpus,
            options=OPTIONS,
            folder=folder,
            on_progress=lambda _stage, done, _total: steps.append(done),
        )

    assert network_digest(resumed) == network_digest(network)
    assert points(again) == points(record)
    assert steps == []


@pytest.fixture(scope="module")
def whole(random_corpus: Corpus) -> str:
    """Digest of what a training ends with that is not stopped."""
    network = new_network()
    train(network, random_corpus, options=OPTIONS)
    return network_digest(network)


def killed(*_arguments: object, **_options: object) -> None:
    raise KilledError


def leave(moment: str, corpus: Corpus, path: Path) -> None:
    """Leave what a training has made when it is killed at a moment."""
    if moment == "before anything":
        return
    if moment in ("empty folder", "half a state"):
        path.mkdir()
        if moment == "half a state":
            (path / hidden_name("run.json")).write_text("{")
        return
    if moment == "between two steps":
        kill(new_network(), corpus, path)
        return
    overwrite = moment == "while it replaces another"
    if overwrite:
        kill(new_network(), corpus, path)
    name = "_write_state" if overwrite else "save_checkpoint"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, name, killed)
        # Not as a context: a process that is killed tidies nothing up.
        folder = RunFolder(path, overwrite=overwrite)
        with pytest.raises(KilledError):
            train(new_network(), corpus, options=OPTIONS, folder=folder)
    assert [file.name for file in path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("again", ["resume", "overwrite"])
@pytest.mark.parametrize(
    "moment",
    [
        "before anything",
        "empty folder",
        "half a state",
        "before the first checkpoint",
        "while it replaces another",
        "between two steps",
    ],
)
def test_a_training_killed_at_any_moment_is_not_stuck(
    moment: str, again: str, whole: str, random_corpus: Corpus, tmp_path: Path
) -> None:
    network = new_network()
    leave(moment, random_corpus, tmp_path / "run")

    with RunFolder(tmp_path / "run", **{again: True}) as folder:
        train(network, random_corpus, options=OPTIONS, folder=folder)

    assert network_digest(network) == whole


def test_a_finished_training_is_not_resumed(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    with RunFolder(tmp_path / "run") as folder:
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)
        folder.discard_checkpoint()

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(TrainingError, match="the training is finished"),
    ):
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)


OTHERS = {
    "batch_size": ({"batch_size": 32}, "batch_size 64, resumed with 32"),
    "epochs": ({"epochs": 2.0}, "epochs 0.8, resumed with 2.0"),
    "seed": ({"seed": 3}, "seed 0, resumed with 3"),
}


@pytest.mark.parametrize(("change", "message"), OTHERS.values(), ids=OTHERS)
def test_resuming_with_another_option_is_refused(
    change: dict[str, float], message: str, random_corpus: Corpus, tmp_path: Path
) -> None:
    kill(new_network(), random_corpus, tmp_path / "run")
    options = replace(OPTIONS, **change)

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(TrainingError, match=message),
    ):
        train(new_network(), random_corpus, options=options, folder=folder)

    assert folder.has_checkpoint


def test_resuming_with_another_corpus_network_or_version_is_refused(
    random_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(new_network("dropout"), random_corpus, tmp_path / "run")

    def refused(network: BoardNetwork, corpus: Corpus, message: str) -> None:
        with (
            RunFolder(tmp_path / "run", resume=True) as folder,
            pytest.raises(TrainingError, match=message),
        ):
            train(network, corpus, options=OPTIONS, folder=folder)

    refused(new_network("dropout"), random_corpus[1:], "begun with positions [0-9]+ ")
    refused(new_network("tower"), random_corpus, "architecture {'name': 'OthelloNet'")
    refused(new_network("plain"), random_corpus, r"dropout \[0.4, 0.4\], resumed")
    torch.manual_seed(2)
    refused(OthelloNet(2, dropout=0.4), random_corpus, "initial weights")
    monkeypatch.setattr(training, "VERSION", 0)
    refused(
        new_network("dropout"),
        random_corpus,
        r"version of the training \d+, resumed with 0",
    )


def test_a_folder_with_an_unfinished_training_is_not_begun_anew(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    kill(new_network(), random_corpus, tmp_path / "run")

    with pytest.raises(OutputExistsError, match="holds a training; resume it"):
        RunFolder(tmp_path / "run")

    with RunFolder(tmp_path / "run", overwrite=True) as folder:
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("text")

    with pytest.raises(OutputExistsError, match="is no training's folder"):
        RunFolder(tmp_path / "thesis", overwrite=True)


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_damaged_checkpoint_is_refused(
    keep: int, random_corpus: Corpus, tmp_path: Path
) -> None:
    kill(new_network(), random_corpus, tmp_path / "run")
    file = tmp_path / "run" / "checkpoint.pt"
    file.write_bytes(file.read_bytes()[:keep])

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(CheckpointError, match="is damaged or no training's checkpoint"),
    ):
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)


@pytest.mark.parametrize("content", [{}, {"network": {}}, []])
def test_what_is_no_checkpoint_is_refused(
    content: object, random_corpus: Corpus, tmp_path: Path
) -> None:
    kill(new_network(), random_corpus, tmp_path / "run")
    torch.save(content, tmp_path / "run" / "checkpoint.pt")

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(CheckpointError, match="no training's checkpoint"),
    ):
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    options = replace(OPTIONS, learning_rate=1e30)

    with (
        pytest.raises(TrainingError, match=r"not finite.*the last checkpoint"),
        RunFolder(tmp_path / "run", checkpoint_minutes=0) as folder,
    ):
        train(new_network(), random_corpus, options=options, folder=folder)

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(TrainingError, match=r"resumed with 0\.005"),
    ):
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)
    found = folder.load_checkpoint()
    assert found is not None
    assert all(torch.isfinite(each).all() for each in found["network"].values())


def test_an_error_before_the_first_step_leaves_nothing(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    options = replace(OPTIONS, batch_size=100_000)

    with (
        RunFolder(tmp_path / "run") as folder,
        pytest.raises(ValueError, match="fewer than one batch"),
    ):
        train(new_network(), random_corpus, options=options, folder=folder)

    assert list(tmp_path.iterdir()) == []


def test_snapshots_are_networks_of_the_way_with_their_headers(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    options = replace(OPTIONS, snapshots=3)

    with RunFolder(tmp_path / "run") as folder:
        train(new_network(), random_corpus, options=options, folder=folder)

    files = sorted((tmp_path / "run" / "snapshots").iterdir())
    shown = [read_header(file)["training"]["samples"] for file in files]
    steps = round(0.8 * (len(random_corpus) // 64))
    marks = [0.01, 0.0464, 0.215]
    assert shown == sorted(shown)
    assert shown == pytest.approx([64 * steps * mark for mark in marks], abs=64)
    assert [file.stem for file in files] == [f"{n:09d}" for n in shown]


def test_a_resumed_training_writes_the_same_snapshots(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    for name in ("whole", "killed"):
        if name == "killed":
            kill(new_network(), random_corpus, tmp_path / name)
        resume = name == "killed"
        with RunFolder(tmp_path / name, resume=resume) as folder:
            train(new_network(), random_corpus, options=OPTIONS, folder=folder)

    whole, killed = (
        {
            file.name: read_header(file)["digest"]
            for file in (tmp_path / name / "snapshots").iterdir()
        }
        for name in ("whole", "killed")
    )
    assert whole == killed
    assert len(whole) == 2
