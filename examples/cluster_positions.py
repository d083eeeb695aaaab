"""Positions on which the network uses the same channels, by any estimator.

python examples/cluster_positions.py run.crp conv3
"""

import sys

from sklearn.cluster import BisectingKMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import conceptlrp as cl


def main(path: str, layer: str, n_clusters: int = 6) -> cl.Clustering:
    """Cluster a store's positions and print what marks each cluster."""
    store = cl.open_store(path)

    # Without an estimator, spectral clustering on landmarks is used.
    pipeline = make_pipeline(PCA(4), BisectingKMeans(n_clusters))
    clustering = cl.cluster(store, layer, estimator=pipeline, overwrite=True)

    for number, markers in enumerate(clustering.markers(3)):
        channels = ", ".join(str(channel) for channel in markers.channels)
        print(f"cluster {number}: {clustering.sizes[number]} positions, {channels}")
    return clustering


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
