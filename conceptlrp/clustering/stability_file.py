"""The stability of a clustering on disk: one HDF5 file beside the clustering.

Shapes use n clustered positions and K clusters.
"""

from hashlib import sha256
from pathlib import Path
from typing import Final

from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.clustering_file import file_stem
from conceptlrp.clustering.stability import Stability
from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import clear_errors
from conceptlrp.store import Store
from conceptlrp.store.derived import derived_file, save_derived
from conceptlrp.store.tables import Table, encode_tables, read_tables

__all__ = ["load_stability", "save_stability"]

_KIND: Final = "conceptlrp-cluster-stability"


def save_stability(
    stability: Stability,
    clustering: Clustering,
    store: Store,
    *,
    overwrite: bool = False,
) -> Path:
    """Save how stable a clustering was found to be, in the folder of its store.

    Parameters
    ----------
    stability : Stability
        Measured with the labels of the clustering.
    clustering : Clustering
        The clustering.
    store : Store
        Its store.
    overwrite : bool
        Replace the file that is there.

    Returns
    -------
    Path
        ``stability-<layer>.h5`` in that folder.

    Raises
    ------
    OutputExistsError
        If there is a file and it must not be replaced.
    StoreError
        If the file cannot be written.
    ValueError
        If the stability is of another number of clusters.
    """
    if len(stability.jaccard) != clustering.n_clusters:
        msg = (
            f"stability of {len(stability.jaccard)} clusters, expected that of "
            f"{clustering.n_clusters}; measure it with the labels of the clustering"
        )
        raise ValueError(msg)
    texts = {
        "labels": _digest(clustering),
        "agreement": repr(stability.agreement),
        "error": repr(stability.error),
    }
    content = encode_tables(_KIND, texts, [Table({}, {"jaccard": stability.jaccard})])
    name = _name(clustering.layer)
    save_derived(store.path, name, content, overwrite=overwrite)
    return store.path / name


def load_stability(store: Store, clustering: Clustering) -> Stability | None:
    """Load how stable a clustering was found to be.

    Parameters
    ----------
    store : Store
        The store.
    clustering : Clustering
        One of its clusterings.

    Returns
    -------
    Stability or None
        What was saved; None where nothing was, or of other clusters of the layer.

    Raises
    ------
    StoreError
        If the file is damaged.
    """
    path = derived_file(store.path, _name(clustering.layer))
    if path is None:
        return None
    texts, tables = read_tables(path, _KIND)
    with clear_errors(path, StoreError):
        if texts["labels"] != _digest(clustering):
            return None
        (table,) = tables
        return Stability(
            agreement=float(texts["agreement"]),
            error=float(texts["error"]),
            jaccard=table.arrays["jaccard"],
        )


def _name(layer: str) -> str:
    return f"stability-{file_stem(layer)}.h5"


def _digest(clustering: Clustering) -> str:
    """Tell the labels of a clustering from all others."""
    rows, labels = clustering.rows.tobytes(), clustering.labels.tobytes()
    return sha256(rows + labels).hexdigest()
