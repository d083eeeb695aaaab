"""What is measured: a network, positions, and zennit-crp beside them."""

from dataclasses import dataclass
from functools import cached_property

from torch import fx

from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.benchmarks.zennit_crp import ZennitCrp, folded

COMPOSITE = "epsilon-plus-flat"
LAYERS = ("conv1", "conv2", "conv3", "conv4")
GENERATE = "zennit-crp generate"


@dataclass(frozen=True)
class Case:
    """One network and the positions it is measured on.

    Attributes
    ----------
    label : str
        How rows call the network.
    network : OthelloNet
        In evaluation mode, float32.
    positions : Corpus
        With played moves.
    peer : ZennitCrp
        zennit-crp with the same network and positions.
    rounds : int
        How often each contestant runs.
    n_conditional : int
        Positions of one run with conditional heatmaps.
    """

    label: str
    network: OthelloNet
    positions: Corpus
    peer: ZennitCrp
    rounds: int
    n_conditional: int

    @cached_property
    def explainer(self) -> Explainer:
        """The network made ready once."""
        return Explainer(self.network, composite=COMPOSITE, layers=LAYERS)

    @cached_property
    def plain(self) -> fx.GraphModule:
        """The network with folded batch norms and nothing else."""
        return folded(self.network).float()

    @property
    def n_maps(self) -> int:
        """Conditional heatmaps of one position."""
        return len(LAYERS) * self.network.channels
