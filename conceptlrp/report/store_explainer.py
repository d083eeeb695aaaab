"""The network of a store, made ready to explain further positions the same way."""

from torch import nn
from zennit.core import Composite

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.lrp import COMPOSITES, Explainer
from conceptlrp.networks import network_digest
from conceptlrp.store import Store

__all__ = ["store_explainer"]


def store_explainer(
    store: Store, network: nn.Module, *, composite: Composite | None = None
) -> Explainer:
    """Make an explainer with the rules and layers of a store.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    network : Module
        The network that the store explains.
    composite : Composite, optional
        The store's composite, where it is none of the presets.

    Returns
    -------
    Explainer
        What it computes is what the store would hold of a position.

    Raises
    ------
    NetworkError
        For another network than the one that the store explains.
    CompositeError
        When the store was made with a composite that has to be passed.
    """
    found, expected = network_digest(network), store.manifest.network.get("digest")
    if found != expected:
        msg = (
            f"{store.path}: explains network {str(expected)[:12]}, not {found[:12]}; "
            "pass the network it was made with"
        )
        raise NetworkError(msg)
    name = str(store.manifest.composite.get("name", ""))
    if composite is None and name not in COMPOSITES:
        msg = f"{store.path}: was made with composite '{name}', no preset; pass it"
        raise CompositeError(msg)
    return Explainer(network, composite=composite or name, layers=store.layers)
