"""A network with random weights, and positions to explain."""

from tests.evaluation.conftest import (
    explainer as explainer,
    games as games,
    network as network,
    sample as sample,
)
