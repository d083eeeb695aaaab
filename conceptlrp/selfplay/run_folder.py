"""The folder of a run: what a training goes on from after a kill, and what it shows.

    run.json                    what the run was begun with, iterations done, the record
    checkpoint.pt               weights, optimizer and curve of the training in progress
    games-NNNN.jsonl            self-play of the iterations that are still learned from
    champion-NNNN.safetensors   the champion after iteration NNNN
    snapshots/NNNNNNNNN.safetensors   networks on the way, by positions shown
    curve.csv, curve.svg        the training curve so far, or a line an iteration

Every file is complete or not there. ``run.json`` is written first and replaced last, so
whatever moment a run is killed at, its folder is empty, or says what was begun in it. A
checkpoint is read without running code in it.
"""

import io
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch

from conceptlrp.errors import CheckpointError, OutputExistsError, TrainingError
from conceptlrp.files import is_unfinished, remove_unfinished, write_whole
from conceptlrp.jsontext import read
from conceptlrp.networks import BoardNetwork, load_network, save_network
from conceptlrp.networks.weights import read_saved
from conceptlrp.selfplay.training_record import curve_svg
from conceptlrp.staging import others_in, refuse_others

STATE = "run.json"
CHECKPOINT = "checkpoint.pt"
SNAPSHOTS = "snapshots"
FORMAT = "conceptlrp-training"
# To be raised where the same options would train another network than before.
VERSION = 2
_CHAMPION = "champion-{:04d}.safetensors"
_GAMES = "games-{:04d}.jsonl"
# What a run says and draws of itself, and what another can go on from.
_WORDS = re.compile(r"run\.json|curve\.(csv|svg)")
_GAINS = re.compile(
    r"checkpoint\.pt|games-\d{4,}\.jsonl|champion-\d{4,}\.safetensors"
    r"|snapshots/\d{9,}\.safetensors"
)


class RunFolder:
    """The folder of a training or of iterations, used as a context manager.

    Nothing is made or replaced before the run begins, and an error removes a folder in
    which there is nothing yet to go on from.

    Parameters
    ----------
    path : path
        Where the folder is or shall be.
    resume : bool
        Go on with the run in it; where there is none, begin one.
    overwrite : bool
        Begin anew where a run's folder stands.
    dtype : torch.float32 or torch.float16
        Precision of the snapshots.
    checkpoint_minutes : float
        Longest time between two checkpoints; every point of the curve makes one too.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume: bool = False,
        overwrite: bool = False,
        dtype: torch.dtype = torch.float32,
        checkpoint_minutes: float = 2.0,
    ) -> None:
        self.path = Path(path)
        self.dtype = dtype
        self._minutes = checkpoint_minutes
        self._saved = time.monotonic()
        self._begun = False
        self._state: dict[str, Any] = {}
        self._resume = resume and (self.path / STATE).is_file()
        if self.path.exists() or self.path.is_symlink():
            # A run that was killed with nothing yet to go on from is free to take.
            if not (self._resume or self._is_bare()):
                self._check_replaceable(overwrite=overwrite)
            if not self._resume:
                refuse_others(self.path, others_in(self.path, self._own_files()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: object, error: BaseException | None, _trace: object
    ) -> None:
        if error is None or not self._begun:
            return
        kept = [CHECKPOINT, "champion-*"]
        if isinstance(error, KeyboardInterrupt):
            kept.append("games-*")
        if not any(file for each in kept for file in self.path.glob(each)):
            with suppress(OSError):
                self._clear()
                (self.path / STATE).unlink(missing_ok=True)
                self.path.rmdir()

    def begin(self, identity: dict[str, Any]) -> None:
        """Make the folder, or check that the run in it was begun with this identity."""
        identity = json.loads(json.dumps(identity))
        if self._resume and not self._is_bare():
            self._state = self._read_state()
            _check_same(self._state["identity"], identity, self.path)
            remove_unfinished(self.path)
            return
        self.path.mkdir(exist_ok=True)
        # What is left of another run must be gone before this one can be resumed.
        self._clear()
        self._begun = True
        self._write_state(identity=identity, iterations=[], champion=None, record=None)

    @property
    def has_checkpoint(self) -> bool:
        """Whether a training in progress can go on from here."""
        return (self.path / CHECKPOINT).is_file()

    @property
    def is_finished(self) -> bool:
        """Whether the training has a record and nothing to go on from."""
        return self._state.get("record") is not None and not self.has_checkpoint

    @property
    def iterations(self) -> list[dict[str, Any]]:
        """The iterations that are done, as `commit` was given them."""
        return list(self._state["iterations"])

    def champion(self) -> BoardNetwork:
        """Read the champion after the last iteration that is done."""
        return load_network(self.path / self._state["champion"])

    def games(self, number: int) -> Path:
        """Return the file with the games of an iteration."""
        return self.path / _GAMES.format(number)

    def is_due(self) -> bool:
        """Tell whether it is time for a checkpoint."""
        return time.monotonic() - self._saved >= 60 * self._minutes

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint, unless a weight is not finite."""
        for name, tensor in state["network"].items():
            if not torch.isfinite(tensor).all():
                msg = f"{name} is not finite any more; lower the learning rate"
                raise TrainingError(msg)
        content = io.BytesIO()
        torch.save(state, content)
        self._write(CHECKPOINT, content.getbuffer())
        self._saved = time.monotonic()

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Read the checkpoint, on the processor; None where there is none."""
        file = self.path / CHECKPOINT
        if not file.is_file():
            return None
        state = read_saved(file, "is damaged or no training's checkpoint")
        if not isinstance(state, dict) or not {"network", "optimizer"} <= state.keys():
            msg = f"{file}: is no training's checkpoint"
            raise CheckpointError(msg)
        return state

    def discard_checkpoint(self) -> None:
        """Remove the checkpoint once its result is in a safe place."""
        (self.path / CHECKPOINT).unlink(missing_ok=True)

    def save_snapshot(self, network: BoardNetwork, training: dict[str, Any]) -> None:
        """Keep the network as it is now; ``training`` tells the ``samples`` shown."""
        folder = self.path / SNAPSHOTS
        folder.mkdir(exist_ok=True)
        file = folder / f"{training['samples']:09d}.safetensors"
        save_network(network, file, training=training, dtype=self.dtype, overwrite=True)

    def write_curve(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the curve as CSV and SVG."""
        text = pd.DataFrame(rows).to_csv(index=False, float_format="%.6g")
        self._write("curve.csv", text.encode())
        self._write("curve.svg", curve_svg(rows).encode())

    def write_record(self, record: dict[str, Any]) -> None:
        """Keep the record of a training that has come to its end."""
        self._write_state(record=record)

    def commit(
        self, done: list[dict[str, Any]], champion: BoardNetwork, *, window: int
    ) -> None:
        """Say that an iteration is done, then remove what no later one needs."""
        number = len(done)
        name = _CHAMPION.format(number)
        training = {"samples": done[-1]["samples"], "iterations": done}
        save_network(champion, self.path / name, training=training, overwrite=True)
        self.write_curve(done)
        self._write_state(iterations=done, champion=name)
        self.discard_checkpoint()
        needed = {_GAMES.format(number - i) for i in range(window - 1)}
        for file in (*self.path.glob("champion-*"), *self.path.glob("games-*")):
            if file.name not in {name, *needed}:
                file.unlink()

    def _own_files(self) -> list[str]:
        """Return the addresses of what runs have made in the folder."""
        found = (p.relative_to(self.path).as_posix() for p in self.path.rglob("*"))
        names = (_WORDS, _GAINS)
        return [
            each
            for each in found
            if any(name.fullmatch(each) for name in names)
            or is_unfinished(each.removeprefix(f"{SNAPSHOTS}/"))
        ]

    def _is_bare(self) -> bool:
        """Tell whether runs have left nothing here but words of what was begun."""
        own = self._own_files() if self.path.is_dir() else [CHECKPOINT]
        if any(_GAINS.fullmatch(each) for each in own):
            return False
        state = self.path / STATE
        if not state.is_file():
            return not others_in(self.path, own)
        try:
            return self._read_state().get("record") is None
        except CheckpointError:
            return False

    def _clear(self) -> None:
        """Remove what runs have made, but for what says whose the folder is."""
        for each in self._own_files():
            if each != STATE:
                (self.path / each).unlink()
        with suppress(OSError):
            (self.path / SNAPSHOTS).rmdir()

    def _write_state(self, **changed: Any) -> None:
        head = {"format": FORMAT, "version": VERSION}
        self._state = head | self._state | changed
        self._write(STATE, (json.dumps(self._state, indent=1) + "\n").encode())

    def _write(self, name: str, content: bytes | memoryview) -> None:
        place = self.path / name
        write_whole(place, content, overwrite=True, error=CheckpointError, token=None)

    def _read_state(self) -> dict[str, Any]:
        file = self.path / STATE
        try:
            state = read(file)
            said = state["format"], state["version"]
        except (OSError, ValueError, KeyError) as error:
            msg = f"{file}: is damaged ({error}); begin anew with overwrite"
            raise CheckpointError(msg) from error
        if said != (FORMAT, VERSION):
            msg = f"{file}: is {said[0]}, version {said[1]}, not {FORMAT}, {VERSION}"
            raise CheckpointError(msg)
        champion = state.get("champion")
        is_sound = (
            isinstance(state.get("identity"), dict)
            and isinstance(state.get("iterations"), list)
            and (champion is None or _GAINS.fullmatch(str(champion)))
        )
        if not is_sound:
            msg = f"{file}: does not say what was begun; begin anew with overwrite"
            raise CheckpointError(msg)
        return state

    def _check_replaceable(self, *, overwrite: bool) -> None:
        """Refuse to replace what no run has made, or a run without being told to."""
        if not _is_state(self.path / STATE):
            reason = "is no training's folder and not replaced; choose another name"
        elif overwrite:
            return
        else:
            reason = "holds a training; resume it, choose another name or overwrite it"
        msg = f"{self.path}: {reason}"
        raise OutputExistsError(msg)


def _is_state(file: Path) -> bool:
    """Tell the state of a run, whole or damaged, from another file of its name."""
    try:
        with file.open("rb") as opened:
            return FORMAT.encode() in opened.read(256)
    except OSError:
        return False


def _check_same(begun: dict[str, Any], resumed: dict[str, Any], path: Path) -> None:
    """Refuse to resume a run as another one, naming the first value that differs."""
    for name in begun | resumed:
        was, now = begun.get(name), resumed.get(name)
        if was != now:
            msg = (
                f"{path}: begun with {name} {was}, resumed with {now}; resume it as "
                "it was begun, or begin anew"
            )
            raise TrainingError(msg)
