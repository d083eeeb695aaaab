"""AlphaZero's iterations, with networks and games as small as can be."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conceptlrp.errors import CheckpointError, OutputExistsError, TrainingError
from conceptlrp.networks import BoardNetwork, ResidualTower, network_digest
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import (
    ArenaGate,
    Iteration,
    IterationFolder,
    IterationOptions,
    RandomPlayer,
    TrainingOptions,
    TrainingSet,
    play_games,
    train_iterations,
)

OPTIONS = IterationOptions(iterations=3, games=4, window=2, threshold=0.5)
TRAINING = TrainingOptions(epochs=1, batch_size=32, points=1)


class KilledError(Exception):
    """Stands for a process that is gone: nothing can be saved any more."""


@dataclass
class Games:
    """Random games as visit counts, without asking the network."""

    played: list[int] = field(default_factory=list)
    die_at: int = 0

    def __call__(
        self, network: BoardNetwork, n_games: int, *, seed: int
    ) -> TrainingSet:
        self.played.append(seed)
        if len(self.played) == self.die_at:
            raise KilledError
        player = RandomPlayer(network.size)
        games = play_games(player, player, n=n_games, seed=seed)
        known = TrainingSet.from_corpus(Corpus.from_games(games))
        visits = known.probabilities * 3 + 1
        return TrainingSet.from_visits(
            known.own, known.opponent, visits, known.outcome, size=known.size
        )

    def __str__(self) -> str:
        return "random games"


@dataclass
class Scores:
    """A gate that gives these scores one after the other, by the seeds it meets."""

    scores: tuple[float, ...]
    seen: list[int] = field(default_factory=list)
    die_at: int = 0

    def __call__(
        self, candidate: BoardNetwork, champion: BoardNetwork, *, seed: int
    ) -> float:
        assert network_digest(candidate) != network_digest(champion)
        if self.die_at and len(self.seen) + 1 == self.die_at:
            raise KilledError
        self.seen.append(seed)
        known = [OPTIONS.seed_of(number, 2) for number in range(1, 10)]
        return self.scores[known.index(seed)]

    def __str__(self) -> str:
        return "given scores"


def new_network(size: int = 6) -> ResidualTower:
    torch.manual_seed(0)
    return ResidualTower(channels=2, blocks=1, size=size, value_units=4)


def run(
    path: Path,
    network: BoardNetwork,
    *,
    scores: tuple[float, ...] = (1, 0, 1, 0, 1),
    resume: bool = False,
    options: IterationOptions = OPTIONS,
    games: Games | None = None,
    gate: Scores | None = None,
    snapshots: tuple[int, ...] = (),
) -> tuple[Iteration, ...]:
    with IterationFolder(path, resume=resume, steps=3, snapshots=snapshots) as folder:
        return train_iterations(
            network,
            folder,
            options=options,
            training=TRAINING,
            games=games or Games(),
            gate=gate or Scores(scores),
        )


def told(iterations: tuple[Iteration, ...]) -> list[Iteration]:
    return [replace(each, seconds=0) for each in iterations]


def test_only_candidates_that_reach_the_threshold_become_champion(
    tmp_path: Path,
) -> None:
    network, never = new_network(), new_network()
    before = network_digest(never)

    done = run(tmp_path / "some", network, scores=(0.5, 0.49, 1))
    none = run(tmp_path / "none", never, scores=(0.4, 0, 0.1))

    assert [each.accepted for each in done] == [True, False, True]
    assert [each.accepted for each in none] == [False] * 3
    assert network_digest(never) == before != network_digest(network)


def test_the_window_holds_the_games_of_the_last_iterations(tmp_path: Path) -> None:
    done = run(tmp_path / "run", new_network())

    new = [each.examples for each in done]
    learned = [each.learned for each in done]
    assert learned == [new[0], new[0] + new[1], new[1] + new[2]]
    shown = [n // 32 * 32 for n in learned]
    assert [each.samples for each in done] == np.cumsum(shown).tolist()


def test_every_stage_has_a_seed_of_its_own() -> None:
    seeds = [OPTIONS.seed_of(n, stage) for n in range(1, 5) for stage in range(3)]

    assert len(set(seeds)) == 12


@pytest.mark.parametrize("stage", ["games", "training", "gate"])
def test_iterations_killed_in_any_stage_end_with_the_same_weights(
    stage: str, tmp_path: Path
) -> None:
    whole, killed, resumed = new_network(), new_network(), new_network()
    expected = run(tmp_path / "whole", whole)
    games = Games(die_at=2 if stage == "games" else 0)
    gate = Scores((1, 0, 1), die_at=2 if stage == "gate" else 0)

    with pytest.MonkeyPatch.context() as patch:
        if stage == "training":
            patch.setattr("conceptlrp.selfplay.loop._seed_dropout", _dies_at(8))
        with pytest.raises(KilledError):
            run(tmp_path / "run", killed, games=games, gate=gate)
    again = Games()
    done = run(tmp_path / "run", resumed, resume=True, games=again)

    assert network_digest(resumed) == network_digest(whole)
    assert told(done) == told(expected)
    # What was played before the kill is not played again.
    assert len(again.played) == {"games": 2, "training": 1, "gate": 1}[stage]


def _dies_at(calls: int) -> object:
    count = iter(range(calls))

    def seed_dropout(seed: int, step: int) -> None:
        if next(count, None) is None:
            raise KilledError
        torch.manual_seed(seed + step)

    return seed_dropout


def test_a_finished_run_goes_on_with_more_iterations(tmp_path: Path) -> None:
    whole, more = new_network(), new_network()
    expected = run(tmp_path / "whole", whole, options=replace(OPTIONS, iterations=4))
    run(tmp_path / "run", new_network())

    options = replace(OPTIONS, iterations=4)
    done = run(tmp_path / "run", more, options=options, resume=True)

    assert network_digest(more) == network_digest(whole)
    assert told(done) == told(expected)


def test_resuming_with_other_options_or_parts_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run", new_network())

    with pytest.raises(TrainingError, match="begun with games 4, resumed with 5"):
        run(
            tmp_path / "run",
            new_network(),
            resume=True,
            options=replace(OPTIONS, games=5),
        )
    with (
        IterationFolder(tmp_path / "run", resume=True) as folder,
        pytest.raises(TrainingError, match="begun with games from random games"),
    ):
        train_iterations(new_network(), folder, options=OPTIONS, training=TRAINING)


def test_only_what_later_iterations_need_is_kept(tmp_path: Path) -> None:
    run(tmp_path / "run", new_network(), snapshots=(1, 2))

    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == [
        "champion-0003.safetensors",
        "curve.svg",
        "games-0003.safetensors",
        "iterations.csv",
        "iterations.json",
        "snapshots",
    ]
    snapshots = sorted((tmp_path / "run" / "snapshots").iterdir())
    headers = [read_header(file)["training"] for file in snapshots]
    assert [len(header["iterations"]) for header in headers] == [1, 2]
    assert headers[0]["samples"] < headers[1]["samples"]


def test_the_csv_has_a_line_for_each_iteration(tmp_path: Path) -> None:
    done = run(tmp_path / "run", new_network())

    lines = (tmp_path / "run" / "iterations.csv").read_text().splitlines()
    assert lines[0].startswith("number,examples,learned,samples,policy_loss")
    assert len(lines) == 4
    assert lines[1].startswith(f"1,{done[0].examples},{done[0].learned},")


def test_games_with_search_and_a_match_are_the_default(tmp_path: Path) -> None:
    network = new_network()
    with IterationFolder(tmp_path / "run") as folder:
        done = train_iterations(
            network,
            folder,
            options=replace(OPTIONS, iterations=1, games=2),
            training=replace(TRAINING, batch_size=16),
            gate=ArenaGate(games=2),
        )

    assert 0 <= done[0].score <= 1
    # Six random moves at the start of a game are not learned.
    assert 2 * 15 < done[0].examples <= 2 * 26
    assert not network.training


def test_damaged_games_are_refused(tmp_path: Path) -> None:
    run(tmp_path / "run", new_network())
    file = tmp_path / "run" / "games-0003.safetensors"
    file.write_bytes(file.read_bytes()[:-9])

    with pytest.raises(CheckpointError, match="is damaged or holds no games"):
        run(
            tmp_path / "run",
            new_network(),
            resume=True,
            options=replace(OPTIONS, iterations=4),
        )


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run", new_network())
    (tmp_path / "run" / "iterations.json").write_text("{")

    with pytest.raises(CheckpointError, match=r"iterations\.json: is damaged"):
        run(tmp_path / "run", new_network(), resume=True)


def test_a_place_that_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    run(tmp_path / "run", new_network(), options=replace(OPTIONS, iterations=1))

    with pytest.raises(OutputExistsError, match="already exists; resume it"):
        IterationFolder(tmp_path / "run")
    with pytest.raises(OutputExistsError, match="is no training's folder"):
        IterationFolder(tmp_path / "thesis", overwrite=True)
    with pytest.raises(TrainingError, match="no iterations to resume"):
        IterationFolder(tmp_path / "thesis", resume=True)


def test_an_error_before_the_first_games_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        run(tmp_path / "run", new_network(), games=Games(die_at=1))

    assert list(tmp_path.iterdir()) == []


def test_too_few_games_for_a_batch_leave_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="fewer than one batch of 5000"),
        IterationFolder(tmp_path / "run") as folder,
    ):
        train_iterations(
            new_network(),
            folder,
            options=OPTIONS,
            training=replace(TRAINING, batch_size=5000),
            games=Games(),
        )

    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_games_that_were_played(tmp_path: Path) -> None:
    def press(stage: str, done: int, total: int) -> None:
        if stage == "iteration 1: games" and done == total:
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        IterationFolder(tmp_path / "run") as folder,
    ):
        train_iterations(
            new_network(),
            folder,
            options=OPTIONS,
            training=TRAINING,
            games=Games(),
            gate=Scores((0, 0, 0)),
            on_stage=press,
        )
    again = Games()
    run(tmp_path / "run", new_network(), resume=True, games=again)

    assert len(again.played) == 2


WRONG = {
    "iterations": (0, "iterations is 0, expected at least 1"),
    "games": (0, "games is 0, expected at least 1"),
    "window": (0, "window is 0, expected at least 1"),
    "threshold": (1.1, "threshold is 1.1, expected a number from 0 to 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_option_that_makes_no_sense_is_refused(name: str) -> None:
    value, message = WRONG[name]

    with pytest.raises(ValueError, match=message):
        IterationOptions(**{name: value})


def test_patience_is_refused(tmp_path: Path) -> None:
    with (
        IterationFolder(tmp_path / "run") as folder,
        pytest.raises(ValueError, match="iterations have a gate instead"),
    ):
        train_iterations(new_network(), folder, training=TrainingOptions(patience=2))
