from .board_network import (
    BoardNetwork as BoardNetwork,
)
from .checkpoint import (
    load_network as load_network,
    network_digest as network_digest,
    save_network as save_network,
)
from .demo import (
    Snapshot as Snapshot,
    demo_corpus as demo_corpus,
    demo_network as demo_network,
    demo_snapshots as demo_snapshots,
    demo_tower as demo_tower,
)
from .othello_net import (
    OthelloNet as OthelloNet,
)
from .patterns import (
    Pattern as Pattern,
)
from .planted import (
    PlantedNetwork as PlantedNetwork,
    planted_network as planted_network,
)
from .prediction import (
    Prediction as Prediction,
    predict as predict,
)
from .residual_tower import (
    ResidualTower as ResidualTower,
)

__all__ = [
    "BoardNetwork",
    "OthelloNet",
    "Pattern",
    "PlantedNetwork",
    "Prediction",
    "ResidualTower",
    "Snapshot",
    "demo_corpus",
    "demo_network",
    "demo_snapshots",
    "demo_tower",
    "load_network",
    "network_digest",
    "planted_network",
    "predict",
    "save_network",
]
