"""Networks: input planes, OthelloNet of alpha-zero-general, checkpoints."""

from conceptlrp.networks.checkpoint import (
    load_network,
    network_digest,
    read_header,
    save_network,
)
from conceptlrp.networks.demo import demo_corpus, demo_network, demo_path
from conceptlrp.networks.othello_net import OthelloNet
from conceptlrp.networks.planes import (
    actions_of_squares,
    board_planes,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.networks.predict import Prediction, predict

__all__ = [
    "OthelloNet",
    "Prediction",
    "actions_of_squares",
    "board_planes",
    "demo_corpus",
    "demo_network",
    "demo_path",
    "legal_actions",
    "load_network",
    "network_digest",
    "predict",
    "read_header",
    "save_network",
    "squares_of_actions",
]
