"""Planted networks: an `OthelloNet` whose channels are detectors set by hand.

What each channel of such a network has "learned" is known, so that explanations can
be judged by it. `conceptlrp.networks.detectors` says how the weights are set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from conceptlrp.networks.detectors import Detector, Wiring
from conceptlrp.networks.othello_net import OthelloNet
from conceptlrp.networks.patterns import Pattern

_UNITS = 512
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d)
_WEIGHTED = ("conv1", "conv2", "conv3", "conv4", "fc1", "fc2", "fc3", "fc4")

#: What `planted_network` plants unless told otherwise.
DEFAULT_PATTERNS = (
    Pattern(
        "own corner",
        ("###", "#X.", "#.."),
        "the player to move owns the corner a1",
    ),
    Pattern(
        "rank line",
        ("...", "XO*", "..."),
        "an opponent disc stands between an own disc on its left and an empty "
        "square on its right in the same rank, so a move there is legal",
    ),
    Pattern(
        "open X-square",
        ("..#..", ".*...", "#.O..", "...X.", "....."),
        "the opponent stands on the X-square b2 and an own disc on c3 outflanks it, "
        "so the empty corner a1 can be taken",
    ),
    Pattern(
        "edge of four",
        ("..#..", ".XXXX", ".....", ".....", "....."),
        "four own discs stand side by side on the edge of rank 1",
    ),
    Pattern(
        "edge of six",
        ("...#...", ".XXXXXX", *("." * 7,) * 5),
        "six own discs stand side by side on the edge of rank 1",
        weight=2.0,
    ),
)


@dataclass(frozen=True)
class PlantedNetwork:
    """A network with detectors set by hand.

    Attributes
    ----------
    network : OthelloNet
        8 x 8, in evaluation mode.
    detectors : tuple of Detector
        One a pattern, in the order of the patterns.
    planted : dict of str to int
        How many of the first channels of each convolution are set by hand. Those
        after them are zero, and the last ones distractors.
    """

    network: OthelloNet
    detectors: tuple[Detector, ...]
    planted: Mapping[str, int]


def planted_network(
    patterns: Sequence[Pattern] = DEFAULT_PATTERNS,
    *,
    distractors: int = 0,
    seed: int = 0,
) -> PlantedNetwork:
    """Build a network that detects the patterns and nothing else.

    Parameters
    ----------
    patterns : sequence of Pattern
        What to plant.
    distractors : int
        Channels of each layer, and hidden units, with random weights. They read
        the input and each other and add to every output, but neither read planted
        channels nor are read by them.
    seed : int
        Seed of the distractors.

    Returns
    -------
    PlantedNetwork
        The network and, for each pattern, where it sits and which outputs read it.

    Raises
    ------
    ValueError
        If the patterns and distractors need more than the 512 hidden units.

    Examples
    --------
    >>> planted = planted_network()
    >>> [(d.pattern.name, d.layer, d.channel) for d in planted.detectors][:2]
    [('own corner', 'conv2', 0), ('rank line', 'conv2', 1)]
    """
    wiring = Wiring()
    detectors = tuple(wiring.plant(pattern) for pattern in patterns)
    if len(wiring.units) + distractors > _UNITS:
        msg = (
            f"{len(wiring.units)} units for patterns and {distractors} distractors, "
            f"expected at most {_UNITS}; plant fewer patterns"
        )
        raise ValueError(msg)
    widths = {f"conv{i}": len(layer) for i, layer in wiring.layers.items()}
    network = _silent_network(max(widths.values()) + distractors)
    with torch.no_grad():
        wiring.write(network)
        _add_distractors(network, distractors, seed)
    return PlantedNetwork(network, detectors, widths)


def _silent_network(channels: int) -> OthelloNet:
    """Build a network of zeros whose batch norms change nothing."""
    with torch.random.fork_rng(devices=[]):
        network = OthelloNet(channels, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for module in network.modules():
            if isinstance(module, _BATCH_NORM):
                module.weight.fill_(1.0)
                assert module.running_var is not None
                module.running_var.fill_(1.0 - module.eps)
    return network


def _add_distractors(network: OthelloNet, count: int, seed: int) -> None:
    """Give random weights to the last channels and units, apart from the others."""
    if count == 0:
        return
    generator = torch.Generator().manual_seed(seed)
    for name in _WEIGHTED:
        weight = network.get_parameter(f"{name}.weight")
        rows = slice(None) if name in ("fc3", "fc4") else slice(-count, None)
        inputs = {"conv1": 1, "fc1": 16 * count}.get(name, count)
        block = weight[rows, -inputs:]
        noise = torch.randn(block.shape, generator=generator)
        block.copy_(noise * (2.0 / block[0].numel()) ** 0.5)
