from .anndata import (
    export_h5ad as export_h5ad,
)
from .concept_graph import (
    export_graph as export_graph,
)
from .concepts import (
    export_json as export_json,
)
from .npz import (
    export_npz as export_npz,
)
from .tables import (
    export_tables as export_tables,
)
from .virelay import (
    export_virelay as export_virelay,
)

__all__ = [
    "export_graph",
    "export_h5ad",
    "export_json",
    "export_npz",
    "export_tables",
    "export_virelay",
]
