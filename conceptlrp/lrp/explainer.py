"""Explain positions: the network, a composite and layers, made ready once.

Shapes use N positions, T targets, K channels asked for at a layer and n x n
squares of the board.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, fx, nn
from zennit.core import Composite

from conceptlrp.errors import NetworkError
from conceptlrp.lrp.absorption import Conservation, join_reports
from conceptlrp.lrp.attribution import Attribution, concatenate
from conceptlrp.lrp.canonizers import fold_batch_norm
from conceptlrp.lrp.composites import GRADIENT, module_rules, resolve_composite
from conceptlrp.lrp.edges import ConceptGraph
from conceptlrp.lrp.engine import NativePassed, NativePropagation
from conceptlrp.lrp.graph import feature_layers
from conceptlrp.lrp.propagation import Passed, make_propagation
from conceptlrp.lrp.starts import check_channel, starts_of, unknown_layer
from conceptlrp.lrp.summary import Summary, as_array, summarize_layers
from conceptlrp.lrp.targets import (
    Target,
    opposed_squares,
    parse_target,
    target_squares,
)
from conceptlrp.networks import board_planes
from conceptlrp.othello import (
    Corpus,
    Position,
    corpus_of_boards,
    corpus_of_positions,
)

Conditions = bool | Mapping[str, ArrayLike]
Positions = Corpus | Position | Sequence[Position] | NDArray[Any]
_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
}


class Explainer:
    """A network ready to be explained by one composite.

    Batch norms are folded and the graph is traced once; the network that was
    passed in is never changed.

    Parameters
    ----------
    network : Module
        In evaluation mode; takes board planes, returns policy logits or the
        pair of policy logits and value before tanh.
    composite : str, Composite or None
        A preset's name, a zennit composite, or None for the default.
    layers : sequence of str, optional
        Layers to report; all convolutions that an activation follows by
        default. Linear layers such as "fc1" may be named too.
    dtype : str
        "float32", "float64", or "bfloat16" where the device has instructions
        for it.
    device : str
        Where to compute, as torch names it.
    memory_budget : int
        Bytes that conditional heatmaps may use on their way at a time.

    Raises
    ------
    NetworkError, CompositeError, LayerError
        When the network cannot be explained this way.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        composite: str | Composite | None = None,
        layers: Sequence[str] | None = None,
        dtype: str = "float32",
        device: str = "cpu",
        memory_budget: int = 1 << 29,
    ) -> None:
        self.size = int(getattr(network, "size", 8))
        self.planes = _input_planes(network)
        self.device = torch.device(device)
        self.dtype = _checked_dtype(dtype, self.device)
        folded = fold_batch_norm(network, planes=_probe(self.size, self.planes))
        self.network = folded.to(self.device, self.dtype)
        self.composite, self.composite_name = resolve_composite(composite, folded)
        self.taps = _select_layers(folded, layers)
        self.propagation = make_propagation(
            self.network,
            self.composite,
            self.taps,
            _probe(self.size, self.planes)[:1].to(self.device, self.dtype),
            memory_budget=memory_budget,
            gradient=self.composite_name == GRADIENT,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that are reported, in execution order."""
        return tuple(self.taps)

    @property
    def rules(self) -> dict[str, str]:
        """The rule that each module gets, by the rule's name."""
        rules = module_rules(self.composite, self.network)
        return {name: type(rule).__name__ for name, rule in rules.items()}

    def attribute(
        self,
        positions: Positions,
        *,
        targets: Sequence[str | Target] = ("played",),
        conditional: Conditions = False,
        batch_size: int = 64,
    ) -> Attribution:
        """Explain positions; see `attribute`."""
        corpus = self._corpus(positions)
        if batch_size < 1:
            msg = f"batch_size is {batch_size}, expected at least 1"
            raise ValueError(msg)
        parsed = [parse_target(t, size=self.size) for t in targets]
        parts = []
        for start in range(0, len(corpus), batch_size):
            rows = slice(start, start + batch_size)
            batch = corpus[rows]
            conditions = self._conditions(conditional, len(corpus), rows)
            parts.append(self._batch(batch, parsed, conditions))
        return concatenate(parts)

    def summarize(
        self,
        positions: Positions,
        *,
        targets: Sequence[str | Target] = ("played",),
    ) -> Summary:
        """Compute channel relevance alone: sums over the board, in one batch.

        Parameters
        ----------
        positions : Corpus, Position, sequence of Position, or array of boards
            N positions, as many as fit a batch.
        targets : sequence of str or Target
            T targets.
        """
        corpus = self._corpus(positions)
        parsed = [parse_target(t, size=self.size) for t in targets]
        with self.propagation.forward(self._planes(corpus)) as passed:
            starts, squares = _begin(passed, parsed, corpus)
            planes, layers = passed.relevance(starts)
            return Summary(
                targets=tuple(target.name for target in parsed),
                heatmap=as_array(planes.sum(2)),
                squares=squares,
                explained=_explained(starts),
                logits=as_array(passed.outputs["policy"]),
                value=_value(passed),
                **summarize_layers(layers, passed.features),
            )

    @property
    def shapes(self) -> dict[str, dict[str, int]]:
        """Channels, height and width of every layer's feature map."""
        planes = _probe(self.size, self.planes)[:1].to(self.device, self.dtype)
        names = ("channels", "height", "width")
        with self.propagation.forward(planes) as passed:
            return {
                layer: dict(zip(names, feature.shape[1:], strict=True))
                for layer, feature in passed.features.items()
            }

    def concept_graph(
        self,
        positions: Positions,
        *,
        targets: Sequence[str | Target] = ("played",),
        per_position: bool = False,
        batch_size: int = 32,
    ) -> ConceptGraph:
        """Compute relevance between channels of adjacent layers.

        Parameters
        ----------
        positions : Corpus
            N positions.
        targets : sequence of str or Target
            T targets.
        per_position : bool
            Keep every position apart, instead of their sum.
        batch_size : int
            Positions at a time.
        """
        parsed = [parse_target(t, size=self.size) for t in targets]
        parts: list[dict[tuple[str, str], NDArray[Any]]] = []
        for passed, starts in self._passes(positions, parsed, batch_size):
            _, layers = passed.relevance(starts)
            found = passed.edges(layers, accumulate=not per_position)
            parts.append({pair: as_array(edge) for pair, edge in found.items()})
        join = np.concatenate if per_position else _sum
        edges = {pair: join([part[pair] for part in parts]) for pair in parts[0]}
        names = tuple(target.name for target in parsed)
        return ConceptGraph(names, edges, len(self._corpus(positions)))

    def conservation(
        self,
        positions: Positions,
        *,
        targets: Sequence[str | Target] = ("played",),
        batch_size: int = 64,
    ) -> Conservation:
        """Report where relevance is absorbed between the targets and the input."""
        parsed = [parse_target(t, size=self.size) for t in targets]
        parts = [
            passed.conservation(starts)
            for passed, starts in self._passes(positions, parsed, batch_size)
        ]
        return join_reports(parts)

    def path_heatmaps(
        self,
        positions: Positions,
        path: Mapping[str, Sequence[int]],
        *,
        targets: Sequence[str | Target] = ("played",),
        exclude_parallel: bool = True,
        batch_size: int = 64,
    ) -> NDArray[Any]:
        """Compute input relevance through channels of several layers at once.

        Parameters
        ----------
        positions : Corpus
            N positions.
        path : mapping of str to sequence of int
            Channels that relevance must go through, by layer.
        targets : sequence of str or Target
            T targets.
        exclude_parallel : bool
            Count only what goes through every layer of the path, not what passes
            beside one along a skip connection.
        batch_size : int
            Positions at a time.

        Returns
        -------
        ndarray of shape (N, T, n, n)
            Heatmaps, planes summed.
        """
        parsed = [parse_target(t, size=self.size) for t in targets]
        parts = []
        for passed, starts in self._passes(positions, parsed, batch_size):
            for layer, channels in path.items():
                if layer not in passed.features:
                    raise unknown_layer(layer, passed.features)
                for channel in channels:
                    check_channel(layer, channel, passed.features[layer].shape[1])
            maps = passed.path(starts, path, exclude_parallel=exclude_parallel)
            parts.append(as_array(maps))
        return np.concatenate(parts)

    def _passes(
        self, given: Positions, targets: list[Target], batch_size: int
    ) -> Iterator[tuple[NativePassed, dict[str, Tensor]]]:
        """Yield forward passes of the native engine with the targets' relevance."""
        positions = self._corpus(given)
        if not isinstance(self.propagation, NativePropagation):
            msg = "this needs the native engine, which does not know a module or rule"
            raise NetworkError(msg)
        for first in range(0, len(positions), batch_size):
            batch = positions[first : first + batch_size]
            with self.propagation.forward(self._planes(batch)) as passed:
                yield passed, _begin(passed, targets, batch)[0]

    def _corpus(self, positions: Positions) -> Corpus:
        """Return positions in any form as a corpus that the network can read."""
        corpus = _as_corpus(positions)
        self._check(corpus)
        return corpus

    def _check(self, positions: Corpus) -> None:
        if len(positions) == 0:
            msg = "there are no positions to explain"
            raise ValueError(msg)
        if positions.size != self.size:
            msg = (
                f"the network plays on {self.size}x{self.size}, the positions are "
                f"of {positions.size}x{positions.size}"
            )
            raise NetworkError(msg)

    def _planes(self, positions: Corpus) -> Tensor:
        planes = board_planes(
            positions.own, positions.opponent, size=self.size, planes=self.planes
        )
        return torch.from_numpy(planes).to(self.device, self.dtype)

    def _conditions(
        self, conditional: Conditions, n_positions: int, rows: slice
    ) -> dict[str, NDArray[np.int64] | None]:
        """Return the channels (n, K) wanted at each layer, None for all of them."""
        if isinstance(conditional, bool):
            return dict.fromkeys(self.taps if conditional else ())
        wanted: dict[str, NDArray[np.int64] | None] = {}
        for layer, channels in conditional.items():
            if layer not in self.taps:
                raise unknown_layer(layer, self.taps)
            array = np.atleast_1d(np.asarray(channels, dtype=np.int64))
            if array.ndim == 1:
                array = np.tile(array, (n_positions, 1))
            wanted[layer] = array[rows]
        return wanted

    def _batch(
        self,
        positions: Corpus,
        targets: list[Target],
        conditions: dict[str, NDArray[np.int64] | None],
    ) -> Attribution:
        with self.propagation.forward(self._planes(positions)) as passed:
            channels = {
                layer: _channel_rows(layer, wanted, passed.features[layer])
                for layer, wanted in conditions.items()
            }
            return _explain(passed, targets, positions, channels)


def _explained(starts: Mapping[str, Tensor]) -> NDArray[Any]:
    """Return the targets' values (N, T): the relevance that starts."""
    return as_array(torch.stack([s.flatten(2).sum(2) for s in starts.values()]).sum(0))


def _value(passed: Passed) -> NDArray[Any]:
    """Return the value before tanh (N,), nan where there is no value head."""
    if "value" not in passed.outputs:
        return np.full(len(passed.outputs["policy"]), np.nan, np.float32)
    return as_array(passed.outputs["value"][:, 0])


def _as_corpus(positions: Positions) -> Corpus:
    if isinstance(positions, Corpus):
        return positions
    if isinstance(positions, Position):
        return corpus_of_positions([positions])
    if isinstance(positions, np.ndarray):
        return corpus_of_boards(positions)
    return corpus_of_positions(positions)


def _begin(
    passed: Passed, targets: Sequence[Target], positions: Corpus
) -> tuple[dict[str, Tensor], NDArray[np.int8]]:
    """Return where relevance starts, and the moves (N, T) that the targets mean."""
    logits = as_array(passed.outputs["policy"])
    squares = np.stack([target_squares(t, positions, logits) for t in targets], 1)
    opposed = np.stack([opposed_squares(t, positions, logits) for t in targets], 1)
    tensors = {**passed.outputs, **passed.features}
    return starts_of(tensors, targets, squares, opposed, positions.size), squares


def _sum(parts: list[NDArray[Any]]) -> NDArray[Any]:
    total: NDArray[Any] = np.sum(parts, axis=0)
    return total


def _explain(
    passed: Passed,
    targets: Sequence[Target],
    positions: Corpus,
    channels: dict[str, Tensor],
) -> Attribution:
    starts, squares = _begin(passed, targets, positions)
    planes, layers = passed.relevance(starts)
    maps, mode = passed.conditional(layers, channels) if channels else ({}, "")
    return Attribution(
        targets=tuple(target.name for target in targets),
        input_relevance=as_array(planes),
        relevance={layer: as_array(r) for layer, r in layers.items()},
        activation={layer: as_array(f) for layer, f in passed.features.items()},
        conditional={layer: as_array(found) for layer, found in maps.items()},
        channels={layer: as_array(rows) for layer, rows in channels.items()},
        squares=squares,
        explained=_explained(starts),
        logits=as_array(passed.outputs["policy"]),
        value=_value(passed),
        mode=mode,
    )


def _channel_rows(
    layer: str, wanted: NDArray[np.int64] | None, feature: Tensor
) -> Tensor:
    n_channels = feature.shape[1]
    if wanted is None:
        return torch.arange(n_channels).expand(len(feature), -1).to(feature.device)
    for channel in (int(wanted.min()), int(wanted.max())):
        check_channel(layer, channel, n_channels)
    return torch.from_numpy(np.ascontiguousarray(wanted)).to(feature.device)


def _select_layers(
    traced: fx.GraphModule, layers: Sequence[str] | None
) -> dict[str, str]:
    taps = feature_layers(traced)
    if layers is None:
        return {n: t for n, t in taps.items() if not _is_linear(traced, n)}
    for layer in layers:
        if layer not in taps:
            raise unknown_layer(layer, taps)
    return {n: t for n, t in taps.items() if n in layers}


def _is_linear(traced: fx.GraphModule, name: str) -> bool:
    return isinstance(traced.get_submodule(name), nn.Linear)


def _checked_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return a dtype by name, unless the device would be slow at it."""
    if name not in _DTYPES:
        msg = f"dtype is '{name}', expected one of {', '.join(_DTYPES)}"
        raise ValueError(msg)
    dtype = _DTYPES[name]
    on_cpu = dtype is torch.bfloat16 and device.type == "cpu"
    if on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        msg = (
            "this processor has no bfloat16 instructions and would be 5 to 100 times "
            "slower than with float32; use 'float32'"
        )
        raise ValueError(msg)
    return dtype


def _input_planes(network: nn.Module) -> int:
    """Return how many planes the first convolution reads: 1 or 2."""
    convolutions = (m for m in network.modules() if isinstance(m, nn.Conv2d))
    n_planes = getattr(next(convolutions, None), "in_channels", 1)
    if n_planes not in (1, 2):
        msg = (
            f"the network reads {n_planes} planes, expected 1 (own minus opponent) or "
            "2 (own discs, opponent's discs)"
        )
        raise NetworkError(msg)
    return int(n_planes)


def _probe(size: int, n_planes: int) -> Tensor:
    """Return boards of random discs on which outputs are compared."""
    generator = torch.Generator().manual_seed(0)
    board = torch.randint(-1, 2, (16, 1, size, size), generator=generator).double()
    return board if n_planes == 1 else torch.cat([board > 0, board < 0], 1).double()
