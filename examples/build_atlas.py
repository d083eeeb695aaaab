"""From a trained network and games to a concept atlas.

    python examples/build_atlas.py atlas
    python examples/build_atlas.py atlas 8x8_best.pth.tar WTH_2004.wtb WTH_2005.wtb

Without a network and games, those that ship with conceptlrp are used.
"""

import sys
from pathlib import Path

import conceptlrp as cl
from conceptlrp.clustering import save_clustering


def main(out: str, network: str | None = None, *games: str, n: int = 2000) -> Path:
    """Explain n positions, cluster them by every layer, and write the atlas."""
    net = cl.load_network(network) if network else cl.demo_network()
    corpus = cl.Corpus.read(games) if games else cl.demo_corpus()

    # Transpositions and mirror images would fill a channel's reference boards.
    corpus = corpus.unique(symmetry=True).sample(n, seed=0).turn(seed=0)

    store = cl.attribute_corpus(
        net, corpus, Path(out) / "run.crp", targets=["played", "value"], references=8
    )
    for layer in store.layers:
        save_clustering(cl.cluster_positions(store, layer=layer), store)
    return cl.build_atlas(store, Path(out) / "pages")


if __name__ == "__main__":
    print(f"open {main(*sys.argv[1:]) / 'index.html'}")
