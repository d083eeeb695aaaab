"""What relevance is worth: does a channel with much of it do much to the output?

Usage: ``python tests/benchmarks/effects.py [GAMES] [--positions N] [--ablation A]
[--quick]``. GAMES are game files; without any, the games that ship are used. Every
channel of the shipped network is ablated at every position. Prints, for the logit of
the best legal move and for the value, rank correlations over the channels of a layer
between what ablation changes and

    relevance      its magnitude, by several composites
    activation     the sum over the map
    deviation      how far that sum is from its mean over the positions

"overall" compares means over all positions, "within" the numbers of each position,
averaged. Brackets are 95 % intervals, games being drawn anew.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata

# As a script this file sees its own folder alone, not the package beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.ablation.channels import tally_effects
from conceptlrp.ablation.sample import ABLATIONS, follow_sample
from conceptlrp.lrp import Explainer
from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.othello import Corpus
from conceptlrp.runs import KeepOptions, attribute_corpus
from conceptlrp.statistics.estimates import bootstrap_means, estimate
from conceptlrp.store import Store

COMPOSITES = ("epsilon-gamma", "epsilon", "epsilon-plus-flat", "gradient-x-input")
TARGETS = ("best", "value")
Columns = dict[str, np.ndarray]


def correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rank correlation along the last axis."""
    ranks = [rankdata(each, axis=-1) for each in (one, other)]
    centred = [each - each.mean(-1, keepdims=True) for each in ranks]
    norms = [np.sqrt((each**2).sum(-1)) for each in centred]
    product = (centred[0] * centred[1]).sum(-1)
    bottom = norms[0] * norms[1]
    return np.divide(product, bottom, np.full_like(bottom, np.nan), where=bottom > 0)


def overall(score: np.ndarray, size: np.ndarray, games: np.ndarray) -> str:
    """Correlation of means over positions, both (N, C)."""
    mean = float(correlations(score.mean(0), size.mean(0)))
    drawn = correlations(*(bootstrap_means(each, games) for each in (score, size)))
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def within(score: np.ndarray, size: np.ndarray, games: np.ndarray) -> str:
    """Mean of the correlations at single positions."""
    found = estimate(correlations(score, size), games)
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def scores_of(stores: dict[str, Store], layer: str, target: str) -> Columns:
    """Return what channels can be ranked by, each (N, C)."""
    found = {
        name: np.abs(store.arrays.relevance(layer, target=target))
        for name, store in stores.items()
    }
    activation = next(iter(stores.values())).activation(layer)
    deviation = np.abs(activation - activation.mean(0))
    return {**found, "activation": activation, "deviation": deviation}


def explain(corpus: Corpus, folder: Path) -> dict[str, Store]:
    network = demo_network()
    return {
        name: attribute_corpus(
            network,
            corpus,
            folder / f"{name}.crp",
            targets=TARGETS,
            composite=name,
            baseline="zero",
            keep=KeepOptions(detail="sums"),
        )
        for name in COMPOSITES
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("games", nargs="*")
    parser.add_argument("--positions", type=int, default=500)
    parser.add_argument("--ablation", choices=ABLATIONS, default="mean")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    n = 60 if options.quick else options.positions
    read = Corpus.read(options.games) if options.games else demo_corpus()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        stores = explain(read.unique().sample(n, seed=0), Path(folder))
        report(stores, options.ablation)


def report(stores: dict[str, Store], ablation: str) -> None:
    first = next(iter(stores.values()))
    explainer = Explainer(demo_network(), layers=first.layers)
    sample = follow_sample(
        first, target="best", n_positions=len(first), seed=0, device=explainer.device
    )
    start = time.process_time()
    tallies = tally_effects(explainer, sample, ablation=ablation)
    seconds = time.process_time() - start
    names = [*COMPOSITES, "activation", "deviation"]
    console = Console(width=160, soft_wrap=True)
    for title, compare in (("overall", overall), ("within", within)):
        table = Table("layer", "output", *names, title=title)
        for tally in tallies:
            for target, change in zip(TARGETS, (tally.fall, tally.value), strict=True):
                scores = scores_of(stores, tally.layer, target)
                cells = [
                    compare(scores[name], np.abs(change), sample.corpus.game)
                    for name in names
                ]
                table.add_row(tally.layer, target, *cells)
        console.print(table)
    for tally in tallies:
        found = tally.result()
        console.print(
            f"{tally.layer}: mean change {found.size.mean():.3f}, of controls "
            f"{found.control.mean():.3f}; {found.beats_control.sum()} of "
            f"{len(found.size)} channels above their control, intervals apart; largest "
            f"{found.size.max():.2f} (channel {found.order[0]})"
        )
    games = len(np.unique(sample.corpus.game))
    console.print(
        f"{len(sample)} positions of {games} games, ablation '{ablation}', "
        f"{seconds:.0f} s of processor time for ablations and controls"
    )


if __name__ == "__main__":
    main()
