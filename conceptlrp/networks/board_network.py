"""What every network of this package is: board planes in, logits and value out.

Shapes use N positions, P input planes and a board of n x n squares.
"""

from torch import Tensor, nn

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

    #: Arguments that a file names, beside the class, to build the network again.
    options: tuple[str, ...] = ("channels", "size")

    @property
    def architecture(self) -> dict[str, str | int]:
        """Name of the class and the options that decide every tensor's shape."""
        options = {option: getattr(self, option) for option in self.options}
        return {"name": type(self).__name__} | options

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


def check_options(*, size: int, planes: int = 1, **counts: int) -> None:
    """Refuse options that no network can be built with."""
    for name, value, possible in (("size", size, SIZES), ("planes", planes, (1, 2))):
        if value not in possible:
            msg = f"{name} is {value}, expected {possible[0]} or {possible[1]}"
            raise ValueError(msg)
    for name, value in counts.items():
        if value < 1:
            msg = f"{name} is {value}, expected at least 1"
            raise ValueError(msg)
