"""Explain positions by one call; to ask more than once, keep an `Explainer`."""

from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike
from torch import nn

from conceptlrp.errors import CompositeError, LayerError, NetworkError
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.attribution import Attribution
from conceptlrp.lrp.baselines import mean_baseline, resolve_baseline
from conceptlrp.lrp.composites import COMPOSITES
from conceptlrp.lrp.explainer import AnyBaseline, Conditions, Explainer
from conceptlrp.lrp.targets import Target
from conceptlrp.networks import network_digest
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello import Position
from conceptlrp.othello.positions import Positions, as_position
from conceptlrp.store import Store
from conceptlrp.store.baseline import Baseline


def attribute(
    network: AnyNetwork,
    corpus: Positions,
    *,
    targets: str | Target | Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    heatmaps: str | Composite | None = None,
    layers: str | Sequence[str] | None = None,
    conditional: Conditions = False,
    baseline: AnyBaseline = None,
    dtype: str = "float32",
    device: str = "cpu",
    batch_size: int = 64,
    allow_gradient: bool = False,
) -> Attribution:
    """Explain a network's outputs at positions by layer-wise relevance.

    Parameters
    ----------
    network : Module or path
        In evaluation mode; takes board planes, returns policy logits or the pair of
        policy logits and value before tanh. Another one is adapted, with a warning if
        something is taken off, or refused; see `conceptlrp.adapt`.
    corpus : Corpus, Position, sequence of Position, or boards
        N positions; boards are an array or tensor of shape (N, n, n), or (n, n) for
        one, with +1 for the side to move, -1 for the other side and 0 for empty
        squares. Text is read as the moves that lead to a position.
    targets : str, Target or sequence of them
        T targets: "played", "best", "value", a square such as "d3", "pass", two
        moves ("d3-c4"), a neuron ("conv3:17"), or an object of
        `conceptlrp.lrp.targets`.
    composite : str, Composite or None
        A preset's name, a zennit composite, or None for "epsilon+epsilon-gamma"; two
        names are one for channels and one for heatmaps.
    heatmaps : str, Composite or None
        The composite that goes from layers, and from the output, to the input; None
        for the same.
    layers : str or sequence of str, optional
        Layers to report; all convolutions by default.
    conditional : bool or mapping
        True for the conditional heatmap of every channel of `layers`; or the
        channels of each layer, as K numbers or, row by row, an (N, K) array; none at
        all for the heatmap of the whole layer only.
    baseline : str, Baseline, positions or None
        What relevance of layers is measured from: None or "zero", "mean" over a
        sample of the corpus, a `Baseline`, or N positions of donors; see `Explainer`.
    dtype : str
        "float32", "float64", "bfloat16" or "tf32"; see `Explainer`.
    device : str
        Where to compute, as torch names it.
    batch_size : int
        Positions at a time; it changes nothing but memory and time.
    allow_gradient : bool
        Explain operations that have no rule by their gradient; see `Explainer`.

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
    Jafari et al., RelP, arXiv:2508.21258 (2025), of relevance above a baseline.
    Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    """
    explainer = Explainer(
        network,
        composite=composite,
        heatmaps=heatmaps,
        layers=layers,
        baseline=baseline,
        dtype=dtype,
        device=device,
        allow_gradient=allow_gradient,
    )
    return explainer.attribute(
        corpus, targets=targets, conditional=conditional, batch_size=batch_size
    )


def explain(
    network: AnyNetwork,
    position: Position | ArrayLike,
    target: str | Target = "best",
    *,
    composite: str | Composite | None = None,
    heatmaps: str | Composite | None = None,
    layers: str | Sequence[str] | None = None,
    conditional: Conditions = False,
    baseline: AnyBaseline = None,
    allow_gradient: bool = False,
) -> Attribution:
    """Explain one output of a network at one position, as a picture in a notebook.

    Parameters
    ----------
    network : Module or path
        In evaluation mode.
    position : Position, array of shape (n, n) or str
        A position, its board, or the moves that lead to it ("f5d6c3").
    target : str or Target
        What is explained, by default the best move.
    composite, heatmaps, layers, conditional
        As for `attribute`.
    baseline : str, Baseline, positions or None
        As for `attribute`, "mean" being that of the corpus that ships.
    allow_gradient : bool
        As for `attribute`.

    Returns
    -------
    Attribution
        Of one position and one target; it draws itself with the board.

    Raises
    ------
    NetworkError, CompositeError, LayerError, TargetError
        As for `attribute`.

    Examples
    --------
    >>> from conceptlrp.networks import demo_network
    >>> explain(demo_network(), "f5d6c3").targets
    ('best',)
    """
    explainer = Explainer(
        network,
        composite=composite,
        heatmaps=heatmaps,
        layers=layers,
        baseline=baseline,
        allow_gradient=allow_gradient,
    )
    # One position has no mean of its own to be above.
    above = resolve_baseline(explainer.baseline, explainer, None)
    return explainer.attribute(
        as_position(position, explainer.size),
        targets=[target],
        conditional=conditional,
        baseline=above,
    )


def check_explains(
    store: Store, network: nn.Module, *, subject: str = "the network is"
) -> str:
    """Return the digest of a network, or refuse it if the store explains another."""
    found, expected = network_digest(network), str(store.manifest.network.get("digest"))
    if found != expected:
        made = store.manifest.network
        weights = f", weights {made['weights']}" if "weights" in made else ""
        msg = (
            f"{subject} {found[:12]}, the store explains {expected[:12]}; pass the "
            f"network it was made with ({made.get('name')}{weights})"
        )
        raise NetworkError(msg)
    return found


def store_explainer(
    store: Store,
    network: AnyNetwork,
    *,
    layers: str | Sequence[str] | None = None,
    composite: Composite | None = None,
    heatmaps: Composite | None = None,
    between: bool = False,
) -> Explainer:
    """Make an explainer that computes of any position what the store would hold.

    Its baseline is the store's, where donors are those of the store's rows. With
    `between` the layers may be others than the store's.
    """
    network = checked_network(network)
    check_explains(store, network)
    asked = [layers] if isinstance(layers, str) else list(layers or store.layers)
    for layer in () if between else asked:
        store.channels(layer)
    name = str(store.manifest.composite.get("name", ""))
    names = name.partition("+")
    return Explainer(
        network,
        composite=_chosen(store, "composite", names[0], composite),
        heatmaps=_chosen(store, "heatmaps", names[2], heatmaps),
        layers=asked,
        baseline=_store_baseline(store, network, asked),
        allow_gradient=bool(store.manifest.plan.gradients),
    )


def _chosen(
    store: Store, option: str, name: str, given: Composite | None
) -> str | Composite | None:
    """Return a composite of a store, by name unless it is no preset."""
    if given is None and name and name not in COMPOSITES:
        msg = (
            f"{store.path}: was computed with the composite '{name}', expected one of "
            f"{', '.join(COMPOSITES)}, or to be given the {option} itself"
        )
        raise CompositeError(msg)
    return given or name or None


def _store_baseline(
    store: Store, network: nn.Module, layers: Sequence[str]
) -> Baseline:
    """Return the baseline of a store, a mean with maps of other layers besides."""
    baseline, made = store.baseline, store.manifest.baseline
    missing = [each for each in layers if each not in baseline.maps]
    if baseline.kind != "mean" or not missing:
        return baseline
    if "of" not in made:
        msg = (
            f"{store.path}: its baseline was given and has no mean of '{missing[0]}'; "
            "explain that layer too, or let the store take the mean"
        )
        raise LayerError(msg)
    more = mean_baseline(
        Explainer(
            network, layers=missing, allow_gradient=bool(store.manifest.plan.gradients)
        ),
        store.positions[: made["of"]],
        n_positions=baseline.positions,
        seed=baseline.seed,
    )
    return replace(baseline, maps={**baseline.maps, **more.maps})
