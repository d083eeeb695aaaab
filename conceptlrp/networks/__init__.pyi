from .adapting import (
    AdaptedNetwork as AdaptedNetwork,
    adapt as adapt,
)
from .architectures import (
    BoardNetwork as BoardNetwork,
    OthelloNet as OthelloNet,
    ResidualTower as ResidualTower,
)
from .checkpoint import (
    load_network as load_network,
    save_network as save_network,
)
from .demo import (
    Snapshot as Snapshot,
    demo_corpus as demo_corpus,
    demo_network as demo_network,
    demo_snapshots as demo_snapshots,
    demo_tower as demo_tower,
)
from .digest import (
    network_digest as network_digest,
)
from .prediction import (
    Prediction as Prediction,
    predict as predict,
)

__all__ = [
    "AdaptedNetwork",
    "BoardNetwork",
    "OthelloNet",
    "Prediction",
    "ResidualTower",
    "Snapshot",
    "adapt",
    "demo_corpus",
    "demo_network",
    "demo_snapshots",
    "demo_tower",
    "load_network",
    "network_digest",
    "predict",
    "save_network",
]
