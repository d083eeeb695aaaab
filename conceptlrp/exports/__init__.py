"""Files for other programs: ViRelAy, AnnData, tables, JSON, networkx, numpy."""

from conceptlrp.exports.anndata import export_h5ad
from conceptlrp.exports.concept_graph import GRAPH_FORMATS, export_graph
from conceptlrp.exports.concepts import export_json
from conceptlrp.exports.extract import QUANTITIES
from conceptlrp.exports.npz import export_npz
from conceptlrp.exports.tables import TABLE_FORMATS, export_tables
from conceptlrp.exports.virelay import export_virelay

__all__ = [
    "GRAPH_FORMATS",
    "QUANTITIES",
    "TABLE_FORMATS",
    "export_graph",
    "export_h5ad",
    "export_json",
    "export_npz",
    "export_tables",
    "export_virelay",
]
