"""What asks a store or a network takes the object or its path, and refuses the rest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import conceptlrp as cl
from conceptlrp import labelling
from conceptlrp.networks import OthelloNet, save_network
from tests.agreement import conftest
from tests.agreement.conftest import LAYER

#: By name, what is called with a store (or its path) and a network (or its path).
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "ablate": lambda s, n: cl.ablate(s, n, layers=LAYER, n_positions=8, save=False),
    "channel_report": lambda s, _: cl.channel_report(s, LAYER, np.int64(1)),
    "cluster": lambda s, _: cl.cluster(s, LAYER, n_clusters=2, save=False),
    "compare": lambda s, _: cl.compare(s, s, layers=[LAYER]),
    "explain": lambda _, n: cl.explain(n, "f5d6c3"),
    "graph": lambda s, n: cl.graph(s, n, n_positions=8, save=False),
    "interchange": lambda s, n: labelling.interchange(
        s, n, layers=LAYER, n_positions=8, n_random=1, save=False
    ),
    "layer_report": lambda s, _: cl.layer_report(s, LAYER),
    "open_store": lambda s, _: cl.open_store(s),
    "position_report": lambda _, n: cl.position_report(n, "f5d6c3"),
    "reference_boards": lambda s, _: cl.reference_boards(s, LAYER, torch.tensor(1)),
}


@pytest.fixture(scope="module")
def network() -> OthelloNet:
    """The network of the store."""
    return conftest.network()


@pytest.fixture(scope="module")
def weights(network: OthelloNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the store's network."""
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_network(network, path)
    return path


@pytest.mark.parametrize("name", CALLS)
def test_paths_do_as_well_as_what_lies_there(
    name: str, store: cl.Store, network: OthelloNet, weights: Path
) -> None:
    of_objects = CALLS[name](store, network)
    of_paths = CALLS[name](str(store.path), weights)

    assert repr(of_paths) == repr(of_objects)


@pytest.mark.parametrize("name", sorted({*CALLS} - {"explain", "position_report"}))
def test_what_is_no_store_is_refused_by_a_sentence(
    name: str, network: OthelloNet
) -> None:
    with pytest.raises(TypeError, match="store is int, expected a Store or the path"):
        CALLS[name](3, network)


@pytest.mark.parametrize(
    "name", ["ablate", "explain", "graph", "interchange", "position_report"]
)
def test_what_is_no_network_is_refused_by_a_sentence(
    name: str, store: cl.Store
) -> None:
    with pytest.raises(TypeError, match="network is int, expected a torch module"):
        CALLS[name](store, 3)


@pytest.mark.parametrize("channel", ["1", 1.0, None])
def test_what_is_no_channel_is_refused_by_a_sentence(
    channel: Any, store: cl.Store
) -> None:
    for ask in (cl.channel_report, cl.reference_boards, cl.Store.top):
        with pytest.raises(TypeError, match=r"channel is .*, expected a number from 0"):
            ask(store, LAYER, channel)
