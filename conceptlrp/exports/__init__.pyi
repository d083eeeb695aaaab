from .arrays import npz as npz
from .concepts import graphml as graphml, json as json, node_link as node_link
from .extract import Selection as Selection
from .tables import csv as csv, h5ad as h5ad, parquet as parquet
from .virelay_project import virelay as virelay

__all__ = [
    "Selection",
    "csv",
    "graphml",
    "h5ad",
    "json",
    "node_link",
    "npz",
    "parquet",
    "virelay",
]
