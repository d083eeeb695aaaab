"""The folder of a training: what it goes on from after a kill, and what it shows.

    checkpoint.safetensors   weights, optimizer, curve and what the run was begun with
    snapshots/NNNNNNNNN.safetensors   networks on the way, by positions shown
    curve.csv, curve.svg     the training curve so far
    training.json            options, curve and evaluation at the end

Every file is complete or not there. A checkpoint holds numbers and JSON, so reading
one runs no code.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from conceptlrp.errors import CheckpointError, OutputExistsError, TrainingError
from conceptlrp.files import write_whole
from conceptlrp.networks import BoardNetwork, save_network
from conceptlrp.selfplay.identity import check_same

FORMAT = "conceptlrp-training"
ENCODING_VERSION = "1"
CHECKPOINT = "checkpoint.safetensors"
RECORD = "training.json"
SNAPSHOTS = "snapshots"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stood.

    Attributes
    ----------
    tensors : dict of str to Tensor
        Weights, what the optimizer keeps of them, running losses, best weights.
    state : dict
        Steps, seconds, curve and so on, as JSON.
    """

    tensors: dict[str, Tensor]
    state: dict[str, Any]


class RunFolder:
    """The folder of one training, used as a context manager.

    Nothing is made or replaced before the training begins, and the folder goes with an
    error unless it holds a checkpoint.

    Parameters
    ----------
    path : path
        Where the folder is or shall be.
    resume : bool
        Go on from the checkpoint in it instead of beginning.
    overwrite : bool
        Begin anew where a training's folder stands.
    minutes : float
        Time between checkpoints.
    steps : int, optional
        Steps between checkpoints, if that is sooner.
    dtype : torch.float32 or torch.float16
        Precision of the snapshots.

    Raises
    ------
    OutputExistsError
        If something stands at the path and is neither resumed nor to be replaced.
    TrainingError
        If there is no checkpoint to resume from.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume: bool = False,
        overwrite: bool = False,
        minutes: float = 2.0,
        steps: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.path = Path(path)
        self.resume = resume
        self.minutes = minutes
        self.steps = steps
        self.dtype = dtype
        self._saved = time.monotonic()
        self._overwrite = overwrite
        self._identity: dict[str, Any] = {}
        self._begun = False
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._begun and not self.has_checkpoint:
            shutil.rmtree(self.path, ignore_errors=True)

    @property
    def has_checkpoint(self) -> bool:
        """Whether a training can go on from here."""
        return (self.path / CHECKPOINT).is_file()

    def begin(self, identity: dict[str, Any]) -> Checkpoint | None:
        """Make the folder, or return where the training to resume stood.

        Parameters
        ----------
        identity : dict
            JSON-ready values on which the result depends, by the name that a message
            shall give them.

        Raises
        ------
        TrainingError
            If the run to resume was begun with another identity.
        CheckpointError
            If the checkpoint is damaged.
        """
        self._identity = json.loads(json.dumps(identity))
        if not self.resume:
            self._make()
            return None
        begun, checkpoint = read_checkpoint(self.path / CHECKPOINT)
        check_same(begun, self._identity, self.path)
        return checkpoint

    def is_due(self, steps: int) -> bool:
        """Tell whether it is time for a checkpoint after so many steps."""
        if self.steps is not None and steps % self.steps == 0:
            return True
        return time.monotonic() - self._saved >= 60 * self.minutes

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, unless the new one has numbers that are not finite.

        Raises
        ------
        TrainingError
            If it has.
        CheckpointError
            If it cannot be written.
        """
        for name, tensor in checkpoint.tensors.items():
            if not torch.isfinite(tensor).all():
                message = f"{name} is not finite any more; lower the learning rate"
                raise TrainingError(message)
        header = {
            "format": FORMAT,
            "encoding-version": ENCODING_VERSION,
            "identity": json.dumps(self._identity),
            "state": json.dumps(checkpoint.state),
        }
        content = save(checkpoint.tensors, metadata=header)
        self._write(CHECKPOINT, content)
        self._saved = time.monotonic()

    def discard_checkpoint(self) -> None:
        """Remove the checkpoint once its result is in a safe place."""
        (self.path / CHECKPOINT).unlink(missing_ok=True)

    def save_snapshot(self, network: BoardNetwork, training: dict[str, Any]) -> None:
        """Keep the network as it is now; ``training`` tells the ``samples`` shown."""
        save_snapshot(network, self.path / SNAPSHOTS, training, self.dtype)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the folder, whole."""
        self._write(name, text.encode())

    def _make(self) -> None:
        if self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir()
        self._begun = True

    def _write(self, name: str, content: bytes) -> None:
        place = self.path / name
        write_whole(place, content, overwrite=True, error=CheckpointError)

    def _check(self) -> None:
        """Refuse a place where this training cannot be."""
        if self.resume:
            if not self.has_checkpoint:
                message = f"{self.path}: no training to resume; begin one"
                raise TrainingError(message)
            return
        if not self.path.exists() and not self.path.is_symlink():
            return
        ours = self.has_checkpoint or (self.path / RECORD).is_file()
        if self._overwrite and ours:
            return
        reason = "is no training's folder and not replaced; choose another name"
        if not self._overwrite:
            unfinished = "holds an unfinished training; resume it"
            reason = unfinished if self.has_checkpoint else "already exists"
            reason += ", choose another name or ask to overwrite it"
        message = f"{self.path}: {reason}"
        raise OutputExistsError(message)


def save_snapshot(
    network: BoardNetwork,
    folder: Path,
    training: dict[str, Any],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Keep a network in a folder of snapshots.

    Parameters
    ----------
    network : BoardNetwork
        As it is now.
    folder : Path
        Made if it is not there.
    training : dict
        Tells the ``samples`` shown, which give the file its name.
    dtype : torch.float32 or torch.float16
        Precision in the file.
    """
    folder.mkdir(exist_ok=True)
    file = folder / f"{training['samples']:09d}.safetensors"
    save_network(network, file, training=training, dtype=dtype, overwrite=True)


def read_checkpoint(file: Path) -> tuple[dict[str, Any], Checkpoint]:
    """Read identity and checkpoint of a training."""
    try:
        with safe_open(file, framework="pt") as opened:
            header = dict(opened.metadata() or {})
            names = opened.keys()
            tensors = {name: opened.get_tensor(name) for name in names}
        _check_header(header, file)
        identity, state = (json.loads(header[key]) for key in ("identity", "state"))
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        message = f"{file}: is damaged or no training's checkpoint ({error})"
        raise CheckpointError(message) from error
    return identity, Checkpoint(tensors, state)


def _check_header(header: dict[str, str], file: Path) -> None:
    said = header.get("format"), header.get("encoding-version")
    if said != (FORMAT, ENCODING_VERSION):
        message = (
            f"{file}: format {said[0]}, version {said[1]}; this release reads "
            f"{FORMAT}, version {ENCODING_VERSION}"
        )
        raise CheckpointError(message)
