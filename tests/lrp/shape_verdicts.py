"""What comes of a shape of network, and how far it is from what is right."""

import copy
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conceptlrp.errors import NetworkError
from conceptlrp.lrp import Attribution, Explainer
from conceptlrp.lrp._zennit import (
    Epsilon,
    LayerMapComposite,
    Linear,
    Norm,
    layer_map_base,
)
from conceptlrp.lrp.backends import make_propagation
from conceptlrp.lrp.composites import resolve_composites
from conceptlrp.lrp.engine.elementwise import Centre
from conceptlrp.lrp.engine.hooks import HookPropagation
from conceptlrp.networks import adapt
from conceptlrp.networks.planes import actions_of_squares, board_planes, legal_actions
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus
from tests.lrp.network_shapes import PLANES, SHAPES, Shape
from tests.lrp.shape_oracle import by_autograd

Pairs = Iterable[tuple[Any, Any]]

#: How far from its oracle what is right may be, relative to the largest value.
RIGHT = 1e-10


@dataclass(frozen=True)
class Verdict:
    """An outcome, as a shape expects it, and differences relative to the largest."""

    outcome: str
    differences: dict[str, float] = field(default_factory=dict)

    @property
    def largest(self) -> float:
        return max(self.differences.values(), default=0.0)


@cache
def positions_of(size: int) -> Corpus:
    return random_corpus(2, size=size, seed=5).sample(3, seed=2)


@contextmanager
def quietly() -> Iterator[None]:
    """Ignore warnings: of ends that are taken off, hooks, and torch's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def core(made: Any) -> nn.Module:
    """Return the module inside a wrapper."""
    for name in ("nnet", "module", "_orig_mod"):
        made = getattr(made, name, made)
    return made  # type: ignore[no-any-return]


def explainer_of(shape: Shape, made: Any, **options: Any) -> Explainer:
    """Adapt a module and make it ready, which raises where it is refused."""
    options.setdefault("allow_gradient", shape.expected == "gradient")
    with quietly():
        return Explainer(adapt(made, **shape.options), **options)


def outcome_of(explainer: Explainer) -> str:
    if explainer.gradients:
        return "gradient"
    hooked = isinstance(explainer.propagation, HookPropagation)
    return "hooks" if hooked else "native"


def exact() -> LayerMapComposite:
    """Return epsilon with hardly any, which relevance could be lost to."""
    kept = [(kind, rule) for kind, rule in layer_map_base() if type(rule) is not Norm]
    norms = [
        (kind, Norm(1e-30)) for kind, rule in layer_map_base() if type(rule) is Norm
    ]
    norms.append((Centre, Norm(1e-30)))
    return LayerMapComposite([*kept, *norms, (Linear, Epsilon(1e-30))])


@quietly()
def judge(shape: Shape, c: int = 6) -> Verdict:
    """Explain a shape in float64 and compare it with all that is known of it."""
    made = shape.make(c)
    if not shape.single:
        core(made).double()
    composites = {"composite": exact()}
    if shape.twin:
        composites["heatmaps"] = "epsilon-gamma-flat"
    try:
        explainer = explainer_of(shape, made, dtype="float64", **composites)
    except NetworkError as error:
        return Verdict(f"refused: {error}")
    found = explain(explainer, shape, conditional=True)
    if shape.twin:
        difference = compared(found, _twin_of(shape.twin, c))
        return Verdict(outcome_of(explainer), {"twin": difference})
    differences = {
        "sum over channels": _channels(explainer, shape, found),
        "one position": compared(explain(explainer, shape, slice(1)), found, 1),
    }
    differences["autograd"] = _autograd(shape, core(made), found)
    if outcome_of(explainer) == "native":
        differences["hooks"] = _hooks(explainer, shape)
    if shape.conserves:
        differences["conservation"] = _conservation(shape, made)
    return Verdict(outcome_of(explainer), differences)


@cache
def _twin_of(name: str, c: int) -> Attribution:
    made = SHAPES[name].make(c)
    core(made).double()
    options = {"composite": exact(), "heatmaps": "epsilon-gamma-flat"}
    explainer = explainer_of(SHAPES[name], made, dtype="float64", **options)
    return explain(explainer, SHAPES[name], conditional=True)


def explain(
    explainer: Explainer, shape: Shape, rows: slice = slice(None), **options: Any
) -> Attribution:
    targets = ["best", "value"] if explainer.has_value else ["best"]
    positions = positions_of(shape.size)[rows]
    return explainer.attribute(positions, targets=targets, **options)


def difference_of(pairs: Pairs) -> float:
    worst = 0.0
    for found, expected in pairs:
        found, expected = np.asarray(found), np.asarray(expected)
        if found.shape != expected.shape or not np.isfinite(found).all():
            return np.inf
        if found.size:
            scale = max(float(np.abs(expected).max()), 1e-12)
            worst = max(worst, float(np.abs(found - expected).max()) / scale)
    return worst


def compared(found: Attribution, expected: Attribution, n: int | None = None) -> float:
    """Compare the first n positions, layer by layer in their order."""
    layers = [found.channel_relevance, expected.channel_relevance]
    if len(layers[0]) != len(layers[1]):
        return np.inf
    pairs = [
        (found.logits[:, :64], expected.logits[:, :64]),
        (found.explained, expected.explained),
        (found.input_relevance, expected.input_relevance),
        *zip(*(each.values() for each in layers), strict=True),
        *zip(found.conditional.values(), expected.conditional.values(), strict=False),
    ]
    return difference_of((one, other[:n]) for one, other in pairs)


def _channels(explainer: Explainer, shape: Shape, found: Attribution) -> float:
    """Compare the sum of conditional heatmaps with the layer's own."""
    whole = explain(explainer, shape, conditional={n: [] for n in found.relevance})
    pairs = [(found.conditional[n].sum(2), h) for n, h in whole.layer_heatmap.items()]
    return difference_of(pairs)


def _hooks(explainer: Explainer, shape: Shape) -> float:
    """Compare with zennit's own hooks, by rules that are no gradient."""
    composites = resolve_composites("epsilon-gamma-flat", None, explainer.network)
    native, hooked = copy.copy(explainer), copy.copy(explainer)
    native.propagation = make_propagation(
        explainer.network,
        composites,
        explainer.taps,
        explainer._probe(),
        memory_budget=1 << 29,
    )
    hooked.propagation = HookPropagation(
        explainer.network, composites[0][0], explainer.taps
    )
    asked = {layer: [0] for layer in explainer.layers[:2]}
    found, expected = (
        explain(each, shape, conditional=asked) for each in (native, hooked)
    )
    return compared(found, expected)


def _planes(shape: Shape, module: nn.Module) -> Tensor:
    """Make the planes of the positions by hand."""
    positions, size = positions_of(shape.size), shape.size
    own, opponent = positions.own, positions.opponent
    boards = board_planes(own, opponent, size=size)[:, 0]
    legal = legal_actions(own, opponent, size=size)[:, :-1].reshape(-1, size, size)
    name = shape.options.get("encode", "own-minus-opponent")
    planes = np.stack(PLANES[name](boards, legal), 1)
    return torch.from_numpy(planes.astype(np.float64))


def _autograd(shape: Shape, module: nn.Module, found: Attribution) -> float:
    """Compare with gradients of the module as it is."""
    actions = actions_of_squares(found.squares[:, 0], size=shape.size)
    rows = torch.arange(len(actions))

    def chosen(returned: Any) -> list[Tensor]:
        policy, *value = returned if isinstance(returned, tuple) else (returned,)
        best = policy.flatten(1)[rows, torch.from_numpy(actions)]
        return [best, *(each.flatten() for each in value)]

    values, heatmaps, layers = by_autograd(module, _planes(shape, module), chosen)
    known = [layer for layer in found.relevance if layer in layers]
    return difference_of(
        [
            (found.explained, torch.stack(values, 1)),
            (found.input_relevance, torch.stack(heatmaps, 1)),
            *((found.channel_relevance[n], torch.stack(layers[n], 1)) for n in known),
        ]
    )


def _conservation(shape: Shape, made: Any) -> float:
    """Compare the sum of a heatmap with the output, after taking all biases away."""
    for name, tensor in core(made).state_dict().items():
        if name.endswith(("bias", "running_mean")):
            tensor.zero_()
    explainer = explainer_of(shape, made, composite=exact(), dtype="float64")
    found = explain(explainer, shape)
    return difference_of([(found.heatmap.sum((2, 3)), found.explained)])
