"""zennit-crp beside conceptlrp: the same folded weights, the same positions.

zennit-crp runs in an environment and a process of its own, which waits between
requests, so that measurements of the two sides can alternate.

Shapes use N positions, K channels and a board of n x n squares.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from conceptlrp.lrp.backends import fold_batch_norm
from conceptlrp.lrp.engine.program import read_program
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.networks.planes import actions_of_squares, board_planes
from conceptlrp.othello import Corpus

_WORKER = Path(__file__).with_name("zennit_crp_worker.py")
_SKIPPED = (nn.Identity, nn.Dropout)
#: The networks that ship.
Network = OthelloNet | ResidualTower


class ZennitCrpError(RuntimeError):
    """zennit-crp's process ended instead of answering."""


def folded(network: Network) -> fx.GraphModule:
    """Return a network in float64 with its batch norms folded."""
    size = network.size
    probe = torch.randint(-1, 2, (8, 1, size, size), dtype=torch.float64)
    return fold_batch_norm(deepcopy(network).double(), planes=probe)


def write_network(network: Network, path: Path) -> None:
    """Write the way from the input to the policy logits, with folded weights.

    Each step names the steps that it reads; a sum reads two.
    """
    traced = folded(network)
    program = read_program(traced, {})
    needed = program.needed(program.outputs[:1])
    known = {program.input: ""}
    steps: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[np.float64]] = {}
    for name, operation in program.operations.items():
        if name not in needed or operation.kind == "input":
            continue
        inputs = [known[source] for source in operation.inputs]
        module = operation.module
        known[name] = inputs[0] if isinstance(module, _SKIPPED) else name
        if isinstance(module, _SKIPPED):
            continue
        kind = "Flatten" if module is None else type(module).__name__
        steps.append({"name": name, "kind": kind, "inputs": inputs})
        if isinstance(module, nn.Conv2d):
            steps[-1]["padding"] = module.padding
        for key, parameter in module.named_parameters() if module else ():
            arrays[f"{name}.{key}"] = parameter.detach().numpy()
    np.savez(path, steps=np.array(json.dumps(steps)), **arrays)


class ZennitCrp:
    """zennit-crp's process, for one network and the moves played at positions.

    Parameters
    ----------
    python : Path
        Interpreter of its environment.
    network : OthelloNet or ResidualTower
        What is explained.
    positions : Corpus
        N positions with played moves.
    """

    def __init__(self, python: Path, network: Network, positions: Corpus) -> None:
        self.positions = positions
        self._folder = tempfile.TemporaryDirectory(prefix="conceptlrp-benchmark-")
        self.folder = Path(self._folder.name)
        write_network(network, self.folder / "network.npz")
        self._write_positions()
        self._errors = (self.folder / "errors.txt").open("w+")
        self._process = subprocess.Popen(
            [python, _WORKER, self.folder / "network.npz"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._errors.close()
        self._folder.cleanup()

    def _write_positions(self) -> None:
        own, opponent = self.positions.own, self.positions.opponent
        size = self.positions.size
        np.savez(
            self.folder / "positions.npz",
            planes=board_planes(own, opponent, size=size),
            actions=actions_of_squares(self.positions.played, size=size),
        )

    def ask(
        self, name: str, *, composite: str, dtype: str = "float32", **options: object
    ) -> dict[str, Any]:
        """Ask the process for something and wait for the answer.

        Parameters
        ----------
        name : str
            Method of the worker.
        composite : str
            One of the presets that zennit 0.4.6 can build.
        dtype : str
            "float32" or "float64".
        **options
            Arguments of the method.

        Raises
        ------
        ZennitCrpError
            With the end of what the process wrote, where it has ended.
        """
        request = {
            "name": name,
            "composite": composite,
            "dtype": dtype,
            "threads": torch.get_num_threads(),
            "positions": str(self.folder / "positions.npz"),
            "options": options | _renamed(options),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            msg = f"zennit-crp ended without an answer: {self._errors.read()[-2000:]}"
            raise ZennitCrpError(msg)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def heatmaps(
        self,
        layers: Sequence[str],
        *,
        composite: str,
        dtype: str,
        channels: Sequence[int] | None = None,
        n_positions: int | None = None,
    ) -> dict[str, NDArray[np.floating]]:
        """Compute conditional heatmaps (N, K, n, n) of channels of layers.

        Of all channels and positions, unless a choice of them is given.
        """
        result = self.folder / "heatmaps.npz"
        self.ask(
            "heatmaps",
            composite=composite,
            dtype=dtype,
            layers=list(layers),
            channels=None if channels is None else list(channels),
            n_positions=n_positions,
            result=str(result),
        )
        with np.load(result) as arrays:
            return {layer: arrays[layer] for layer in layers}


def _renamed(options: dict[str, Any]) -> dict[str, Any]:
    """Name layers as steps are named: no module of the process has dots in its name."""
    found: dict[str, Any] = {}
    if "layer" in options:
        found["layer"] = options["layer"].replace(".", "_")
    if "layers" in options:
        found["layers"] = [layer.replace(".", "_") for layer in options["layers"]]
    return found
