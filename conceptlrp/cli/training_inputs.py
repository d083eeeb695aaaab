"""What ``train`` is told, put together: a network, games, and where all is kept."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from conceptlrp.cli.inputs import open_network, read_positions

if TYPE_CHECKING:
    import torch

    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.selfplay import GameMaker, Gate, TrainingSet


@dataclass(frozen=True)
class Place:
    """Where a training is kept and its network written.

    Attributes
    ----------
    out : Path
        The network.
    resume, overwrite : bool
        Go on from what stands there, or replace it.
    minutes : float
        Between checkpoints.
    steps : int or None
        Between checkpoints.
    half : bool
        Write float16.
    """

    out: Path
    resume: bool
    overwrite: bool
    minutes: float
    steps: int | None
    half: bool

    def __post_init__(self) -> None:
        if self.folder == self.out:
            msg = f"--out is '{self.out}', which is the name of the run's folder"
            raise typer.BadParameter(msg)

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.out.with_suffix(".run")

    @property
    def options(self) -> dict[str, Any]:
        """Options of the folder."""
        names = ("resume", "overwrite", "minutes", "steps", "dtype")
        return {name: getattr(self, name) for name in names}

    @property
    def dtype(self) -> "torch.dtype":
        """Precision of what is written."""
        import torch

        return torch.float16 if self.half else torch.float32

    def save(self, network: "BoardNetwork", training: dict[str, Any]) -> None:
        """Write the network that came out."""
        from conceptlrp.networks import save_network

        command = shlex.join(["conceptlrp", *sys.argv[1:]])
        save_network(
            network,
            self.out,
            training=training | {"command": command},
            dtype=self.dtype,
            overwrite=self.overwrite,
        )


@dataclass(frozen=True)
class Start:
    """The network that a training begins with.

    Attributes
    ----------
    weights : str or None
        A file to begin from.
    architecture, channels, blocks, dropout, size, seed
        Of a new network; dropout holds for a file too.
    device : str
        Where it learns.
    """

    weights: str | None
    architecture: str
    channels: int
    blocks: int
    dropout: float
    size: int
    seed: int
    device: str

    def network(self, size: int) -> "BoardNetwork":
        """Make the network for boards of a size, or read it."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._read() if self.weights else self._make(size)
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = self.dropout
        return network.to(self.device)

    def _make(self, size: int) -> "BoardNetwork":
        from conceptlrp.networks import OthelloNet, ResidualTower

        if self.architecture == "tower":
            return ResidualTower(self.channels, self.blocks, size)
        return OthelloNet(self.channels, size, self.dropout)

    def _read(self) -> "BoardNetwork":
        assert self.weights is not None
        return open_network(self.weights)


@dataclass(frozen=True)
class Lessons:
    """The games that a network learns from.

    Attributes
    ----------
    files : list of str
        A corpus or game files.
    targets : str
        moves or visits.
    value_share : float
        Share of the search's value, with visits.
    held_out : float or None
        What is held out: a year where the number is whole, else a share.
    seed : int
        Seed of the share.
    """

    files: list[str]
    targets: str
    value_share: float
    held_out: float | None
    seed: int

    def read(self, size: int) -> "tuple[TrainingSet, Corpus | None]":
        """Read what to learn, and the positions to test on if any are held out."""
        if self.targets == "visits":
            return self._visits()
        from conceptlrp.selfplay import TrainingSet

        corpus = read_positions(self.files, size, None, self.seed)
        rest, held_out = self._parted(corpus)
        return TrainingSet.from_corpus(rest), held_out

    def _visits(self) -> "tuple[TrainingSet, Corpus | None]":
        import numpy as np

        from conceptlrp.othello import Games
        from conceptlrp.selfplay import SelfPlayGames, TrainingSet, read_self_play

        parts = [read_self_play(Path(file)) for file in self.files]
        played = SelfPlayGames(
            Games.concatenate([part.games for part in parts]),
            np.concatenate([part.visits for part in parts]),
            np.concatenate([part.value for part in parts]),
        )
        rest, held_out = self._parted(played.corpus)
        learned = played.take(np.unique(rest.game))
        share = self.value_share
        return TrainingSet.from_self_play(learned, value_share=share), held_out

    def _parted(self, corpus: "Corpus") -> "tuple[Corpus, Corpus | None]":
        from conceptlrp.selfplay import hold_out_games, hold_out_year

        if self.held_out is None:
            return corpus, None
        if isinstance(self.held_out, int):
            return hold_out_year(corpus, self.held_out)
        return hold_out_games(corpus, self.held_out, seed=self.seed)


@dataclass(frozen=True)
class Play:
    """How the networks of iterations play.

    Attributes
    ----------
    simulations : int
        Of the search of a move; 0 for none.
    value_share : float
        Share of the search's value in the value that is learned.
    gate_games : int
        Games of candidate against champion.
    """

    simulations: int
    value_share: float
    gate_games: int

    def maker(self) -> "GameMaker":
        """Return what makes the games."""
        from conceptlrp.selfplay import (
            PolicyGames,
            SearchGames,
            SearchOptions,
            SelfPlayOptions,
        )

        if self.simulations == 0:
            return PolicyGames()
        search = SearchOptions(simulations=self.simulations, noise=0.25)
        return SearchGames(SelfPlayOptions(search=search), self.value_share)

    def gate(self) -> "Gate":
        """Return what compares candidate and champion, with as much search."""
        from conceptlrp.selfplay import ArenaGate, SearchOptions

        if self.simulations == 0:
            return ArenaGate(self.gate_games, None)
        search = SearchOptions(simulations=self.simulations)
        return ArenaGate(self.gate_games, search)
