"""Runs in zennit-crp's environment: conditional heatmaps and reference search.

Usage: ``python zennit_crp_worker.py NETWORK.npz``, then one request a line on
standard input, as JSON, each answered by one line on standard output. Arrays
travel as .npz files. This file imports nothing of conceptlrp.

Shapes use N positions, K channels and a board of n x n squares.
"""

import copy
import json
import os
import sys
import tempfile
import time
import types
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def _lend_torchvision() -> None:
    """Provide the three names of torchvision that zennit and crp import."""
    names = {
        "torchvision": (),
        "torchvision.models": (),
        "torchvision.models.resnet": ("BasicBlock", "Bottleneck"),
        "torchvision.transforms": (),
        "torchvision.transforms.functional": ("gaussian_blur",),
    }
    for name, attributes in names.items():
        module = types.ModuleType(name)
        for attribute in attributes:
            setattr(module, attribute, type(attribute, (), {}))
        sys.modules[name] = module


_lend_torchvision()

from crp.attribution import CondAttribution  # noqa: E402
from crp.concepts import ChannelConcept  # noqa: E402
from crp.visualization import FeatureVisualization  # noqa: E402
from zennit.composites import (  # noqa: E402
    LAYER_MAP_BASE,
    EpsilonAlpha2Beta1Flat,
    EpsilonPlus,
    EpsilonPlusFlat,
    LayerMapComposite,
    SpecialFirstLayerMapComposite,
)
from zennit.layer import Sum  # noqa: E402
from zennit.rules import Epsilon, Flat, Gamma, WSquare  # noqa: E402
from zennit.types import Convolution, Linear  # noqa: E402

_EPSILON = [*LAYER_MAP_BASE, (Linear, Epsilon())]
COMPOSITES = {
    "epsilon": lambda: LayerMapComposite(_EPSILON),
    "epsilon-flat": lambda: SpecialFirstLayerMapComposite(_EPSILON, [(Linear, Flat())]),
    "epsilon-plus": EpsilonPlus,
    "epsilon-plus-flat": EpsilonPlusFlat,
    "epsilon-alpha2-beta1-flat": EpsilonAlpha2Beta1Flat,
    # Its Gamma is the original one, of one term, which is for positive outputs only.
    "epsilon-gamma": lambda: LayerMapComposite(
        [*LAYER_MAP_BASE, (Convolution, Gamma(0.25)), (Linear, Epsilon())]
    ),
    "epsilon-w-square": lambda: SpecialFirstLayerMapComposite(
        _EPSILON, [(Linear, WSquare())]
    ),
}


class Steps(nn.Module):
    """A network of steps, each with the names of those that it reads."""

    def __init__(self, steps: list[dict[str, Any]], arrays: Any) -> None:
        super().__init__()
        self.inputs = {step["name"]: step["inputs"] for step in steps}
        for step in steps:
            self.add_module(step["name"], _module(step, arrays))

    def forward(self, planes: Tensor) -> Tensor:
        """Return what the last step computes."""
        values = {"": planes}
        for name, module in self.named_children():
            sources = [values[source] for source in self.inputs[name]]
            values[name] = module(
                sources[0] if len(sources) == 1 else torch.stack(sources, -1)
            )
        return values[name]


def read_network(path: Path) -> Steps:
    """Build the network that a file describes, its modules in execution order."""
    with np.load(path) as arrays:
        return Steps(json.loads(str(arrays["steps"])), arrays)


def _module(step: dict[str, Any], arrays: Any) -> nn.Module:
    kind = step["kind"]
    if kind == "Sum":
        return Sum()
    if kind in ("ReLU", "Flatten"):
        return getattr(nn, kind)()
    weight = torch.from_numpy(arrays[f"{step['name']}.weight"])
    out_width, in_width = weight.shape[:2]
    if kind == "Linear":
        module: nn.Conv2d | nn.Linear = nn.Linear(in_width, out_width)
    else:
        size = tuple(weight.shape[2:])
        module = nn.Conv2d(in_width, out_width, size, padding=step["padding"])
    module.weight = nn.Parameter(weight)
    module.bias = nn.Parameter(torch.from_numpy(arrays[f"{step['name']}.bias"]))
    return module


class Positions(torch.utils.data.Dataset):
    """Boards with the action that is explained as label, as crp wants them."""

    def __init__(self, planes: Tensor, actions: list[int]) -> None:
        self.planes, self.actions = planes, actions

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.planes[index], self.actions[index]


class Worker:
    """A network, and what zennit-crp makes of it."""

    def __init__(self, network: Steps) -> None:
        self.networks = {"float64": network.eval()}
        self.networks["float32"] = copy.deepcopy(network).float()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request: the method of its name with its options."""
        torch.set_num_threads(request["threads"])
        self.network = self.networks[request["dtype"]]
        self.composite = COMPOSITES[request["composite"]]()
        with np.load(request["positions"]) as arrays:
            self.planes = torch.from_numpy(arrays["planes"])
            self.actions = [int(action) for action in arrays["actions"]]
        self.planes = self.planes.to(getattr(torch, request["dtype"]))
        return getattr(self, request["name"])(**request["options"])

    def versions(self) -> dict[str, str]:
        """Name the versions that compute here."""
        return {"torch": torch.__version__, "python": sys.version.split()[0]}

    def heatmaps(
        self,
        layers: list[str],
        *,
        channels: list[int] | None,
        n_positions: int | None,
        result: str,
    ) -> dict[str, Any]:
        """Write the conditional heatmaps (N, K, n, n) of channels of layers."""
        self.planes = self.planes[:n_positions]
        self.actions = self.actions[:n_positions]
        found = {layer: self._layer_heatmaps(layer, channels) for layer in layers}
        np.savez(result, **found)
        return {"result": result}

    def _layer_heatmaps(self, layer: str, channels: list[int] | None) -> np.ndarray:
        wanted = channels or range(self.network.get_submodule(layer).out_channels)
        rows = []
        for planes, action in zip(self.planes, self.actions, strict=True):
            conditions = [{layer: [c], "y": [action]} for c in wanted]
            parts = [a.heatmap for a in self._generate(planes, conditions)]
            rows.append(torch.cat(parts))
        return torch.stack(rows).numpy()

    def _generate(
        self, planes: Tensor, conditions: list[dict[str, Any]], batch_size: int = 10
    ) -> Any:
        """Start zennit-crp's `generate` for one position."""
        attribution = CondAttribution(self.network)
        return attribution.generate(
            planes[None].clone().requires_grad_(),
            conditions,
            self.composite,
            batch_size=batch_size,
            verbose=False,
        )

    def heatmap_seconds(
        self, layer: str, *, batch_size: int, n_batches: int
    ) -> dict[str, Any]:
        """Time `generate` on a sample of a layer's channels at one position.

        The first batch holds the forward pass too, the others do not; so the
        time for all channels is that of the first and of as many others as
        all channels need.
        """
        n_channels = self.network.get_submodule(layer).out_channels
        n_sampled = min(batch_size * n_batches, n_channels)
        conditions = [{layer: [c], "y": [self.actions[0]]} for c in range(n_sampled)]
        seconds, last = [], time.perf_counter()
        for _ in self._generate(self.planes[0], conditions, batch_size):
            now = time.perf_counter()
            seconds.append(now - last)
            last = now
        return {"batches": seconds, "channels": n_channels}

    def reference_seconds(
        self, layers: list[str], *, batch_size: int
    ) -> dict[str, Any]:
        """Time `FeatureVisualization.run` over all positions."""
        with tempfile.TemporaryDirectory() as folder:
            visualization = FeatureVisualization(
                CondAttribution(self.network),
                Positions(self.planes, self.actions),
                {layer: ChannelConcept() for layer in layers},
                path=folder,
            )
            start = time.perf_counter()
            visualization.run(self.composite, 0, len(self.actions), batch_size)
            return {"seconds": time.perf_counter() - start}


@contextmanager
def _quiet() -> Any:
    """Keep answers apart from what libraries print, which goes to standard error."""
    with open(os.dup(1), "w") as answers:  # noqa: PTH123
        os.dup2(2, 1)
        yield answers


def main() -> None:
    """Answer requests until standard input ends."""
    worker = Worker(read_network(Path(sys.argv[1])))
    with _quiet() as answers:
        for line in sys.stdin:
            answers.write(json.dumps(worker.answer(json.loads(line))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
