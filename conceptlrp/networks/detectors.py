"""Detectors set by hand: from a pattern to channels, thresholds and hidden units.

The first convolution splits the input into own discs, opponent discs and the board
itself (a bias, which zero padding ends at the edge). The second matches stencils of
3 x 3; the third and fourth put matches together to stencils of 5 x 5 and 7 x 7, or
carry what lies below to where the flattened map has room for it: they are not
padded, so four carriers, one a quadrant, bring every square through. The hidden
layers pass matches on to the outputs.

Before ReLU a match is 1 and everything else 0 or less: biases are thresholds.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from conceptlrp.networks.othello_net import OthelloNet
from conceptlrp.networks.patterns import Offset, Pattern
from conceptlrp.othello.board import squares

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
