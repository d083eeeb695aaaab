"""AlphaZero's iterations: self-play, training on it, and a gate in the arena.

The champion plays games against itself. A copy of it learns from the games of the
last iterations and becomes champion if it scores well enough against the old one.
Who makes the games and who guards the gate can be exchanged.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from conceptlrp.networks import BoardNetwork
from conceptlrp.selfplay.game_makers import GameMaker, SearchGames
from conceptlrp.selfplay.gate import ArenaGate, Gate
from conceptlrp.selfplay.identity import network_identity
from conceptlrp.selfplay.iteration_folder import IterationFolder
from conceptlrp.selfplay.iteration_record import Iteration, IterationOptions
from conceptlrp.selfplay.progress import Progress, TrainingOptions
from conceptlrp.selfplay.training import train
from conceptlrp.selfplay.training_set import TrainingSet

_GAMES, _TRAINING, _GATE = range(3)

OnIteration = Callable[[Iteration], None]
OnStage = Callable[[str, int, int], None]


def train_iterations(
    network: BoardNetwork,
    folder: IterationFolder,
    *,
    options: IterationOptions | None = None,
    training: TrainingOptions | None = None,
    games: GameMaker | None = None,
    gate: Gate | None = None,
    on_iteration: OnIteration | None = None,
    on_stage: OnStage | None = None,
) -> tuple[Iteration, ...]:
    """Let a network learn from its own games, iteration after iteration.

    Parameters
    ----------
    network : OthelloNet or ResidualTower
        The first champion; at the end it is the last one.
    folder : IterationFolder
        Where all is kept that the training goes on from after a kill.
    options : IterationOptions, optional
        Iterations, games, window, threshold and seed.
    training : TrainingOptions, optional
        How a candidate learns; each does under a cycle of its own.
    games : callable, optional
        What makes the games; `SearchGames` by default.
    gate : callable, optional
        What compares candidate and champion; `ArenaGate` by default.
    on_iteration : callable, optional
        Called with each iteration that is done.
    on_stage : callable, optional
        Called with the name of a stage, its units done and its units in all.

    Returns
    -------
    tuple of Iteration
        One for each, those before a stop included.

    Raises
    ------
    ValueError
        If patience is asked for: nothing is held out, the gate decides.
    TrainingError
        If the loss becomes nan, or the folder holds another training.
    """
    if training is not None and training.patience is not None:
        message = "patience needs held-out games, iterations have a gate instead"
        raise ValueError(message)
    run = _Run(
        network=network,
        folder=folder,
        options=options or IterationOptions(),
        training=training or TrainingOptions(),
        games=games or SearchGames(),
        gate=gate or ArenaGate(),
        report=on_stage or (lambda _stage, _done, _total: None),
    )
    done = [Iteration(**row) for row in folder.begin(run.identity)]
    if done:
        _copy(folder.champion(), network)
    for number in range(len(done) + 1, run.options.iterations + 1):
        done.append(run.iterate(number, done[-1].samples if done else 0))
        folder.commit(done, network, run.options.window)
        if on_iteration is not None:
            on_iteration(done[-1])
    network.eval()
    return tuple(done)


@dataclass(frozen=True)
class _Run:
    """All that iterations have in common."""

    network: BoardNetwork
    folder: IterationFolder
    options: IterationOptions
    training: TrainingOptions
    games: GameMaker
    gate: Gate
    report: OnStage

    @property
    def identity(self) -> dict[str, Any]:
        """What the result depends on, by name."""
        said = {**asdict(self.training), **asdict(self.options)}
        # More of the same is no other training.
        said.pop("iterations")
        said |= {"games from": _name(self.games), "gate": _name(self.gate)}
        return said | network_identity(self.network)

    def iterate(self, number: int, samples: int) -> Iteration:
        """Play, learn and compare once; the network is champion before and after."""
        started = time.perf_counter()
        own = self._own_games(number)
        parts = [*self.folder.games_before(number, self.options.window), own]
        learned = TrainingSet.concatenate(parts)
        candidate = copy.deepcopy(self.network)
        point = self._learn(number, candidate, learned)
        score = self._compare(number, candidate)
        accepted = score >= self.options.threshold
        if accepted:
            _copy(candidate, self.network)
        return Iteration(
            number=number,
            examples=len(own),
            learned=len(learned),
            samples=samples + point.samples,
            policy_loss=point.policy_loss,
            value_loss=point.value_loss,
            score=score,
            accepted=accepted,
            seconds=time.perf_counter() - started,
        )

    def _own_games(self, number: int) -> TrainingSet:
        """Return the games of an iteration; after a kill they may be there already."""
        kept = self.folder.games(number)
        if kept is not None:
            return kept
        stage, n = f"iteration {number}: games", self.options.games
        self.report(stage, 0, n)
        seed = self.options.seed_of(number, _GAMES)
        made = self.games(self.network, n, seed=seed)
        self.folder.save_games(number, made)
        self.report(stage, n, n)
        return made

    def _learn(
        self, number: int, candidate: BoardNetwork, learned: TrainingSet
    ) -> Progress:
        stage = f"iteration {number}: training"
        seed = self.options.seed_of(number, _TRAINING)
        with self.folder.training() as folder:
            record = train(
                candidate,
                learned,
                options=replace(self.training, seed=seed),
                folder=folder,
                on_step=lambda done, total: self.report(stage, done, total),
            )
        return record.curve[-1]

    def _compare(self, number: int, candidate: BoardNetwork) -> float:
        stage = f"iteration {number}: gate"
        self.report(stage, 0, 1)
        seed = self.options.seed_of(number, _GATE)
        score = self.gate(candidate, self.network, seed=seed)
        self.report(stage, 1, 1)
        return score


def _copy(source: BoardNetwork, target: BoardNetwork) -> None:
    """Give a network the weights of another, wherever it is."""
    target.load_state_dict(source.state_dict())


def _name(part: object) -> str:
    """Name a function, or an object with its options."""
    return str(getattr(part, "__qualname__", part))
