"""Planted networks: an `OthelloNet` whose channels are detectors set by hand.

What each channel of such a network has "learned" is known, so that explanations can
be judged by it.

The first convolution splits the input into own discs, opponent discs and the board
itself (a bias, which zero padding ends at the edge). The second matches stencils of
3 x 3; the third and fourth put matches together to stencils of 5 x 5 and 7 x 7, or
carry what lies below to where the flattened map has room for it: they are not
padded, so four carriers, one a quadrant, bring every square through. The hidden
layers pass matches on to the outputs.

Before ReLU a match is 1 and everything else 0 or less: biases are thresholds.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from conceptlrp.networks.architectures import OthelloNet
from conceptlrp.othello.board import squares
from tests.planted.patterns import Offset, Pattern

_OWN, _OPPONENT, _BOARD = range(3)
_VALUE = -1

#: Weights of a symbol's cell: they sum to 2, for # to 0, where it holds and are at
#: least 2 short of that elsewhere.
_EMPTY = ((_BOARD, 2.0), (_OWN, -2.0), (_OPPONENT, -2.0))
_TAPS = {
    "X": ((_OWN, 2.0),),
    "O": ((_OPPONENT, 2.0),),
    "-": _EMPTY,
    "*": _EMPTY,
    "#": ((_BOARD, -2.0),),
}


@dataclass(frozen=True)
class Detector:
    """A planted channel: it fires exactly where its pattern holds.

    Its ``layer`` is conv2, conv3 or conv4, by the size of the stencil; ``carriers`` are
    the channels of the layers above that pass it on, each for a part of the board;
    ``reads`` are the squares whose policy logits read it, none for the value.
    """

    pattern: Pattern
    layer: str
    channel: int
    carriers: Mapping[str, tuple[int, ...]]
    reads: tuple[int, ...]


@dataclass(frozen=True)
class _Channel:
    """A channel to be: its bias, and a weight for (channel below, row, column)."""

    bias: float
    taps: tuple[tuple[int, int, int, float], ...]


@dataclass(frozen=True)
class _Unit:
    """A hidden unit to be: the inputs it sums, and the action or value it feeds."""

    inputs: tuple[int, ...]
    output: int
    weight: float


#: The first convolution: own discs, opponent discs, and 1 on every square.
_SPLIT = (
    _Channel(0.0, ((0, 0, 0, 1.0),)),
    _Channel(0.0, ((0, 0, 0, -1.0),)),
    _Channel(1.0, ()),
)


@dataclass
class Wiring:
    """Channels of every convolution and hidden units, before they are written.

    ``layers`` holds the channels by the number of the convolution; each of ``units`` is
    a unit of fc1 and the same one of fc2.
    """

    layers: dict[int, list[_Channel]] = field(
        default_factory=lambda: {1: list(_SPLIT), 2: [], 3: [], 4: []}
    )
    units: list[_Unit] = field(default_factory=list)

    def plant(self, pattern: Pattern) -> Detector:
        """Add the channels and units of a pattern."""
        layer = pattern.radius + 1
        channel = self._detector(layer, pattern.cells)
        carriers: dict[str, list[int]] = defaultdict(list)
        inputs = {}
        for anchor in squares(pattern.anchors):
            path, inputs[anchor] = self._carry(layer, channel, anchor)
            for above, carrier in enumerate(path, layer + 1):
                carriers[f"conv{above}"].append(carrier)
        return Detector(
            pattern=pattern,
            layer=f"conv{layer}",
            channel=channel,
            carriers={name: tuple(sorted(set(c))) for name, c in carriers.items()},
            reads=self._read(pattern, inputs),
        )

    def write(self, network: OthelloNet) -> None:
        """Give the weights to a network that has none; needs `torch.no_grad`."""
        for i, layer in self.layers.items():
            weight = network.get_parameter(f"conv{i}.weight")
            bias = network.get_parameter(f"conv{i}.bias")
            for channel, planned in enumerate(layer):
                bias[channel] = planned.bias
                for below, row, column, value in planned.taps:
                    weight[channel, below, row + 1, column + 1] += value
        for number, unit in enumerate(self.units):
            network.get_parameter("fc1.weight")[number, list(unit.inputs)] = 1.0
            network.get_parameter("fc2.weight")[number, number] = 1.0
            head = "fc4" if unit.output == _VALUE else "fc3"
            weight = network.get_parameter(f"{head}.weight")
            weight[max(unit.output, 0), number] = unit.weight

    def _detector(self, layer: int, cells: Mapping[Offset, str]) -> int:
        """Add a channel that is 1 where all cells hold: a sum and a threshold."""
        if layer == 2:
            taps = [(c, *o, w) for o, s in cells.items() for c, w in _TAPS[s]]
            needed = sum(symbol != "#" for symbol in cells.values())
        else:
            pieces = _pieces(cells)
            found = {o: self._detector(layer - 1, p) for o, p in pieces.items()}
            taps = [(channel, *offset, 2.0) for offset, channel in found.items()]
            needed = len(pieces)
        return self._add(layer, _Channel(1.0 - 2.0 * needed, tuple(taps)))

    def _carry(self, layer: int, channel: int, anchor: int) -> tuple[list[int], int]:
        """Add carriers for an anchor; give them and the input of fc1 it ends at."""
        row, column = divmod(anchor, 8)
        down, right = (-1 if place < 4 else 1 for place in (row, column))
        path = []
        for above in range(layer + 1, 5):
            carrier = _Channel(0.0, ((channel, down, right, 1.0),))
            channel = self._add(above, carrier)
            path.append(channel)
        row -= len(path) * down + 2
        column -= len(path) * right + 2
        return path, 16 * channel + 4 * row + column

    def _read(self, pattern: Pattern, inputs: Mapping[int, int]) -> tuple[int, ...]:
        """Add the units between the anchors' inputs of fc1 and the outputs."""
        if pattern.move is None:
            self.units.append(_Unit(tuple(inputs.values()), _VALUE, pattern.weight))
            return ()
        step = 8 * pattern.move[0] + pattern.move[1]
        for anchor, place in inputs.items():
            self.units.append(_Unit((place,), anchor + step, pattern.weight))
        return tuple(anchor + step for anchor in inputs)

    def _add(self, layer: int, channel: _Channel) -> int:
        """Add a channel, or find the one that does the same."""
        if channel not in self.layers[layer]:
            self.layers[layer].append(channel)
        return self.layers[layer].index(channel)


def _pieces(cells: Mapping[Offset, str]) -> dict[Offset, dict[Offset, str]]:
    """Split a stencil into smaller ones around the 9 squares near the anchor."""
    pieces: dict[Offset, dict[Offset, str]] = defaultdict(dict)
    for (row, column), symbol in cells.items():
        near = _clip(row), _clip(column)
        pieces[near][row - near[0], column - near[1]] = symbol
    return pieces


def _clip(distance: int) -> int:
    return max(-1, min(1, distance))


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
