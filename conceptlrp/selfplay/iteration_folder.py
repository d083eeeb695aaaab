"""The folder of AlphaZero's iterations: what they go on from after a kill.

    iterations.json              what the run was begun with, and the iterations done
    champion-NNNN.safetensors    the champion after iteration NNNN
    games-NNNN.safetensors       positions and targets of the games in the window
    training/                    the training of the current candidate, see `RunFolder`
    snapshots/                   champions on the way, if any are to be kept
    iterations.csv, curve.svg    one line an iteration, and the losses as a figure

An iteration is done once ``iterations.json`` says so; the files that it does not
need any more are removed after that.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from conceptlrp.errors import CheckpointError, OutputExistsError, TrainingError
from conceptlrp.files import write_whole
from conceptlrp.networks import BoardNetwork, load_network, save_network
from conceptlrp.selfplay.curve import curve_svg
from conceptlrp.selfplay.identity import check_same
from conceptlrp.selfplay.iteration_record import Iteration, iterations_csv
from conceptlrp.selfplay.run_folder import (
    CHECKPOINT,
    SNAPSHOTS,
    RunFolder,
    save_snapshot,
)
from conceptlrp.selfplay.training_set import TrainingSet

STATE = "iterations.json"
_FORMAT = "conceptlrp-iterations"
_TRAINING = "training"
_GAMES = "games-{:04d}.safetensors"
_CHAMPION = "champion-{:04d}.safetensors"


class IterationFolder:
    """The folder of a training by iterations, used as a context manager.

    Nothing is made or replaced before the training begins, and the folder goes with an
    error before there is a checkpoint; after Ctrl-C the first games are kept too.

    Parameters
    ----------
    path : path
        Where the folder is or shall be.
    resume : bool
        Go on from what is in it instead of beginning.
    overwrite : bool
        Begin anew where such a folder stands.
    minutes : float
        Time between checkpoints of a candidate's training.
    steps : int, optional
        Steps between checkpoints, if that is sooner.
    snapshots : sequence of int
        Iterations after which the champion is kept.
    dtype : torch.float32 or torch.float16
        Precision of those.

    Raises
    ------
    OutputExistsError
        If something stands at the path and is neither resumed nor to be replaced.
    TrainingError
        If there is nothing to resume.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume: bool = False,
        overwrite: bool = False,
        minutes: float = 2.0,
        steps: int | None = None,
        snapshots: Sequence[int] = (),
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.path = Path(path)
        self.resume = resume
        self.minutes = minutes
        self.steps = steps
        self.snapshots = frozenset(snapshots)
        self.dtype = dtype
        self._overwrite = overwrite
        self._begun = False
        self._identity: dict[str, Any] = {}
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        kept = ["champion-*", f"{_TRAINING}/{CHECKPOINT}"]
        if isinstance(error, KeyboardInterrupt):
            kept.append("games-*")
        is_worth_keeping = any(file for each in kept for file in self.path.glob(each))
        if error is not None and self._begun and not is_worth_keeping:
            shutil.rmtree(self.path, ignore_errors=True)

    @property
    def has_state(self) -> bool:
        """Whether iterations can go on from here."""
        return (self.path / STATE).is_file()

    def begin(self, identity: dict[str, Any]) -> list[dict[str, Any]]:
        """Make the folder, or return the iterations that are done in it.

        Parameters
        ----------
        identity : dict
            JSON-ready values on which the result depends, by name.

        Raises
        ------
        TrainingError
            If the run to resume was begun with another identity.
        CheckpointError
            If the state is damaged.
        """
        self._identity = json.loads(json.dumps(identity))
        if self.resume:
            state = self._state()
            check_same(state["identity"], self._identity, self.path)
            done: list[dict[str, Any]] = state["iterations"]
            return done
        if self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir()
        self._begun = True
        self._write_state([])
        return []

    def champion(self) -> BoardNetwork:
        """Read the champion after the last iteration that is done."""
        return load_network(self.path / self._state()["champion"])

    def games(self, number: int) -> TrainingSet | None:
        """Read the games of an iteration, None where there are none yet."""
        file = self.path / _GAMES.format(number)
        if not file.is_file():
            return None
        try:
            arrays = load_file(file)
            size = int(arrays.pop("size")[0])
            return TrainingSet(**arrays, size=size)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            message = f"{file}: is damaged or holds no games of an iteration ({error})"
            raise CheckpointError(message) from error

    def games_before(self, number: int, window: int) -> list[TrainingSet]:
        """Read the games of the other iterations in the window of one."""
        first = max(1, number - window + 1)
        found = [self.games(each) for each in range(first, number)]
        return [games for games in found if games is not None]

    def save_games(self, number: int, examples: TrainingSet) -> None:
        """Keep the games of an iteration."""
        size = {"size": np.array([examples.size])}
        self._write(_GAMES.format(number), save(examples.columns() | size))

    def training(self) -> RunFolder:
        """Return the folder of the current candidate's training."""
        path = self.path / _TRAINING
        begun = (path / CHECKPOINT).is_file()
        if not begun:
            shutil.rmtree(path, ignore_errors=True)
        return RunFolder(path, resume=begun, minutes=self.minutes, steps=self.steps)

    def commit(
        self, done: Sequence[Iteration], champion: BoardNetwork, window: int
    ) -> None:
        """Say that an iteration is done, then remove what no later one needs.

        Parameters
        ----------
        done : sequence of Iteration
            All so far.
        champion : BoardNetwork
            After the last one.
        window : int
            Iterations whose games are learned from.
        """
        number = done[-1].number
        rows = [asdict(each) for each in done]
        training = {"samples": done[-1].samples, "iterations": rows}
        name = _CHAMPION.format(number)
        save_network(champion, self.path / name, training=training, overwrite=True)
        if number in self.snapshots:
            save_snapshot(champion, self.path / SNAPSHOTS, training, self.dtype)
        self._write("iterations.csv", iterations_csv(done).encode())
        self._write("curve.svg", curve_svg([each.point for each in done]).encode())
        self._write_state(rows, name)
        self._clean(number, name, window)

    def _clean(self, number: int, champion: str, window: int) -> None:
        shutil.rmtree(self.path / _TRAINING, ignore_errors=True)
        for file in self.path.glob("champion-*"):
            if file.name != champion:
                file.unlink()
        needed = {_GAMES.format(number - i) for i in range(window - 1)}
        for file in self.path.glob("games-*"):
            if file.name not in needed:
                file.unlink()

    def _state(self) -> dict[str, Any]:
        file = self.path / STATE
        try:
            state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            is_ours = state["format"] == _FORMAT
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{file}: is damaged ({error})"
            raise CheckpointError(message) from error
        if not is_ours:
            message = f"{file}: is no state of iterations"
            raise CheckpointError(message)
        return state

    def _write_state(
        self, done: list[dict[str, Any]], champion: str | None = None
    ) -> None:
        state = {
            "format": _FORMAT,
            "identity": self._identity,
            "champion": champion,
            "iterations": done,
        }
        self._write(STATE, (json.dumps(state, indent=1) + "\n").encode())

    def _write(self, name: str, content: bytes) -> None:
        place = self.path / name
        write_whole(place, content, overwrite=True, error=CheckpointError)

    def _check(self) -> None:
        """Refuse a place where this training cannot be."""
        if self.resume:
            if not self.has_state:
                message = f"{self.path}: no iterations to resume; begin them"
                raise TrainingError(message)
            return
        if not self.path.exists() and not self.path.is_symlink():
            return
        if self._overwrite and self.has_state:
            return
        reason = "is no training's folder and not replaced; choose another name"
        if not self._overwrite:
            reason = "already exists; resume it, choose another name or overwrite it"
        message = f"{self.path}: {reason}"
        raise OutputExistsError(message)
