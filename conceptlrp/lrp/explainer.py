"""Explain positions: the network, a composite and layers, made ready once.

Shapes use N positions, T targets, K channels asked for at a layer and n x n
squares of the board.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from conceptlrp.errors import CompositeError, NetworkError, check_type
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.attribution import Attribution, concatenate
from conceptlrp.lrp.backends import Passed, fold_batch_norm, make_propagation
from conceptlrp.lrp.baselines import ZERO, Baseline, resolve_baseline
from conceptlrp.lrp.batch import (
    Summary,
    as_array,
    batches,
    begin,
    channel_rows,
    explain_batch,
    summarize_batch,
)
from conceptlrp.lrp.composites import GRADIENT, module_rules, resolve_composites
from conceptlrp.lrp.engine.flows import ConceptGraph, Conservation, join_reports
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation
from conceptlrp.lrp.engine.trace import select_layers, unknown_layer
from conceptlrp.lrp.experiments import intervene
from conceptlrp.lrp.inputs import (
    checked_device,
    checked_dtype,
    probe_boards,
    products_in,
)
from conceptlrp.lrp.interventions import Experiments, Intervened
from conceptlrp.lrp.targets import Target, parse_targets
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello import Corpus
from conceptlrp.othello.positions import Positions, as_corpus
from conceptlrp.shipped import demo_name

Targets = str | Target | Sequence[str | Target]
Conditions = bool | Mapping[str, ArrayLike]
AnyBaseline = str | Baseline | Positions | None


class Explainer:
    """A network ready to be explained by one composite.

    Batch norms are folded and the graph is traced once; the network that was
    passed in is never changed.

    Parameters
    ----------
    network : Module or path
        In evaluation mode; see `attribute`.
    composite : str, Composite or None
        A preset's name, a zennit composite, or None for the default; two names joined
        by "+" are a composite for channels and one for heatmaps.
    heatmaps : str, Composite or None
        The composite that sends relevance of layers, and of the output, to the input;
        None for the same. Conditional heatmaps of all channels still add up.
    layers : str or sequence of str, optional
        Layers to report; all convolutions that an activation follows by
        default. Linear layers such as "fc1" may be named too.
    baseline : str, Baseline, positions or None
        What relevance of layers is measured from: None or "zero", "mean" (over the
        first positions that are explained), a `Baseline`, or the positions of donors,
        one for each position explained. It is R - b * rho, with baseline b and
        relevance rho a unit of activation, which mean ablation and resampling
        measure; relevance of the input stays plain, and so does that of the layer
        that holds a target.
    dtype : str
        "float32", "float64", "bfloat16" where the device has instructions for it,
        or "tf32" on CUDA: float32 whose products are rounded.
    device : str
        Where to compute, as torch names it.
    memory_budget : int
        Bytes that conditional heatmaps may use on their way at a time.
    allow_gradient : bool
        Explain operations that have no rule by gradient times input, by which relevance
        need not add up; they are named in `gradients`, and `composite_name` says so.

    Raises
    ------
    NetworkError, CompositeError, LayerError
        When the network cannot be explained this way; a baseline also where a layer's
        relevance is not multiplied by its activation, as under Flat and WSquare.

    References
    ----------
    Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    Jafari et al., RelP, arXiv:2508.21258 (2025): relevance a unit of activation in
    place of the gradient of attribution patching.
    """

    def __init__(
        self,
        network: AnyNetwork,
        *,
        composite: str | Composite | None = None,
        heatmaps: str | Composite | None = None,
        layers: str | Sequence[str] | None = None,
        baseline: AnyBaseline = None,
        dtype: str = "float32",
        device: str = "cpu",
        memory_budget: int = 1 << 29,
        allow_gradient: bool = False,
    ) -> None:
        network = checked_network(network)
        self.size, self.encoding = network.size, network.encoding
        self.value_kind = network.value_kind
        self.device = checked_device(device)
        self.dtype = checked_dtype(dtype, self.device)
        self.tf32 = dtype == "tf32"
        probe = probe_boards(self.size, self.encoding)
        folded = fold_batch_norm(network, planes=probe, dtype=self.dtype)
        self.network = folded.to(self.device, self.dtype)
        self.composites = resolve_composites(composite, heatmaps, folded)
        self.taps = select_layers(folded, layers)
        self.propagation = make_propagation(
            self.network,
            self.composites,
            self.taps,
            self._probe(),
            memory_budget=memory_budget,
            allow_gradient=allow_gradient,
        )
        #: What relevance is measured from; "mean" until the positions are known.
        self.baseline: str | Baseline = "mean"
        if not (isinstance(baseline, str) and baseline == "mean"):
            self.baseline = resolve_baseline(baseline, self, None)
        if self.baseline != ZERO:
            self.propagation.check_baseline()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that are reported, in execution order."""
        return tuple(self.taps)

    @property
    def composite(self) -> Composite:
        """The composite that sends relevance down to layers."""
        return self.composites[0][0]

    @property
    def composite_name(self) -> str:
        """Its name, or "a+b" with another's for heatmaps; gradients are mentioned."""
        name = "+".join(name for _, name in self.composites)
        return f"{name} with gradients" if self.gradients else name

    @property
    def gradients(self) -> tuple[str, ...]:
        """Operations without a rule, explained by their gradient as was allowed."""
        propagation = self.propagation
        return getattr(propagation, "gradients", ())

    @property
    def rules(self) -> dict[str, str]:
        """The rule that each module gets, by the rule's name."""
        rules = module_rules(self.composite, self.network)
        return {name: type(rule).__name__ for name, rule in rules.items()}

    def attribute(
        self,
        positions: Positions,
        *,
        targets: Targets = ("played",),
        conditional: Conditions = False,
        baseline: AnyBaseline = None,
        batch_size: int = 64,
    ) -> Attribution:
        """Explain positions; see `attribute`. The baseline is by default its own."""
        corpus = self.corpus(positions)
        parsed = parse_targets(targets, self.size)
        above = self.baseline_for(corpus, baseline)
        parts = []
        for rows in batches(len(corpus), batch_size):
            wanted = self._conditions(conditional, len(corpus), rows)
            chosen = [target.take(rows) for target in parsed]
            with self.run(corpus[rows], baseline=above.take(rows)) as passed:
                channels = {
                    layer: channel_rows(layer, every, passed.features[layer])
                    for layer, every in wanted.items()
                }
                part = explain_batch(passed, chosen, corpus[rows], channels, above)
            parts.append(part)
        return replace(concatenate(parts, corpus), gradients=self.gradients)

    def summarize(
        self,
        positions: Positions,
        *,
        targets: Targets = ("played",),
        conditional: bool = False,
        baseline: AnyBaseline = None,
    ) -> Summary:
        """Return channel relevance alone: sums over the board, in one batch.

        With `conditional`, the conditional heatmaps of all channels stay on the device.
        """
        corpus = self.corpus(positions)
        parsed = parse_targets(targets, self.size)
        above = self.baseline_for(corpus, baseline)
        with self.run(corpus, baseline=above) as passed:
            features = passed.features if conditional else {}
            every = {n: channel_rows(n, None, f) for n, f in features.items()}
            return summarize_batch(passed, parsed, corpus, every)

    def channel_heatmaps(
        self,
        positions: Positions,
        channels: Mapping[str, ArrayLike],
        *,
        targets: Targets = ("played",),
        baseline: AnyBaseline = None,
    ) -> dict[str, NDArray[Any]]:
        """Return conditional heatmaps alone, (N, T, K, n, n) by layer, in one batch.

        Shapes: `channels` (N, K), or (N, T, K) where each target has its own.
        """
        corpus = self.corpus(positions)
        parsed = parse_targets(targets, self.size)
        above = self.baseline_for(corpus, baseline)
        with self.run(corpus, baseline=above) as passed:
            relevance = passed.layer_relevance(begin(passed, parsed, corpus)[0])
            rows = {
                layer: channel_rows(layer, np.asarray(every), passed.features[layer])
                for layer, every in channels.items()
            }
            found = passed.conditional(relevance, rows)[0]
            return {layer: as_array(maps) for layer, maps in found.items()}

    @contextmanager
    def forward(self, planes: Tensor, *, baseline: Baseline = ZERO) -> Iterator[Passed]:
        """Run the network on planes (N, P, n, n), for relevance to flow meanwhile.

        Relevance of layers is plain unless given a baseline, whatever the explainer's.
        """
        with products_in(tf32=self.tf32), self.propagation.forward(planes) as passed:
            if baseline.kind == "zero":
                yield passed
            else:
                yield passed.above(self._baseline_maps(baseline, len(planes)))

    def baseline_for(
        self, positions: Positions | None, baseline: AnyBaseline = None
    ) -> Baseline:
        """Return a baseline for positions, by default the explainer's own.

        Its mean is taken over the first positions that are explained, and then kept.
        """
        if baseline is None:
            self.baseline = resolve_baseline(self.baseline, self, positions)
            baseline = self.baseline
        found = resolve_baseline(baseline, self, positions)
        if positions is not None:
            found.check(self.shapes, len(self.corpus(positions)))
        return found

    def _baseline_maps(self, baseline: Baseline, n: int) -> dict[str, Tensor]:
        """Return what relevance is measured from, (n or 1, C, H, W) by layer."""
        baseline.check(self.shapes, n)
        if baseline.donors is not None:
            return self.maps(baseline.donors)
        maps = {n: torch.from_numpy(baseline.maps[n])[None] for n in self.layers}
        return {n: mean.to(self.device, self.dtype) for n, mean in maps.items()}

    @contextmanager
    def run(self, corpus: Corpus, *, baseline: Baseline = ZERO) -> Iterator[Passed]:
        """Run the network on positions, for relevance to flow meanwhile."""
        with self.forward(self._planes(corpus), baseline=baseline) as passed:
            yield passed

    def maps(self, positions: Positions) -> dict[str, Tensor]:
        """Return the feature maps (N, C, H, W) of every layer, in one batch."""
        with self.run(self.corpus(positions)) as passed:
            return passed.features

    def intervene(
        self,
        positions: Positions,
        interventions: Experiments,
        *,
        targets: Targets = ("best",),
        batch_size: int | None = None,
    ) -> Intervened:
        """Change channels or units and see what the network says then.

        Each experiment runs at all positions, and only what lies above its lowest
        changed layer runs again: nothing else can have changed.

        Parameters
        ----------
        positions : Corpus or other positions
            N positions; see `attribute`.
        interventions : Intervention or sequence
            K experiments, each an `Intervention` or a list of them that are made at
            once: layer by layer from below, and in their order within a layer.
        targets : str, Target or sequence of them
            T targets to follow. "best" stays the move that was best before.
        batch_size : int, optional
            Rows, each a position in an experiment, at a time; as many as memory allows
            by default. It changes nothing but memory and time.

        Returns
        -------
        Intervened
            Policy, value, targets and best moves, before and after.

        Raises
        ------
        LayerError, ValueError, TypeError
            For layers, channels, squares, values or donors that do not fit.

        Examples
        --------
        >>> from conceptlrp.lrp import Explainer, Intervention
        >>> explainer = Explainer("demo")
        >>> alone = [Intervention("conv3", channel) for channel in range(64)]
        >>> found = explainer.intervene("f5d6c3d3", alone, targets=["best", "value"])
        >>> found
        Intervened(best, value; 64 experiments at 1 position)
        >>> found.change.shape, found.changed.shape
        ((64, 1, 2), (64, 1))
        """
        return intervene(
            self, positions, interventions, targets=targets, batch_size=batch_size
        )

    @property
    def has_value(self) -> bool:
        """Whether the network has a value head."""
        with self.propagation.forward(self._probe()) as passed:
            return "value" in passed.outputs

    @cached_property
    def shapes(self) -> dict[str, dict[str, int]]:
        """Channels, height and width of every layer's feature map."""
        names = ("channels", "height", "width")
        with self.propagation.forward(self._probe()) as passed:
            return {
                layer: dict(zip(names, feature.shape[1:], strict=True))
                for layer, feature in passed.features.items()
            }

    def concept_graph(
        self,
        positions: Positions,
        *,
        targets: Targets = ("played",),
        per_position: bool = False,
        baseline: AnyBaseline = None,
        batch_size: int = 32,
    ) -> ConceptGraph:
        """Return the relevance that channels send to those of the layer below.

        It is summed over positions unless `per_position` keeps each of them apart. The
        relevance of the upper channel is plain, what it sends is above the baseline of
        the lower one: all that a channel gets is its relevance above the baseline.
        """
        self.check_native("a concept graph")
        self._check_rules("a concept graph")
        parsed = parse_targets(targets, self.size)
        above = self.baseline_for(positions, baseline)
        parts: list[dict[tuple[str, str], NDArray[Any]]] = []
        for rows, passed, starts in self._passes(positions, parsed, batch_size):
            _, layers = passed.relevance(starts)
            if above != ZERO:
                part, n = above.take(rows), len(next(iter(starts.values())))
                passed = passed.above(self._baseline_maps(part, n))
            found = passed.edges(layers, accumulate=not per_position)
            parts.append({pair: as_array(edge) for pair, edge in found.items()})
        join = np.concatenate if per_position else _sum
        edges = {pair: join([part[pair] for part in parts]) for pair in parts[0]}
        names = tuple(target.name for target in parsed)
        return ConceptGraph(names, edges, len(self.corpus(positions)))

    def conservation(
        self,
        positions: Positions,
        *,
        targets: Targets = ("played",),
        batch_size: int = 64,
    ) -> Conservation:
        """Return where relevance is absorbed between the targets and the input."""
        self.check_native("a report on conservation")
        self._check_rules("a report on conservation")
        parsed = parse_targets(targets, self.size)
        parts = [
            passed.conservation(starts)
            for _, passed, starts in self._passes(positions, parsed, batch_size)
        ]
        return join_reports(parts)

    def biases(
        self, positions: Positions, *, targets: Targets = ("played",)
    ) -> NDArray[Any]:
        """Return what biases keep of relevance on its way to the board, (N, T).

        Nan where that cannot be told from what the rules absorb: hooks and gradients.
        """
        parsed = parse_targets(targets, self.size)
        native = isinstance(self.propagation, NativePropagation)
        if not native or self.composites[-1][1] == GRADIENT:
            return np.full((len(self.corpus(positions)), len(parsed)), np.nan)
        passes = self._passes(positions, parsed, batch_size=64)
        return np.concatenate(
            [p.second.conservation(s).bias.sum(0) for _, p, s in passes]
        )

    def corpus(self, positions: Positions) -> Corpus:
        """Return positions in any form as a corpus that the network can be given."""
        corpus = as_corpus(positions, self.size)
        if len(corpus) == 0:
            msg = "there are no positions to explain"
            raise ValueError(msg)
        if corpus.size != self.size:
            msg = (
                f"the network plays on {self.size}x{self.size}, the positions are "
                f"of {corpus.size}x{corpus.size}; give it positions of its size, such "
                f"as '{demo_name(self.size)}'"
            )
            raise NetworkError(msg)
        return corpus

    def _passes(
        self, given: Positions, targets: list[Target], batch_size: int
    ) -> Iterator[tuple[slice, NativePassed, dict[str, Tensor]]]:
        """Yield rows, their pass of the native engine and the targets' relevance."""
        positions = self.corpus(given)
        for rows in batches(len(positions), batch_size):
            chosen = [target.take(rows) for target in targets]
            with self.run(positions[rows]) as passed:
                assert isinstance(passed, NativePassed)
                yield rows, passed, begin(passed, chosen, positions[rows])[0]

    def check_native(self, what: str) -> None:
        """Refuse what zennit's hooks cannot do."""
        if not isinstance(self.propagation, NativePropagation):
            msg = (
                f"{what} needs the native engine, which does not know this network "
                f"({self.propagation.reason}); write it without, or ablate channels"
            )
            raise NetworkError(msg)

    def _check_rules(self, what: str) -> None:
        if self.composites[0][1] == GRADIENT:
            msg = (
                f"{GRADIENT} has no rules that {what} could be about; take 'epsilon', "
                "which on a network of ReLUs gives nearly the same relevance"
            )
            raise CompositeError(msg)

    def _probe(self) -> Tensor:
        """Return the planes of one board, for what does not depend on the board."""
        return probe_boards(self.size, self.encoding)[:1].to(self.device, self.dtype)

    def _planes(self, positions: Corpus) -> Tensor:
        own, opponent = positions.own, positions.opponent
        planes = self.encoding.bitboards(own, opponent, size=self.size)
        return torch.from_numpy(planes).to(self.device, self.dtype)

    def _conditions(
        self, conditional: Conditions, n_positions: int, rows: slice
    ) -> dict[str, NDArray[np.int64] | None]:
        """Return the channels (n, K) wanted at each layer, None for all of them."""
        if isinstance(conditional, bool):
            return dict.fromkeys(self.taps if conditional else ())
        expected = "True, False or channels by layer, such as {'conv3': [17]}"
        check_type(conditional, Mapping, "conditional", expected)
        wanted: dict[str, NDArray[np.int64] | None] = {}
        for layer, channels in conditional.items():
            if layer not in self.taps:
                raise unknown_layer(layer, self.taps)
            array = np.atleast_1d(np.asarray(channels))
            if not array.size:
                array = array.astype(np.int64)
            if array.dtype.kind not in "iu":
                msg = f"channels of '{layer}' are {array.dtype}, expected whole numbers"
                raise TypeError(msg)
            array = array.astype(np.int64)
            if array.ndim == 1:
                array = np.tile(array, (n_positions, 1))
            wanted[layer] = array[rows]
        return wanted


def _sum(parts: list[NDArray[Any]]) -> NDArray[Any]:
    total: NDArray[Any] = np.sum(parts, axis=0)
    return total
