"""Watch concepts and moves appear over the snapshots of a training run.

    python examples/watch_concepts.py
    python examples/watch_concepts.py conv3 demo6

For random weights, every snapshot that ships and the network they lead to: how well the
best channel of a layer follows each label, on held-out games, within a phase; then, of
the best moves, those into a corner where one is free, and those of the trained network.
"""

import sys

import numpy as np
import torch

import conceptlrp as cl
from conceptlrp.labelling import score_channels
from conceptlrp.labels import label_boards
from conceptlrp.labels.geometry import location_classes
from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet, demo_snapshots, predict

NAMES = ["mobility", "own corners", "corner moves", "stable lead", "frontier lead"]


def main(
    layer: str = "conv4", name: str = "demo", *, n: int = 3000
) -> dict[str, dict[str, float]]:
    """Print the largest held-out effect of each label, and the play, at each stage."""
    corpus = cl.Corpus.read(name).unique(symmetry=True).sample(n, seed=0)
    labels, size = label_boards(corpus, NAMES), corpus.size
    is_corner = location_classes(size) == 0
    may = labels.move["corner moves"] > 0
    torch.manual_seed(0)
    random, trained = OthelloNet(64, size).eval(), cl.load_network(name)
    stages = [(f"{s.positions:,}", s.network) for s in demo_snapshots(size)]
    stages = [("random", random), *stages, ("trained", trained)]
    final = predict(trained, corpus.own, corpus.opponent).best

    found, columns = {}, [*NAMES, "takes corner", "as trained"]
    print(f"{'shown':>12}  " + "  ".join(f"{column:>13}" for column in columns))
    for shown, network in stages:
        summary = Explainer(network, layers=[layer]).summarize(corpus, targets=["best"])
        tables = {"activation": summary.activation[layer]}
        scores = score_channels(tables, [], labels, corpus.game, corpus.ply)
        best = np.nanmax(np.abs(scores.held_out["activation"]), axis=0)
        found[shown] = dict(zip(scores.labels, best.tolist(), strict=True))
        moves = predict(network, corpus.own, corpus.opponent).best
        found[shown]["takes corner"] = is_corner[moves[may]].mean()
        found[shown]["as trained"] = (moves == final).mean()
        row = "  ".join(f"{found[shown][column]:13.2f}" for column in columns)
        print(f"{shown:>12}  {row}")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
