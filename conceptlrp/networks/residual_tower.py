"""ResidualTower: the network of AlphaZero, one module for every step.

A stem, residual blocks, and a policy and a value head. Every ReLU is a module of its
own and the sum at the end of a block is a plain ``+`` in `forward`, so that a trace of
the network shows all that relevance has to pass. The convolutions have no bias: the
batch norm after each has one.

Shapes use N positions, P input planes, C channels and a board of n x n squares.
"""

from torch import Tensor, nn

from conceptlrp.networks.board_network import BoardNetwork, check_options


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
