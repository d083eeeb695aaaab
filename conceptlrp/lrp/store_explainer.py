"""The network of a store, made ready to explain further positions the same way."""

from collections.abc import Sequence

from torch import nn

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.composites import COMPOSITES
from conceptlrp.lrp.explainer import Explainer
from conceptlrp.networks import network_digest
from conceptlrp.store import Store


def check_network(
    store: Store, network: nn.Module, *, subject: str = "the network is"
) -> str:
    """Return the digest of a network, or refuse it if the store explains another."""
    found, expected = network_digest(network), str(store.manifest.network.get("digest"))
    if found != expected:
        msg = (
            f"{subject} {found[:12]}, the store explains {expected[:12]}; pass the "
            "network it was made with"
        )
        raise NetworkError(msg)
    return found


def store_explainer(
    store: Store,
    network: nn.Module,
    *,
    layers: str | Sequence[str] | None = None,
    composite: Composite | None = None,
) -> Explainer:
    """Make an explainer that computes of any position what the store would hold."""
    check_network(store, network)
    name = str(store.manifest.composite.get("name", ""))
    if composite is None and name not in COMPOSITES:
        msg = (
            f"{store.path}: was computed with the composite '{name}', expected one of "
            f"{', '.join(COMPOSITES)}, or to be given the composite itself"
        )
        raise CompositeError(msg)
    for layer in [layers] if isinstance(layers, str) else layers or ():
        store.channels(layer)
    return Explainer(
        network, composite=composite or name, layers=layers or store.layers
    )
