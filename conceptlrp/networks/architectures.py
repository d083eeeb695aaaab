"""The networks that ship: board planes in, policy logits and value before tanh out.

`OthelloNet` is the network of alpha-zero-general, which calls ReLU and dropout as
functions and returns log-softmax and tanh; a rule of relevance propagation has
nothing to hold on to there. Here every step is a module of its own, registered in the
order in which it runs. The parameters keep alpha-zero-general's names, so that its
files load unchanged.

`ResidualTower` is the network of AlphaZero: a stem, residual blocks, and a policy and
a value head. Every ReLU is a module of its own and the sum at the end of a block is a
plain ``+`` in `forward`, so that a trace of the network shows all that relevance has
to pass. The convolutions have no bias: the batch norm after each has one.

Shapes use N positions, P input planes, C channels and a board of n x n squares.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from conceptlrp.errors import check_least
from conceptlrp.networks.planes import Encoding

if TYPE_CHECKING:
    from conceptlrp.lrp import NetworkCheck
    from conceptlrp.othello.positions import Positions

SIZES = (6, 8)


class BoardNetwork(nn.Module):
    """A network that plays on a board; the base of those that ship.

    Attributes
    ----------
    size : int
        Squares along one side of the board, 6 or 8.
    channels : int
        Feature maps of a convolution of its trunk.
    planes : int
        Input planes: 1 (own minus opponent) or 2 (own, opponent).
    """

    size: int
    channels: int
    planes: int = 1
    #: What a reader of explanations should know of it.
    notes: tuple[str, ...] = ()
    #: What its value is: "scalar", before tanh, or "wdl", win minus loss of logits.
    value_kind: str = "scalar"
    #: Where `load_network` found it: its name, reference and file of weights.
    origin: dict[str, str] = MappingProxyType({})  # type: ignore[assignment]

    #: Arguments that a file names, beside the class, to build the network again.
    options: tuple[str, ...] = ("channels", "size")

    @property
    def architecture(self) -> dict[str, str | int]:
        """Name of the class and the options that decide every tensor's shape."""
        options = {option: getattr(self, option) for option in self.options}
        return {"name": type(self).__name__} | options

    @property
    def encoding(self) -> Encoding:
        """How a board becomes the network's planes."""
        return Encoding.default(self.planes)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Compute policy logits and the value before tanh.

        Parameters
        ----------
        planes : Tensor of shape (N, P, n, n)
            One plane: +1 for a disc of the player to move, -1 for one of the
            opponent, 0 empty. Two planes: 1 for a disc of the player to move, then
            1 for one of the opponent.

        Returns
        -------
        logits : Tensor of shape (N, n * n + 1)
            One per square, row by row, and the last for a pass.
        value : Tensor of shape (N, 1)
            Its tanh is the expected outcome for the player to move.
        """
        raise NotImplementedError

    def check(self, corpus: "Positions", **options: Any) -> "NetworkCheck":
        """Return the check of contract, play and rules; see `lrp.check_network`."""
        # What explains networks is built on them.
        from conceptlrp.lrp import check_network

        return check_network(self, corpus, **options)


def check_options(*, size: int, planes: int = 1, **counts: int) -> None:
    """Refuse options that no network can be built with."""
    for name, value, possible in (("size", size, SIZES), ("planes", planes, (1, 2))):
        if value not in possible:
            msg = f"{name} is {value}, expected {possible[0]} or {possible[1]}"
            raise ValueError(msg)
    for name, value in counts.items():
        check_least(name, value)


class OthelloNet(BoardNetwork):
    """Four convolutions and four fully connected layers, as `OthelloNNet`.

    Parameters
    ----------
    channels : int
        Feature maps of each convolution; alpha-zero-general trains 512.
    size : int
        Squares along one side of the board, 6 or 8.
    dropout : float
        Probability with which training drops a unit of the two hidden layers.

    Attributes
    ----------
    channels, size : int
        As given.

    References
    ----------
    https://github.com/suragnair/alpha-zero-general, othello/pytorch/OthelloNNet.py.

    Examples
    --------
    >>> import torch
    >>> network = OthelloNet(channels=4).eval()
    >>> logits, value = network(torch.zeros(2, 1, 8, 8))
    >>> tuple(logits.shape), tuple(value.shape)
    ((2, 65), (2, 1))
    """

    def __init__(
        self, channels: int = 512, size: int = 8, dropout: float = 0.3
    ) -> None:
        super().__init__()
        check_options(size=size, channels=channels)
        self.channels = channels
        self.size = size
        self._add_convolutions()
        self.flatten = nn.Flatten()
        self._add_hidden(1, channels * (size - 4) ** 2, 1024, dropout)
        self._add_hidden(2, 1024, 512, dropout)
        self.fc3 = nn.Linear(512, size * size + 1)
        self.fc4 = nn.Linear(512, 1)

    def _add_convolutions(self) -> None:
        """Register conv1, bn1, relu1 ... relu4; the last two are not padded."""
        inputs = (1, *(self.channels,) * 3)
        for i, (width, padding) in enumerate(zip(inputs, (1, 1, 0, 0), strict=True), 1):
            conv = nn.Conv2d(width, self.channels, kernel_size=3, padding=padding)
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", nn.BatchNorm2d(self.channels))
            self.add_module(f"relu{i}", nn.ReLU())

    def _add_hidden(self, i: int, width: int, units: int, dropout: float) -> None:
        """Register fc, its batch norm, ReLU and dropout of hidden layer `i`."""
        self.add_module(f"fc{i}", nn.Linear(width, units))
        self.add_module(f"fc_bn{i}", nn.BatchNorm1d(units))
        self.add_module(f"relu{i + 4}", nn.ReLU())
        self.add_module(f"dropout{i}", nn.Dropout(dropout))

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits (N, n * n + 1) and value (N, 1); see `BoardNetwork`."""
        x = planes
        for name, module in self.named_children():
            if name == "fc3":
                break
            x = module(x)
        return self.fc3(x), self.fc4(x)


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, channels, kernel_size=3)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = _convolution(channels, channels, kernel_size=3)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``relu(x + f(x))``; input and output have shape (N, C, n, n)."""
        inner = self.relu1(self.bn1(self.conv1(x)))
        output: Tensor = self.relu2(self.bn2(self.conv2(inner)) + x)
        return output


class _Stage(nn.Module):
    """A convolution, its batch norm and ReLU: the stem, and the start of a head."""

    def __init__(self, planes: int, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = _convolution(planes, channels, kernel_size)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Compute feature maps that are nowhere negative."""
        output: Tensor = self.relu(self.bn(self.conv(x)))
        return output


class PolicyHead(_Stage):
    """Two feature maps of single squares, read by one linear module."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__(channels, 2, kernel_size=1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(2 * size * size, size * size + 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits (N, n * n + 1) of feature maps (N, C, n, n)."""
        logits: Tensor = self.fc(self.flatten(super().forward(x)))
        return logits


class ValueHead(_Stage):
    """One feature map of single squares, a hidden layer, and one number."""

    def __init__(self, channels: int, size: int, units: int) -> None:
        super().__init__(channels, 1, kernel_size=1)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(size * size, units)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute values before tanh (N, 1) of feature maps (N, C, n, n)."""
        hidden = self.relu1(self.fc1(self.flatten(super().forward(x))))
        value: Tensor = self.fc2(hidden)
        return value


class ResidualTower(BoardNetwork):
    """A stem, residual blocks, a policy and a value head, as in AlphaZero.

    Parameters
    ----------
    channels : int
        Feature maps of the stem and of every block.
    blocks : int
        Residual blocks, each of two convolutions.
    size : int
        Squares along one side of the board, 6 or 8.
    planes : int
        Input planes: 1 (own minus opponent) or 2 (own, opponent).
    value_units : int
        Units of the value head's hidden layer.

    Attributes
    ----------
    channels, blocks, size, planes, value_units : int
        As given.

    References
    ----------
    Silver et al., Science 362 (2018), doi:10.1126/science.aar6404.

    Examples
    --------
    >>> import torch
    >>> network = ResidualTower(channels=4, blocks=2).eval()
    >>> logits, value = network(torch.zeros(2, 1, 8, 8))
    >>> tuple(logits.shape), tuple(value.shape)
    ((2, 65), (2, 1))
    """

    options = ("channels", "blocks", "size", "planes", "value_units")

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 4,
        size: int = 8,
        *,
        planes: int = 1,
        value_units: int = 256,
    ) -> None:
        super().__init__()
        check_options(
            size=size,
            planes=planes,
            channels=channels,
            blocks=blocks,
            value_units=value_units,
        )
        self.channels = channels
        self.blocks = blocks
        self.size = size
        self.planes = planes
        self.value_units = value_units
        self.stem = _Stage(planes, channels, kernel_size=3)
        self.tower = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.policy_head = PolicyHead(channels, size)
        self.value_head = ValueHead(channels, size, value_units)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits (N, n * n + 1) and value (N, 1); see `BoardNetwork`."""
        features = self.tower(self.stem(planes))
        return self.policy_head(features), self.value_head(features)


def _convolution(planes: int, channels: int, kernel_size: int) -> nn.Conv2d:
    padding = kernel_size // 2
    return nn.Conv2d(planes, channels, kernel_size, padding=padding, bias=False)
