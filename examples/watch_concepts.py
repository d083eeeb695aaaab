"""Watch concepts appear over the snapshots of a training run.

    python examples/watch_concepts.py
    python examples/watch_concepts.py conv3

For random weights, every snapshot that ships and the network they lead to: how well the
best channel of a layer follows each label, on held-out games, within a phase.
"""

import sys

import numpy as np
import torch

import conceptlrp as cl
from conceptlrp.labelling import score_channels
from conceptlrp.labels import label_boards
from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet, demo_snapshots
from conceptlrp.othello import phases

NAMES = ["mobility", "own corners", "corner moves", "stable lead", "frontier lead"]


def main(layer: str = "conv4", n: int = 3000) -> dict[str, dict[str, float]]:
    """Print the largest held-out effect of each label at each snapshot."""
    corpus = cl.Corpus.read("demo").unique(symmetry=True).sample(n, seed=0)
    labels = label_boards(corpus, NAMES)
    sixths = phases(60 - corpus.ply, bins=6)
    torch.manual_seed(0)
    random, trained = OthelloNet(channels=64).eval(), cl.load_network("demo")
    stages = [(f"{each.positions:,}", each.network) for each in demo_snapshots()]
    stages = [("random", random), *stages, ("trained", trained)]

    found = {}
    print(f"{'shown':>12}  " + "  ".join(f"{name:>13}" for name in NAMES))
    for shown, network in stages:
        summary = Explainer(network, layers=[layer]).summarize(corpus, targets=["best"])
        tables = {"activation": summary.activation[layer]}
        scores = score_channels(tables, [], labels, corpus.game, sixths)
        best = np.nanmax(np.abs(scores.held_out["activation"]), axis=0)
        found[shown] = dict(zip(scores.labels, best.tolist(), strict=True))
        row = "  ".join(f"{found[shown][name]:13.2f}" for name in NAMES)
        print(f"{shown:>12}  {row}")
    return found


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "conv4")
