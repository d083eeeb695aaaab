"""Runs in scanpy's environment: neighbours, Leiden and markers of an export.

Usage: ``python scanpy_worker.py FILE.h5ad RESOLUTION``; prints JSON.
"""

import json
import sys
from importlib.metadata import version

import anndata
import numpy as np
import scanpy as sc

found = anndata.read_h5ad(sys.argv[1])
with_rows_on_disk = anndata.read_h5ad(sys.argv[1], backed="r")
on_disk = np.asarray(with_rows_on_disk.X[:5])
sc.pp.neighbors(found, n_neighbors=10, use_rep="X", random_state=0)
sc.tl.leiden(
    found,
    resolution=float(sys.argv[2]),
    flavor="igraph",
    n_iterations=2,
    directed=False,
    random_state=0,
)
sc.tl.rank_genes_groups(found, "leiden", method="t-test")
markers = found.uns["rank_genes_groups"]["names"]
sizes = found.obs["leiden"].value_counts()
answer = {
    "anndata": version("anndata"),
    "scanpy": version("scanpy"),
    "shape": list(found.shape),
    "sum": float(found.X.sum(dtype=np.float64)),
    "same on disk": bool((on_disk == found.X[:5]).all()),
    "backed": with_rows_on_disk.isbacked,
    "groups": {str(name): int(n) for name, n in sizes.items()},
    "markers": {name: str(markers[name][0]) for name in markers.dtype.names},
    "rows": {
        str(name): found.obs["row"][found.obs["leiden"] == name].tolist()
        for name in sizes.index
    },
}
print(json.dumps(answer))
