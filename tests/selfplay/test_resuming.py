"""A training that was stopped goes on as if it had not been."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conceptlrp.errors import CheckpointError, OutputExistsError, TrainingError
from conceptlrp.networks import BoardNetwork, OthelloNet, ResidualTower, network_digest
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import (
    RunFolder,
    TrainingOptions,
    TrainingRecord,
    TrainingSet,
    hold_out_games,
    identity,
    run_folder,
    train,
)

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


def killed_after(steps: int) -> Callable[[int, int], None]:
    def on_step(samples: int, _total: int) -> None:
        if samples == 64 * steps:
            raise KilledError

    return on_step


def kill(network: BoardNetwork, corpus: Corpus, path: Path, steps: int = 23) -> None:
    """Train until a kill; there is a checkpoint every 10 steps."""
    with pytest.raises(KilledError), RunFolder(path, steps=10) as folder:
        train(
            network,
            corpus,
            options=OPTIONS,
            folder=folder,
            on_step=killed_after(steps),
        )


def points(record: TrainingRecord) -> list[object]:
    return [replace(point, seconds=0) for point in record.curve]


@pytest.mark.parametrize(
    ("kind", "steps", "patience"),
    [("dropout", 12, 6), ("tower", 7, None), ("tower", 23, None), ("tower", 23, 6)],
)
def test_a_killed_training_ends_with_the_same_weights(
    kind: str,
    steps: int,
    patience: int | None,
    random_corpus: Corpus,
    tmp_path: Path,
) -> None:
    learned, tested = hold_out_games(random_corpus, 0.1)
    whole, network = new_network(kind), new_network(kind)
    options = replace(OPTIONS, patience=patience)
    data = {"validation": tested, "options": options}
    expected = train(whole, learned, **data)
    with pytest.raises(KilledError), RunFolder(tmp_path / "run", steps=10) as folder:
        train(network, learned, folder=folder, on_step=killed_after(steps), **data)

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
    visits = sparse.probabilities * 7 + 1
    own, opponent = sparse.own, sparse.opponent
    dense = TrainingSet.from_visits(own, opponent, visits, sparse.outcome)
    whole, resumed = new_network(), new_network()
    train(whole, dense, options=OPTIONS)
    data = {"options": OPTIONS, "on_step": killed_after(15)}
    with pytest.raises(KilledError), RunFolder(tmp_path / "run", steps=10) as folder:
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
            on_step=lambda done, _: steps.append(done),
        )

    assert network_digest(resumed) == network_digest(network)
    assert points(again) == points(record)
    assert steps == []


def test_ctrl_c_stops_between_two_steps_with_a_checkpoint(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    whole, resumed = new_network(), new_network()
    train(whole, random_corpus, options=OPTIONS)

    def press(samples: int, _total: int) -> None:
        if samples == 64 * 13:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path / "run") as folder:
        train(
            new_network(), random_corpus, options=OPTIONS, folder=folder, on_step=press
        )

    assert signal.getsignal(signal.SIGINT) is before
    seen: list[int] = []
    with RunFolder(tmp_path / "run", resume=True) as folder:
        train(
            resumed,
            random_corpus,
            options=OPTIONS,
            folder=folder,
            on_step=lambda done, _: seen.append(done),
        )
    assert seen[0] == 64 * 14
    assert network_digest(resumed) == network_digest(whole)


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


def test_resuming_with_another_corpus_network_or_code_is_refused(
    random_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(new_network("dropout"), random_corpus, tmp_path / "run")

    def refused(network: BoardNetwork, corpus: Corpus, message: str) -> None:
        with (
            RunFolder(tmp_path / "run", resume=True) as folder,
            pytest.raises(TrainingError, match=message),
        ):
            train(network, corpus, options=OPTIONS, folder=folder)

    refused(new_network("dropout"), random_corpus[1:], "begun with corpus [0-9]+ ")
    refused(new_network("tower"), random_corpus, "architecture {'name': 'OthelloNet'")
    refused(new_network("plain"), random_corpus, r"dropout \[0.4, 0.4\], resumed")
    torch.manual_seed(2)
    refused(OthelloNet(2, dropout=0.4), random_corpus, "initial weights")
    monkeypatch.setattr(identity, "_code_digest", lambda: "f" * 64)
    refused(
        new_network("dropout"),
        random_corpus,
        "code .*, resumed with ffff",
    )


def test_a_folder_with_an_unfinished_training_is_not_begun_anew(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    kill(new_network(), random_corpus, tmp_path / "run")

    with pytest.raises(OutputExistsError, match="unfinished training; resume it"):
        RunFolder(tmp_path / "run")

    with RunFolder(tmp_path / "run", overwrite=True) as folder:
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()

    with pytest.raises(OutputExistsError, match="is no training's folder"):
        RunFolder(tmp_path / "thesis", overwrite=True)


def test_without_a_checkpoint_nothing_is_resumed(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training to resume"):
        RunFolder(tmp_path / "run", resume=True)


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_damaged_checkpoint_is_refused(
    keep: int, random_corpus: Corpus, tmp_path: Path
) -> None:
    kill(new_network(), random_corpus, tmp_path / "run")
    file = tmp_path / "run" / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:keep])

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(CheckpointError, match="is damaged or no training's checkpoint"),
    ):
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)


def test_a_network_is_no_checkpoint(random_corpus: Corpus, tmp_path: Path) -> None:
    kill(new_network(), random_corpus, tmp_path / "run")
    snapshot = min((tmp_path / "run" / "snapshots").iterdir())
    snapshot.replace(tmp_path / "run" / "checkpoint.safetensors")

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(CheckpointError, match="format conceptlrp-network, version 1"),
    ):
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(
    random_corpus: Corpus, tmp_path: Path
) -> None:
    options = replace(OPTIONS, learning_rate=1e30)

    with (
        pytest.raises(TrainingError, match=r"not finite.*the last checkpoint"),
        RunFolder(tmp_path / "run", steps=1) as folder,
    ):
        train(new_network(), random_corpus, options=options, folder=folder)

    with (
        RunFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(TrainingError, match=r"resumed with 0\.005"),
    ):
        train(new_network(), random_corpus, options=OPTIONS, folder=folder)
    _, found = run_folder.read_checkpoint(folder.path / "checkpoint.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in found.tensors.values())


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
    options = replace(OPTIONS, snapshots=3, spacing="even")

    with RunFolder(tmp_path / "run") as folder:
        train(new_network(), random_corpus, options=options, folder=folder)

    files = sorted((tmp_path / "run" / "snapshots").iterdir())
    shown = [read_header(file)["training"]["samples"] for file in files]
    steps = round(0.8 * (len(random_corpus) // 64))
    assert shown == sorted(shown)
    assert shown == pytest.approx([64 * steps * k / 4 for k in (1, 2, 3)], abs=64)
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
