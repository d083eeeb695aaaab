"""Files for other programs: ViRelAy, AnnData, tables, networkx, numpy."""

from conceptlrp.exports.anndata import export_h5ad
from conceptlrp.exports.npz import export_npz
from conceptlrp.exports.tables import TABLE_FORMATS, export_tables
from conceptlrp.exports.virelay import export_virelay

__all__ = [
    "TABLE_FORMATS",
    "export_h5ad",
    "export_npz",
    "export_tables",
    "export_virelay",
]
