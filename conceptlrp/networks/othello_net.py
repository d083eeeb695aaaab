"""OthelloNet: the network of alpha-zero-general, one module for every step.

alpha-zero-general calls ReLU and dropout as functions and returns log-softmax and
tanh; a rule of relevance propagation has nothing to hold on to there. Here every
step is a module of its own, registered in the order in which it runs, and the
outputs are those that can be explained: policy logits and the value before tanh.
The parameters keep alpha-zero-general's names, so that its files load unchanged.

Shapes use N positions, C channels and a board of n x n squares.
"""

from torch import Tensor, nn

from conceptlrp.networks.board_network import BoardNetwork, check_options


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
