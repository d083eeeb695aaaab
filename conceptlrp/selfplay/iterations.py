"""AlphaZero's iterations: self-play, training on it, and an arena that decides.

The champion plays games against itself. A copy of it, the candidate, learns from the
games of the last iterations and becomes champion if it scores well enough against the
old one in the arena.
"""

import copy
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from conceptlrp.errors import CheckpointError, check_least
from conceptlrp.networks import BoardNetwork
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.arena import check_even, match
from conceptlrp.selfplay.players import NetworkPlayer, Player, SearchPlayer
from conceptlrp.selfplay.puct import SearchOptions
from conceptlrp.selfplay.rounds import (
    SelfPlayGames,
    SelfPlayOptions,
    read_self_play,
    self_play,
)
from conceptlrp.selfplay.run_folder import RunFolder
from conceptlrp.selfplay.training import TrainingRun, network_identity
from conceptlrp.selfplay.training_record import TrainingOptions, TrainingPoint
from conceptlrp.selfplay.training_set import TrainingSet

_GAMES, _TRAINING, _ARENA = range(3)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class IterationOptions:
    """Options of `train_iterations`.

    Attributes
    ----------
    iterations : int
        How often to play, learn and compare.
    games : int
        Games of one iteration.
    window : int
        Iterations whose games are learned from, the current one included.
    self_play : SelfPlayOptions
        How the games are played, by default with 50 simulations and noise. The
        visits of the search are learned, without a search the moves.
    gate_games : int
        Games of candidate against champion in the arena, even. Both search as in the
        games, without noise.
    gate_threshold : float
        Score with which a candidate becomes champion, 0 to 1.
    seed : int
        Seed of games, training and matches.
    """

    iterations: int = 10
    games: int = 500
    window: int = 5
    self_play: SelfPlayOptions = field(
        default_factory=lambda: SelfPlayOptions(
            search=SearchOptions(simulations=50, noise=0.25)
        )
    )
    gate_games: int = 100
    gate_threshold: float = 0.55
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "games", "window"):
            check_least(name, getattr(self, name))
        if not 0 <= self.gate_threshold <= 1:
            given = self.gate_threshold
            msg = f"gate_threshold is {given}, expected a number from 0 to 1"
            raise ValueError(msg)
        check_even("gate_games", self.gate_games)

    def seed_of(self, number: int, stage: int) -> int:
        """Return the seed of a stage of an iteration."""
        drawn = np.random.SeedSequence([self.seed, number, stage]).generate_state(1)
        return int(drawn[0])


@dataclass(frozen=True)
class Iteration:
    """What came of one iteration; ``score`` is the candidate's against the champion."""

    number: int
    examples: int
    learned: int
    samples: int
    policy_loss: float
    value_loss: float
    score: float
    accepted: bool
    seconds: float

    def __str__(self) -> str:
        losses = f"loss {self.policy_loss:.3f} policy, {self.value_loss:.3f} value"
        verdict = "accepted" if self.accepted else "rejected"
        return (
            f"iteration {self.number}: {self.examples:,} positions, {losses}; "
            f"{self.score:.1%} against the champion, {verdict} ({self.seconds:.0f} s)"
        )


def train_iterations(
    network: BoardNetwork,
    folder: RunFolder,
    *,
    options: IterationOptions | None = None,
    training: TrainingOptions | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Iteration, ...]:
    """Let a network learn from its own games, iteration after iteration.

    Every iteration is logged as ``conceptlrp.selfplay``.

    Parameters
    ----------
    network : OthelloNet or ResidualTower
        The first champion; at the end it is the last one.
    folder : RunFolder
        Where everything is kept that the training goes on from after a kill. More
        iterations than before may be asked for when it is resumed.
    options : IterationOptions, optional
        Iterations, games, window, arena and seed.
    training : TrainingOptions, optional
        How a candidate learns; each does under a cycle of its own. Snapshots are
        champions on the way.
    on_progress : callable, optional
        Called with the name of a stage, its units done and its units in all.

    Returns
    -------
    tuple of Iteration
        One for each, those before a stop included.
    """
    run = _Iterations(
        network=network,
        folder=folder,
        options=options or IterationOptions(),
        training=training or TrainingOptions(),
        report=on_progress or (lambda *_: None),
    )
    if run.training.patience is not None:
        msg = "patience needs held-out games, iterations have the arena instead"
        raise ValueError(msg)
    folder.begin(run.identity)
    try:
        done = [Iteration(**row) for row in folder.iterations]
    except TypeError as error:
        msg = f"{folder.path}: its iterations are damaged; begin anew with overwrite"
        raise CheckpointError(msg) from error
    if done:
        network.load_state_dict(folder.champion().state_dict())
    snapshots = _snapshots(run.training.snapshot_marks, run.options.iterations)
    for number in range(len(done) + 1, run.options.iterations + 1):
        done.append(run.iterate(number, done[-1].samples if done else 0))
        rows = [asdict(each) for each in done]
        if number in snapshots:
            about = {"samples": done[-1].samples, "iterations": rows}
            folder.save_snapshot(network, about)
        folder.commit(rows, network, window=run.options.window)
        _LOG.info("%s", done[-1])
    network.eval()
    return tuple(done)


@dataclass(frozen=True)
class _Iterations:
    """What all iterations have in common."""

    network: BoardNetwork
    folder: RunFolder
    options: IterationOptions
    training: TrainingOptions
    report: OnProgress

    @property
    def identity(self) -> dict[str, Any]:
        """What the result depends on, by name."""
        said = asdict(self.training) | asdict(self.options)
        # More of the same is no other training.
        for name in ("iterations", "snapshots"):
            said.pop(name)
        return said | network_identity(self.network)

    def iterate(self, number: int, samples: int) -> Iteration:
        """Play, learn and compare once; the network is champion before and after."""
        started = time.perf_counter()
        own = self._examples(self._play(number))
        first = max(1, number - self.options.window + 1)
        files = [self.folder.games(n) for n in range(first, number)]
        before = [self._examples(read_self_play(file)) for file in files]
        learned = TrainingSet.concatenate([*before, own])
        candidate = copy.deepcopy(self.network)
        point = self._learn(number, candidate, learned)
        score = self._score(number, candidate)
        accepted = score >= self.options.gate_threshold
        if accepted:
            self.network.load_state_dict(candidate.state_dict())
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

    def _play(self, number: int) -> SelfPlayGames:
        """Play the games of an iteration, unless they are there after a kill."""
        file = self.folder.games(number)
        if file.is_file():
            return read_self_play(file)
        count, options = self.options.games, self.options.self_play
        # Rounds of equal size, so that the last one plays hardly more than is needed.
        rounds = math.ceil(count / options.together)
        return self_play(
            self.network,
            file,
            count=count,
            options=replace(options, together=math.ceil(count / rounds)),
            seed=self.options.seed_of(number, _GAMES),
            on_progress=self._reported(number, "games"),
        )

    def _examples(self, played: SelfPlayGames) -> TrainingSet:
        """Take the visits of games as targets, or their moves if nothing searched."""
        if self.options.self_play.search is None:
            chosen = ~np.isnan(played.value)
            return TrainingSet.from_corpus(played.corpus[chosen])
        return TrainingSet.from_self_play(played)

    def _learn(
        self, number: int, candidate: BoardNetwork, learned: TrainingSet
    ) -> TrainingPoint:
        seed, folder = self.options.seed_of(number, _TRAINING), self.folder
        options = replace(self.training, seed=seed, snapshots=0)
        run = TrainingRun(candidate, learned, options, folder=folder, number=number)
        run.on_progress = self.report
        return run.run().curve[-1]

    def _score(self, number: int, candidate: BoardNetwork) -> float:
        """Return the candidate's share of the points against the champion."""
        result = match(
            self._player(candidate),
            self._player(self.network),
            count=self.options.gate_games,
            seed=self.options.seed_of(number, _ARENA),
            on_progress=self._reported(number, "arena"),
        )
        return result.score

    def _player(self, network: BoardNetwork) -> Player:
        search = self.options.self_play.search
        if search is None:
            return NetworkPlayer(network)
        return SearchPlayer(network, replace(search, noise=0.0))

    def _reported(self, number: int, stage: str) -> OnProgress:
        name = f"iteration {number}: {stage}"
        return lambda _stage, done, total: self.report(name, done, total)


def _snapshots(marks: Sequence[float], iterations: int) -> set[int]:
    """Choose a different iteration for each mark, none of them the last."""
    chosen: list[int] = []
    for mark in marks:
        chosen.append(max([math.ceil(mark * iterations), *(n + 1 for n in chosen)]))
    return {number for number in chosen if number < iterations}
