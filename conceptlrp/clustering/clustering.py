"""The result of a clustering: labels, centres, markers and typical positions.

Shapes use n clustered positions, C channels and K clusters. Clusters are
numbered by size, the largest first; noise, which some estimators report, keeps
the label -1 and is no cluster.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp import jsontext
from conceptlrp.clustering.markers import Markers, strongest_markers, typical_rows
from conceptlrp.clustering.stability import Stability
from conceptlrp.drawing.notebook import html_table
from conceptlrp.store.results.codec import Shape

if TYPE_CHECKING:
    import pandas as pd

_MARKERS = 5


@dataclass(frozen=True, eq=False, repr=False)
class Clustering:
    """Clusters of positions, with what is needed to describe them.

    Attributes
    ----------
    layer : str
        Layer whose channels were compared; several are joined by "+", and their
        channels are numbered on.
    target : str
        Explained output.
    feature : str
        How the relevance of a position was scaled, see `ClusterOptions`.
    method : str
        The estimator with its parameters.
    seed : int
        Seed of everything random.
    rows : int64 array of shape (n,)
        Row of each position in the store, ascending.
    labels : int32 array of shape (n,)
        Cluster of each position, -1 for noise.
    sizes : int64 array of shape (K,)
        Positions of each cluster, descending.
    centers : float32 array of shape (K, C)
        Mean features of each cluster.
    effects : float32 array of shape (K, C)
        Standardised mean difference of each channel, see `marker_effects`.
    distances : float32 array of shape (n,)
        Distance of each position to the centre of its cluster.
    games : int32 array of shape (n,)
        Game of each position.
    embedding : float32 array of shape (n, 2) or None
        Coordinates in the plane.
    network, corpus : str
        Digests of the network and the corpus of the store.
    stability : Stability or None
        How alike clusterings of games drawn again are, where it was measured.
    """

    layer: str
    target: str
    feature: str
    method: str
    seed: int
    rows: Annotated[NDArray[np.int64], Shape("n")]
    labels: Annotated[NDArray[np.int32], Shape("n")]
    sizes: Annotated[NDArray[np.int64], Shape("K")]
    centers: Annotated[NDArray[np.float32], Shape("K C")]
    effects: Annotated[NDArray[np.float32], Shape("K C")]
    distances: Annotated[NDArray[np.float32], Shape("n")]
    games: Annotated[NDArray[np.int32], Shape("n")]
    embedding: Annotated[NDArray[np.float32] | None, Shape("n 2")]
    network: str
    corpus: str
    stability: Stability | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        noise = f", {self.noise} noise" if self.noise else ""
        return (
            f"Clustering({self.layer!r}, {len(self)} positions, "
            f"{self.n_clusters} clusters{noise}, {self.method})"
        )

    def _repr_html_(self) -> str:
        rows = [
            (number, f"{size:,}", str(marked))
            for number, (size, marked) in enumerate(
                zip(self.sizes.tolist(), self.markers(_MARKERS), strict=True)
            )
        ]
        columns = ("cluster", "positions", "marker channels (effect)")
        note = f"{self.noise:,} positions are noise" if self.noise else ""
        title = f"Clusters of {self.layer} ({self.target}), {self.method}"
        return html_table(title, columns, rows, note=note)

    def frame(self) -> "pd.DataFrame":
        """Return a row for each position: its cluster and its place in the plane."""
        import pandas as pd

        layout = self.embedding
        if layout is None:
            layout = np.full((len(self), 2), np.nan, np.float32)
        found = {
            "row": self.rows,
            "layer": self.layer,
            "cluster": self.labels,
            "distance": self.distances,
            "x": layout[:, 0],
            "y": layout[:, 1],
        }
        return pd.DataFrame(found)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        found: dict[str, Any] = jsontext.plain(self)
        return found

    @property
    def n_clusters(self) -> int:
        """Number of clusters K, without the noise."""
        return len(self.sizes)

    @property
    def noise(self) -> int:
        """Number of positions that belong to no cluster."""
        return len(self.labels) - int(self.sizes.sum())

    def members(self, cluster: int) -> NDArray[np.int64]:
        """Return the rows of a cluster, ascending; cluster -1 is the noise.

        Parameters
        ----------
        cluster : int
            Number of the cluster.

        Returns
        -------
        int64 array of shape (size,)
            Rows of the store.
        """
        found: NDArray[np.int64] = self.rows[self.labels == cluster]
        return found

    def markers(self, count: int = 8) -> tuple[Markers, ...]:
        """Find the channels that set each cluster apart from all other positions.

        Parameters
        ----------
        count : int
            Channels of each cluster.

        Returns
        -------
        tuple of K Markers
            Channels and effects, strongest first.
        """
        return strongest_markers(self.effects, count)

    def typical(self, count: int = 8) -> tuple[NDArray[np.int64], ...]:
        """Find the positions nearest to each centre, at most one of a game.

        Parameters
        ----------
        count : int
            Positions of each cluster.

        Returns
        -------
        tuple of K int64 arrays of shape (<= count,)
            Rows of the store, nearest first.
        """
        found = typical_rows(
            self.labels,
            self.distances,
            self.games,
            n_clusters=self.n_clusters,
            count=count,
        )
        return tuple(self.rows[each] for each in found)
