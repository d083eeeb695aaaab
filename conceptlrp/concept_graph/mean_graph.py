"""The concept graph of a corpus: mean relevance between channels, and its paths.

Nodes are a target and the channels of every layer; edges lead from a target to the
channels of the topmost layers, and from a channel to those of the layers below
that it sends relevance to. Means are taken over positions, of relevance with its
sign and of its magnitude: what speaks for one position's move and against
another's cancels in the former only.

Shapes use T targets, C channels above and D channels below.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import TargetError
from conceptlrp.store.results.codec import Shape

if TYPE_CHECKING:
    from conceptlrp.lrp.explainer import Explainer
    from conceptlrp.lrp.inputs import Positions
    from conceptlrp.lrp.targets import Target

Array = NDArray[np.float64]
Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Flow:
    """Mean relevance that arrives somewhere.

    Attributes
    ----------
    signed : float64 array
        Mean of relevance.
    absolute : float64 array of the same shape
        Mean of its magnitude.
    """

    signed: Annotated[Array, Shape("T C D?", np.float32)]
    absolute: Annotated[Array, Shape("T C D?", np.float32)]


@dataclass(frozen=True, eq=False)
class MeanConceptGraph:
    """Relevance between channels of adjacent layers, averaged over positions.

    Attributes
    ----------
    targets : tuple of str
        Names of the T targets.
    layers : tuple of str
        The layers, in execution order.
    nodes : dict of str to Flow of shape (T, C)
        Relevance of the channels of each layer.
    edges : dict of (str, str) to Flow of shape (T, C, D)
        What the channels of an upper layer send to those of a lower one.
    positions : int
        Number of positions.
    """

    targets: tuple[str, ...]
    layers: tuple[str, ...]
    nodes: dict[str, Flow]
    edges: dict[Pair, Flow]
    positions: int

    @property
    def top_layers(self) -> tuple[str, ...]:
        """Layers that no other sends to: targets do."""
        lower = {pair[1] for pair in self.edges}
        return tuple(layer for layer in self.layers if layer not in lower)

    def below(self, layer: str) -> tuple[str, ...]:
        """Return the layers that a layer sends to."""
        return tuple(low for up, low in self.edges if up == layer)

    def target_index(self, target: int | str) -> int:
        """Return the index of a target that is given by index or name."""
        if isinstance(target, str) and target in self.targets:
            return self.targets.index(target)
        if isinstance(target, int) and 0 <= target < len(self.targets):
            return target
        known = ", ".join(self.targets)
        msg = f"the graph has no target {target!r}, expected one of {known}"
        raise TargetError(msg)

    def shares(self, layer: str, target: int | str = 0) -> dict[str, Array]:
        """Divide what each channel sends among the channels that it sends to.

        Parameters
        ----------
        layer : str
            The upper layer.
        target : int or str
            The explained output.

        Returns
        -------
        dict of str to float64 array of shape (C, D)
            By lower layer, mean magnitudes divided by their sum over all lower
            layers; a channel that sends nothing has zeros.
        """
        index = self.target_index(target)
        flows = {
            low: self.edges[layer, low].absolute[index] for low in self.below(layer)
        }
        total = sum(flow.sum(axis=1) for flow in flows.values())
        return {low: _divided(flow, total) for low, flow in flows.items()}

    def target_shares(self, target: int | str = 0) -> dict[str, Array]:
        """Divide what a target sends among the channels of the topmost layers.

        Parameters
        ----------
        target : int or str
            The explained output.

        Returns
        -------
        dict of str to float64 array of shape (C,)
            By topmost layer, mean magnitudes divided by their sum.
        """
        index = self.target_index(target)
        flows = {layer: self.nodes[layer].absolute[index] for layer in self.top_layers}
        total = np.array([sum(flow.sum() for flow in flows.values())])
        return {layer: _divided(flow[None], total)[0] for layer, flow in flows.items()}


def mean_concept_graph(
    explainer: "Explainer",
    positions: "Positions",
    *,
    targets: "Sequence[str | Target]" = ("played",),
    batch_size: int = 16,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> MeanConceptGraph:
    """Average the concept graph over positions.

    Parameters
    ----------
    explainer : Explainer
        Network, composite and layers.
    positions : Corpus, Position, sequence of Position, or array of boards
        N positions.
    targets : sequence of str or Target
        T targets.
    batch_size : int
        Positions at a time; memory grows with it and with pairs of channels.
    on_progress : callable, optional
        Called with "graph", how many positions are done and how many there are.

    Returns
    -------
    MeanConceptGraph
        Summed in float64, so that batches change nothing beyond rounding.
    """
    # A saved graph is read without torch.
    from conceptlrp.lrp.inputs import as_corpus
    from conceptlrp.lrp.targets import parse_targets

    corpus = as_corpus(positions)
    parsed = parse_targets(targets, explainer.size)
    nodes: dict[str, Flow] = {}
    edges: dict[Pair, Flow] = {}
    for first in range(0, len(corpus), batch_size):
        rows = slice(first, first + batch_size)
        chosen = [target.take(rows) for target in parsed]
        batch = corpus[rows]
        summary = explainer.summarize(batch, targets=chosen)
        graph = explainer.concept_graph(
            batch, targets=chosen, per_position=True, batch_size=batch_size
        )
        _add(nodes, summary.relevance)
        _add(edges, graph.edges)
        if on_progress is not None:
            on_progress("graph", min(first + batch_size, len(corpus)), len(corpus))
    return MeanConceptGraph(
        targets=tuple(target.name for target in parsed),
        layers=explainer.layers,
        nodes=_divide(nodes, len(corpus)),
        edges=_divide(edges, len(corpus)),
        positions=len(corpus),
    )


def _add(totals: dict[Any, Flow], found: dict[Any, NDArray[np.floating]]) -> None:
    """Add what a batch found, position by position, to the totals."""
    for name, values in found.items():
        signed = values.sum(axis=0, dtype=np.float64)
        absolute = np.abs(values).sum(axis=0, dtype=np.float64)
        if name in totals:
            signed = signed + totals[name].signed
            absolute = absolute + totals[name].absolute
        totals[name] = Flow(signed, absolute)


def _divide(totals: dict[Any, Flow], count: int) -> dict[Any, Flow]:
    return {n: Flow(f.signed / count, f.absolute / count) for n, f in totals.items()}


def _divided(flow: Array, total: Any) -> Array:
    safe = np.where(total > 0, total, 1)
    return np.asarray(flow / safe[:, None], dtype=np.float64)
