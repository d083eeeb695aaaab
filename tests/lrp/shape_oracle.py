"""Relevance of any module by plain autograd, the module being run as it is.

By LRP-0 relevance is the value times the gradient, once every operation with a rule of
its own is made the linear map that it is at this input: an activation a factor,
``f(z) = z * (f(z) / z)``, a gate and a norm's deviation constants. A bias between (a
batch norm on its own, a norm's weights) divides by a stabilised value as ours does.
Nothing is traced and no name is read but those of torch's functions.
"""

import inspect
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

ACTIVATIONS = frozenset(
    (
        *("celu", "clamp", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh"),
        *("leaky_relu", "logsigmoid", "mish", "prelu", "relu", "relu6", "selu"),
        *("sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh"),
    )
)
NORMS = ("batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm")
STABILIZER = 1e-6


def hold(gate: Tensor) -> Tensor:
    """Mark a gate: a tensor in the network, a constant for the oracle."""
    return gate.detach() if _Linear.running else gate


def shared(value: Tensor, part: Tensor) -> Tensor:
    """Return a value of which the part has its stabilised share of relevance."""
    with torch.no_grad():
        share = value / (value + torch.copysign(torch.tensor(STABILIZER), value))
    linear = part * share
    return linear + (value - linear).detach()


class _Linear(TorchFunctionMode):
    """Run every function as the linear map that LRP-0 takes it for."""

    running = False

    def __init__(self) -> None:
        super().__init__()
        self.linear: list[Tensor] = []
        self.reads: list[Tensor] = []
        self.named: dict[str, Tensor] = {}
        self.normed: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(
        self, func: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = self._run(func, args, kwargs or {})
        if isinstance(found, Tensor):
            self.reads += [each for each in args if isinstance(each, Tensor)]
        return found

    def _run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = str(getattr(func, "__name__", ""))
        if name.rstrip("_") in ACTIVATIONS and not name.startswith("__"):
            return _activate(func, name, args, kwargs)
        if name in NORMS:
            given = inspect.signature(getattr(F, name)).bind(*args, **kwargs)
            given.apply_defaults()
            part, bias = _normed(name, **given.arguments)
            folded = name == "batch_norm" and any(args[0] is a for a in self.linear)
            found = part if bias is None else part + bias
            if bias is not None and not folded and bias.any():
                found = shared(found, part)
            self.normed.append((args[0], found))
            return found
        constant = name in ("add", "__add__", "__radd__") and not _grows(args[1])
        if constant and bool(torch.as_tensor(args[1]).any()):
            return shared(func(*args, **kwargs), args[0])
        return func(*args, **kwargs)


def _normed(name: str, input: Tensor, **given: Any) -> tuple[Tensor, Tensor | None]:  # noqa: A002
    """Return what a norm makes of its input, the deviation held, and its bias."""
    weight, bias = given.get("weight"), given.get("bias")
    column = (-1, *(1 for _ in input.shape[2:]))
    if name not in ("layer_norm", "rms_norm") and weight is not None:
        weight, bias = weight.view(column), bias.view(column)
    if given.get("running_var") is not None:
        scale = (given["running_var"] + given["eps"]).rsqrt().view(column)
        scale, shift = (scale, 0) if weight is None else (scale * weight, bias)
        return input * scale, shift - given["running_mean"].view(column) * scale
    if "normalized_shape" in given:
        grouped = input.flatten(-len(given["normalized_shape"]))
    else:
        n_groups = given.get("num_groups", input.shape[1])
        grouped = input.reshape(len(input), n_groups, -1)
    if name != "rms_norm":
        grouped = grouped - grouped.mean(-1, keepdim=True)
    eps = given["eps"] or torch.finfo(input.dtype).eps
    deviation = (grouped.square().mean(-1, keepdim=True) + eps).sqrt().detach()
    found = (grouped / deviation).reshape(input.shape)
    return found if weight is None else found * weight, bias


def _grows(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _activate(func: Any, name: str, args: Any, kwargs: Any) -> Tensor:
    z = args[0] if args else kwargs.pop("input")
    with torch.no_grad():
        value = func(z.detach().clone(), *args[1:], **kwargs)
        zero = z == 0
        factor = torch.where(zero, torch.zeros_like(z), value / z)
        rest = torch.where(zero, value, torch.zeros_like(z))
    in_place = name.endswith("_") or kwargs.get("inplace")
    in_place = in_place or any(each is True for each in args[1:])
    return z.mul_(factor).add_(rest) if in_place else z * factor + rest


def by_autograd(
    module: nn.Module,
    planes: Tensor,
    chosen: Callable[[Any], list[Tensor]],
) -> tuple[list[Tensor], list[Tensor], dict[str, list[Tensor]]]:
    """Explain what is `chosen` of a module's outputs, each of shape (N,).

    Returns: by target, values, relevance of planes (N, P, n, n), and for every layer
    relevance of channels (N, C), behind its norm where it has one.
    """
    run = _Run(module)
    leaf = planes.clone().requires_grad_()
    # Twice, as a batch norm folds into what it alone reads.
    run(leaf)
    values = chosen(run(leaf))
    heatmaps: list[Tensor] = []
    layers: dict[str, list[Tensor]] = {name: [] for name in run.kept}
    for value in values:
        read = [leaf, *run.kept.values()]
        slopes = torch.autograd.grad(
            value.sum(), read, retain_graph=True, allow_unused=True
        )
        relevance = [
            torch.zeros_like(each) if slope is None else (slope * each).detach()
            for each, slope in zip(read, slopes, strict=True)
        ]
        heatmaps.append(relevance[0])
        for found, part in zip(layers.values(), relevance[1:], strict=True):
            found.append(part.flatten(2).sum(2) if part.dim() > 2 else part)
    return [v.detach() for v in values], heatmaps, layers


class _Run:
    """Forward passes of a module that keep what its convolutions put out."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module.requires_grad_(requires_grad=False)
        self.kept: dict[str, Tensor] = {}
        self.alone: set[str] = set()

    def __call__(self, leaf: Tensor) -> Any:
        self.kept.clear()
        mode = _Linear()
        handles = []
        for name, each in self.module.named_modules():
            if isinstance(each, nn.Conv2d | nn.Linear):
                keep = partial(self._keep, mode, name)
                handles.append(each.register_forward_hook(keep))
        _Linear.running = True
        with torch.enable_grad(), mode:
            # Not the leaf itself, which nothing could be done to in place.
            found = self.module(leaf * 1.0)
        _Linear.running = False
        for handle in handles:
            handle.remove()
        reads = Counter(map(id, mode.reads))
        self.alone = {n for n, each in mode.named.items() if reads[id(each)] == 1}
        for given, normed in mode.normed:
            for name, value in self.kept.items():
                if name in self.alone and value is given:
                    self.kept[name] = normed
        return found

    def _keep(
        self, mode: _Linear, name: str, _module: Any, _given: Any, found: Tensor
    ) -> None:
        self.kept[name] = mode.named[name] = found
        if name in self.alone:
            mode.linear.append(found)
