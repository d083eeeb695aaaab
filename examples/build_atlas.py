"""From a trained network and games to a concept atlas.

    python examples/build_atlas.py atlas
    python examples/build_atlas.py atlas 8x8_best.pth.tar WTH_2004.wtb WTH_2005.wtb

Without a network and games, those that ship with conceptlrp are used.
"""

import sys
from pathlib import Path

import conceptlrp as cl
from conceptlrp.runs import KeepOptions


def main(out: str, network: str = "demo", *games: str, n: int = 2000) -> Path:
    """Explain n positions, cluster them by every layer, and write the atlas."""
    net = cl.load_network(network)
    corpus = cl.Corpus.read(games or "demo")

    # Transpositions and mirror images would fill a channel's reference boards.
    corpus = corpus.unique(symmetry=True).sample(n, seed=0).turn(seed=0)

    store = cl.attribute_corpus(
        net,
        corpus,
        Path(out) / "run.crp",
        targets=["played", "value"],
        keep=KeepOptions(references=8),
    )
    for layer in store.layers:
        cl.cluster(store, layer)
    return cl.build_atlas(store, Path(out) / "pages")


if __name__ == "__main__":
    print(f"open {main(*sys.argv[1:]) / 'index.html'}")
