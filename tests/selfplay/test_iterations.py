"""AlphaZero's iterations, with networks and games as small as can be."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conceptlrp.errors import CheckpointError, OutputExistsError, TrainingError
from conceptlrp.networks import BoardNetwork, ResidualTower, network_digest
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay import (
    IterationOptions,
    MatchResult,
    RunFolder,
    SearchOptions,
    SearchPlayer,
    SelfPlayOptions,
    TrainingOptions,
    iterations,
    train_iterations,
)
from conceptlrp.selfplay.iterations import Iteration

SELF_PLAY = SelfPlayOptions(
    search=SearchOptions(simulations=2, noise=0.25), opening_plies=16, together=4
)
OPTIONS = IterationOptions(
    iterations=3, games=4, window=2, self_play=SELF_PLAY, gate_threshold=0.5
)
ONE = replace(OPTIONS, iterations=1)
TRAINING = TrainingOptions(epochs=1, batch_size=16, points=4)


class KilledError(Exception):
    """Stands for a process that is gone: nothing can be saved any more."""


@dataclass
class Arena:
    """Gives these scores one after the other, by the seeds it meets."""

    scores: tuple[float, ...]
    killed_at: int = 0
    seen: list[int] = field(default_factory=list)

    def __call__(
        self, candidate: SearchPlayer, champion: SearchPlayer, **options: int
    ) -> MatchResult:
        assert candidate is not champion
        known = [OPTIONS.seed_of(number, 2) for number in range(1, 10)]
        self.seen.append(options["seed"])
        if len(self.seen) == self.killed_at:
            raise KilledError
        wins = round(100 * self.scores[known.index(options["seed"])])
        return MatchResult(wins=wins, draws=0, losses=100 - wins, wiped_out=0)


def new_network(size: int = 6) -> ResidualTower:
    torch.manual_seed(0)
    return ResidualTower(channels=2, blocks=1, size=size, value_units=4)


def run(
    path: Path,
    network: BoardNetwork,
    *,
    arena: Arena | None = None,
    resume: bool = False,
    options: IterationOptions = OPTIONS,
    training: TrainingOptions = TRAINING,
    on_progress: OnProgress | None = None,
) -> tuple[Iteration, ...]:
    with (
        pytest.MonkeyPatch.context() as patch,
        RunFolder(path, resume=resume) as folder,
    ):
        patch.setattr(iterations, "match", arena or Arena((1, 0, 1, 0, 1)))
        return train_iterations(
            network,
            folder,
            options=options,
            training=training,
            on_progress=on_progress,
        )


def killed_at(stage: str, units: int) -> OnProgress:
    def on_progress(found: str, done: int, _total: int) -> None:
        if found == stage and done >= units:
            raise KilledError

    return on_progress


def told(iterations: tuple[Iteration, ...]) -> list[Iteration]:
    return [replace(each, seconds=0) for each in iterations]


def test_only_candidates_that_reach_the_threshold_become_champion(
    tmp_path: Path,
) -> None:
    network, never = new_network(), new_network()
    before = network_digest(never)

    done = run(tmp_path / "some", network, arena=Arena((0.5, 0.49, 1)))
    none = run(tmp_path / "none", never, arena=Arena((0.4,)), options=ONE)

    assert [each.accepted for each in done] == [True, False, True]
    assert [each.accepted for each in none] == [False]
    assert network_digest(never) == before != network_digest(network)


def test_the_window_holds_the_games_of_the_last_iterations(tmp_path: Path) -> None:
    done = run(tmp_path / "run", new_network())

    new = [each.examples for each in done]
    learned = [each.learned for each in done]
    assert learned == [new[0], new[0] + new[1], new[1] + new[2]]
    shown = [n // 16 * 16 for n in learned]
    assert [each.samples for each in done] == np.cumsum(shown).tolist()


def test_every_stage_has_a_seed_of_its_own() -> None:
    seeds = [OPTIONS.seed_of(n, stage) for n in range(1, 5) for stage in range(3)]

    assert len(set(seeds)) == 12


@pytest.fixture(scope="module")
def never_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, list[Iteration]]:
    """Digest and iterations of a run that is not killed."""
    network = new_network()
    done = run(tmp_path_factory.mktemp("whole") / "run", network)
    return network_digest(network), told(done)


@pytest.mark.parametrize(
    ("stage", "units"), [("games", 1), ("training", 48), ("arena", 0)]
)
def test_iterations_killed_in_any_stage_end_with_the_same_weights(
    stage: str, units: int, tmp_path: Path, never_killed: tuple[str, list[Iteration]]
) -> None:
    killed, resumed = new_network(), new_network()
    arena = Arena((1, 0, 1), killed_at=2 if stage == "arena" else 0)
    kill = killed_at(f"iteration 2: {stage}", units)

    with pytest.raises(KilledError):
        run(tmp_path / "run", killed, arena=arena, on_progress=kill)
    seen: list[tuple[str, int]] = []
    done = run(
        tmp_path / "run",
        resumed,
        resume=True,
        on_progress=lambda stage, done, _total: seen.append((stage, done)),
    )

    assert (network_digest(resumed), told(done)) == never_killed
    # What was done before the kill is not done again.
    stages = [stage for stage, _ in seen]
    assert "iteration 1: games" not in stages
    assert ("iteration 2: games" in stages) == (stage == "games")
    assert ("iteration 2: training" in stages) == (stage != "arena")
    shown = [done for name, done in seen if name == "iteration 2: training"]
    assert stage != "training" or shown[0] > 32


def test_a_finished_run_goes_on_with_more_iterations(
    tmp_path: Path, never_killed: tuple[str, list[Iteration]]
) -> None:
    more = new_network()
    run(tmp_path / "run", new_network(), options=ONE)

    done = run(tmp_path / "run", more, resume=True)

    assert (network_digest(more), told(done)) == never_killed


def test_resuming_with_other_options_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run", new_network(), options=ONE)

    for change, message in (
        ({"games": 5}, "begun with games 4, resumed with 5"),
        ({"self_play": replace(SELF_PLAY, search=None)}, "begun with self_play "),
    ):
        options = replace(ONE, **change)
        with pytest.raises(TrainingError, match=message):
            run(tmp_path / "run", new_network(), resume=True, options=options)


def test_only_what_later_iterations_need_is_kept(tmp_path: Path) -> None:
    run(tmp_path / "run", new_network(), training=replace(TRAINING, snapshots=2))

    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == [
        "champion-0003.safetensors",
        "curve.csv",
        "curve.svg",
        "games-0003.jsonl",
        "run.json",
        "snapshots",
    ]
    snapshots = sorted((tmp_path / "run" / "snapshots").iterdir())
    headers = [read_header(file)["training"] for file in snapshots]
    assert [len(header["iterations"]) for header in headers] == [1, 2]
    assert headers[0]["samples"] < headers[1]["samples"]


def test_the_csv_has_a_line_for_each_iteration(tmp_path: Path) -> None:
    done = run(tmp_path / "run", new_network(), options=replace(OPTIONS, iterations=2))

    lines = (tmp_path / "run" / "curve.csv").read_text().splitlines()
    assert lines[0].startswith("number,examples,learned,samples,policy_loss")
    assert len(lines) == 3
    assert lines[1].startswith(f"1,{done[0].examples},{done[0].learned},")


@pytest.mark.parametrize("search", [None, SearchOptions(simulations=2)])
def test_networks_meet_in_the_arena_as_they_play(
    search: SearchOptions | None, tmp_path: Path
) -> None:
    network = new_network()
    options = IterationOptions(
        iterations=1,
        games=2,
        self_play=SelfPlayOptions(search=search, temperature_moves=None),
        gate_games=2,
    )
    with RunFolder(tmp_path / "run") as folder:
        done = train_iterations(
            network,
            folder,
            options=options,
            training=replace(TRAINING, batch_size=16),
        )

    assert 0 <= done[0].score <= 1
    # Six random moves at the start of a game are not learned.
    assert 2 * 15 < done[0].examples <= 2 * 26
    assert not network.training


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run", new_network(), options=ONE)
    (tmp_path / "run" / "run.json").write_text("{")

    with pytest.raises(CheckpointError, match=r"run\.json: is damaged"):
        run(tmp_path / "run", new_network(), resume=True)


def test_a_place_that_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("text")
    run(tmp_path / "run", new_network(), options=ONE)

    with pytest.raises(OutputExistsError, match="holds a training; resume it"):
        RunFolder(tmp_path / "run")
    for options in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputExistsError, match="is no training's folder"):
            RunFolder(tmp_path / "thesis", **options)


def test_an_error_before_the_first_champion_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fewer than one batch of 5000"):
        run(
            tmp_path / "run",
            new_network(),
            training=replace(TRAINING, batch_size=5000),
        )

    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_games_that_were_played(tmp_path: Path) -> None:
    def press(stage: str, done: int, total: int) -> None:
        if stage == "iteration 1: training":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", new_network(), on_progress=press)
    seen: list[str] = []
    run(
        tmp_path / "run",
        new_network(),
        resume=True,
        on_progress=lambda stage, _done, _total: seen.append(stage),
    )

    assert "iteration 1: games" not in seen
    assert "iteration 2: games" in seen


WRONG = {
    "iterations": (0, "iterations is 0, expected at least 1"),
    "games": (0, "games is 0, expected at least 1"),
    "window": (0, "window is 0, expected at least 1"),
    "gate_games": (3, "gate_games is 3, expected an even number"),
    "gate_threshold": (1.1, "gate_threshold is 1.1, expected a number from 0 to 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_option_that_makes_no_sense_is_refused(name: str) -> None:
    value, message = WRONG[name]

    with pytest.raises(ValueError, match=message):
        IterationOptions(**{name: value})


def test_patience_is_refused(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path / "run") as folder,
        pytest.raises(ValueError, match="iterations have the arena instead"),
    ):
        train_iterations(new_network(), folder, training=TrainingOptions(patience=2))
