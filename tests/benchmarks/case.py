"""What is measured: a network, positions, and zennit-crp beside them."""

from dataclasses import dataclass
from functools import cached_property

from torch import fx, nn

from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet, ResidualTower
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
    network : OthelloNet or ResidualTower
        In evaluation mode, float32.
    positions : Corpus
        With played moves.
    peer : ZennitCrp
        zennit-crp with the same network and positions.
    rounds : int
        How often each contestant runs.
    n_conditional : int
        Positions of one run with conditional heatmaps.
    composite : str
        A preset, or a pair of them, of which the peers compute the second.
    """

    label: str
    network: OthelloNet | ResidualTower
    positions: Corpus
    peer: ZennitCrp
    rounds: int
    n_conditional: int
    composite: str = COMPOSITE

    @property
    def peer_composite(self) -> str:
        """What the peers compute."""
        return self.composite.split("+")[-1]

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The 3x3 convolutions, which both networks have in their trunk alone."""
        modules = self.network.named_modules()
        return tuple(
            name
            for name, module in modules
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
        )

    @cached_property
    def explainer(self) -> Explainer:
        """The network made ready once."""
        return Explainer(self.network, composite=self.composite, layers=self.layers)

    @cached_property
    def channels_alone(self) -> Explainer:
        """By the composite that relevance comes down to layers by, and no other."""
        first = self.composite.split("+")[0]
        return Explainer(self.network, composite=first, layers=self.layers)

    @cached_property
    def plain(self) -> fx.GraphModule:
        """The network with folded batch norms and nothing else."""
        return folded(self.network).float()

    @property
    def n_maps(self) -> int:
        """Conditional heatmaps of one position."""
        return len(self.layers) * self.network.channels
