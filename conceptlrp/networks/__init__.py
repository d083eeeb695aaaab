"""Networks: input planes, OthelloNet, ResidualTower, planted networks, checkpoints."""

from conceptlrp.networks.board_network import BoardNetwork
from conceptlrp.networks.checkpoint import (
    load_network,
    network_digest,
    read_header,
    save_network,
)
from conceptlrp.networks.demo import (
    Snapshot,
    demo_corpus,
    demo_network,
    demo_path,
    demo_snapshots,
    demo_tower,
)
from conceptlrp.networks.detectors import Detector
from conceptlrp.networks.inference import inference_network
from conceptlrp.networks.othello_net import OthelloNet
from conceptlrp.networks.patterns import Pattern
from conceptlrp.networks.planes import (
    actions_of_squares,
    board_planes,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.networks.planted import (
    DEFAULT_PATTERNS,
    PlantedNetwork,
    planted_network,
)
from conceptlrp.networks.predict import Prediction, predict
from conceptlrp.networks.residual_tower import ResidualTower

__all__ = [
    "DEFAULT_PATTERNS",
    "BoardNetwork",
    "Detector",
    "OthelloNet",
    "Pattern",
    "PlantedNetwork",
    "Prediction",
    "ResidualTower",
    "Snapshot",
    "actions_of_squares",
    "board_planes",
    "demo_corpus",
    "demo_network",
    "demo_path",
    "demo_snapshots",
    "demo_tower",
    "inference_network",
    "legal_actions",
    "load_network",
    "network_digest",
    "planted_network",
    "predict",
    "read_header",
    "save_network",
    "squares_of_actions",
]
