"""Networks whose explanations are known, and positions to explain."""

from tests.evaluation.conftest import (
    adding as adding,
    adding_explainer as adding_explainer,
    adding_sample as adding_sample,
    explainer as explainer,
    games as games,
    network as network,
    sample as sample,
)
