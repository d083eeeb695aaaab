"""Explain positions by one call, for those who explain once.

Each function makes an `Explainer` and asks it one question; who asks more than
one keeps the explainer.
"""

from collections.abc import Sequence

from torch import nn

from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.attribution import Attribution
from conceptlrp.lrp.engine.absorption import Conservation
from conceptlrp.lrp.engine.edges import ConceptGraph
from conceptlrp.lrp.explainer import Conditions, Explainer
from conceptlrp.lrp.inputs import Positions
from conceptlrp.lrp.targets import Target


def attribute(
    network: nn.Module,
    positions: Positions,
    *,
    targets: Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    layers: Sequence[str] | None = None,
    conditional: Conditions = False,
    dtype: str = "float32",
    device: str = "cpu",
    batch_size: int = 64,
) -> Attribution:
    """Explain a network's outputs at positions by layer-wise relevance.

    Parameters
    ----------
    network : Module
        In evaluation mode; takes board planes, returns policy logits or the
        pair of policy logits and value before tanh.
    positions : Corpus, Position, sequence of Position, or array of boards
        N positions; boards are (N, n, n) with +1 for the side to move, -1 for the
        other side and 0 for empty squares.
    targets : sequence of str or Target
        T targets: "played", "best", "value", a square such as "d3", "pass", or
        an object of `conceptlrp.lrp.targets`.
    composite : str, Composite or None
        A preset's name, a zennit composite, or None for "epsilon-gamma".
    layers : sequence of str, optional
        Layers to report; all convolutions by default.
    conditional : bool or mapping
        True for the conditional heatmap of every channel of `layers`; or the
        channels of each layer, as K numbers or, row by row, an (N, K) array.
    dtype : str
        "float32", "float64", "bfloat16" or "tf32"; see `Explainer`.
    device : str
        Where to compute, as torch names it.
    batch_size : int
        Positions at a time; it changes nothing but memory and time.

    Returns
    -------
    Attribution
        Relevance of input, layers and channels for every position and target.

    Raises
    ------
    NetworkError, CompositeError, LayerError, TargetError
        For a network, composite, layer or target that cannot be explained.

    References
    ----------
    Bach et al., PLoS ONE 10 (2015), doi:10.1371/journal.pone.0130140.
    Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    """
    explainer = Explainer(
        network, composite=composite, layers=layers, dtype=dtype, device=device
    )
    return explainer.attribute(
        positions, targets=targets, conditional=conditional, batch_size=batch_size
    )


def concept_graph(
    network: nn.Module,
    positions: Positions,
    *,
    targets: Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    layers: Sequence[str] | None = None,
    per_position: bool = False,
    dtype: str = "float32",
    device: str = "cpu",
) -> ConceptGraph:
    """Compute the relevance that channels send to those of the layer below.

    Parameters
    ----------
    network, positions, targets, composite, layers
        As for `attribute`.
    per_position : bool
        Keep every position apart, instead of their sum.
    dtype, device : str
        As for `attribute`.

    Returns
    -------
    ConceptGraph
        Edges between the channels of every two adjacent layers.
    """
    explainer = Explainer(
        network, composite=composite, layers=layers, dtype=dtype, device=device
    )
    return explainer.concept_graph(
        positions, targets=targets, per_position=per_position
    )


def conservation(
    network: nn.Module,
    positions: Positions,
    *,
    targets: Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    dtype: str = "float32",
    device: str = "cpu",
) -> Conservation:
    """Report how much relevance each module passes on and absorbs.

    Parameters
    ----------
    network, positions, targets, composite, dtype, device
        As for `attribute`.

    Returns
    -------
    Conservation
        What arrives, is sent on, and is absorbed by bias and stabilizer.
    """
    explainer = Explainer(network, composite=composite, dtype=dtype, device=device)
    return explainer.conservation(positions, targets=targets)
