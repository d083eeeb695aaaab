"""How a baseline is taken: of a user's word, a sample of positions, or donors."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import CompositeError
from conceptlrp.othello import Corpus
from conceptlrp.shipped import demo_name
from conceptlrp.store.baseline import (
    BASELINES as BASELINES,
    ZERO as ZERO,
    Baseline as Baseline,
)

if TYPE_CHECKING:
    from conceptlrp.lrp.explainer import Explainer
    from conceptlrp.othello.positions import Positions

#: Positions that a mean is taken over.
MEAN_POSITIONS = 1024
#: What relevance in a store is above unless told otherwise: the mean, which ablation
#: and resampling put in a channel's place, where there are enough positions for one.
DEFAULT_BASELINE = "mean"
_FEWEST_OF_DEFAULT = 100
_BATCH = 256


def mean_baseline(
    explainer: "Explainer",
    corpus: "Positions",
    *,
    n_positions: int = MEAN_POSITIONS,
    seed: int = 0,
) -> Baseline:
    """Take the mean feature map of every layer over a sample of positions.

    Parameters
    ----------
    explainer : Explainer
        Whose layers the baseline is for.
    corpus : Corpus or other positions
        Where the sample is drawn.
    n_positions : int
        How many positions; all if there are no more.
    seed : int
        Draws them.

    Returns
    -------
    Baseline
        With maps (C, H, W) in float32, whatever the explainer computes in.

    Raises
    ------
    ValueError
        For fewer than two positions: above its own map, all relevance is zero.

    Examples
    --------
    >>> from conceptlrp.lrp import Explainer
    >>> explainer = Explainer("demo", composite="epsilon")
    >>> mean_baseline(explainer, Corpus.read("demo"), n_positions=64)
    Baseline(the mean of 64 positions)
    """
    sample = explainer.corpus(corpus).sample(n_positions, seed=seed)
    if len(sample) < 2:
        msg = (
            "the mean of one position is its own map, above which relevance is zero; "
            "take mean_baseline over a corpus"
        )
        raise ValueError(msg)
    maps = {
        n: mean.astype(np.float32) for n, mean in mean_maps(explainer, sample).items()
    }
    return Baseline("mean", maps, positions=len(sample), seed=seed)


def mean_maps(explainer: "Explainer", corpus: Corpus) -> dict[str, NDArray[np.float64]]:
    """Return the mean feature map (C, H, W) of every layer over all positions."""
    sums: dict[str, NDArray[np.float64]] = {}
    for first in range(0, len(corpus), _BATCH):
        for layer, feature in explainer.maps(corpus[first : first + _BATCH]).items():
            part = feature.cpu().double().sum(0).numpy()
            sums[layer] = sums[layer] + part if layer in sums else part
    return {layer: total / len(corpus) for layer, total in sums.items()}


def default_baseline(explainer: "Explainer", n_positions: int) -> str:
    """Return the word for what a store of so many positions is above by default.

    It is "zero" for fewer than 100, whose mean would be chance, and where relevance of
    a layer cannot be taken above a mean, as by hooks.
    """
    try:
        explainer.propagation.check_baseline()
    except CompositeError:
        return "zero"
    return DEFAULT_BASELINE if n_positions >= _FEWEST_OF_DEFAULT else "zero"


def resolve_baseline(
    baseline: "str | Baseline | Positions | None",
    explainer: "Explainer",
    corpus: "Positions | None",
) -> Baseline:
    """Return what a user calls a baseline as one.

    Parameters
    ----------
    baseline : None, str, Baseline or positions
        None or "zero" for plain relevance, "mean" for the mean over the corpus, or
        positions in any form: donors, one for each position, row by row.
    explainer : Explainer
        Whose layers it is for.
    corpus : positions or None
        Where a mean is taken; None for the games that ship for the board.

    Returns
    -------
    Baseline
        The same object if it was one.

    Raises
    ------
    ValueError, TypeError
        For an unknown word, or a mean that there are no positions for.
    """
    if baseline is None or isinstance(baseline, Baseline):
        return baseline or ZERO
    if isinstance(baseline, str):
        return _of_word(baseline, explainer, corpus)
    donors = explainer.corpus(baseline)
    return Baseline("donor", donors=donors, positions=len(donors))


def _of_word(word: str, explainer: "Explainer", corpus: "Positions | None") -> Baseline:
    if word == "zero":
        return ZERO
    if word not in BASELINES:
        msg = (
            f"baseline is '{word}', expected 'zero', 'mean', a Baseline or the "
            "positions of donors"
        )
        raise ValueError(msg)
    if word == "donor":
        msg = "baseline is 'donor'; give the donors' positions instead, one for each"
        raise ValueError(msg)
    if corpus is None:
        corpus = Corpus.read(demo_name(explainer.size), size=explainer.size)
    return mean_baseline(explainer, corpus)
