"""Networks as other people make them, for the command line to name.

``tests.benchmarks.own_networks:depla`` with ``../shared/networks/depla-cnn.pt`` as
``--weights``, ``:leela`` with the file that `train_leela` writes, and ``:attention``,
whose weights are random.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from conceptlrp.networks import AdaptedNetwork, adapt
from conceptlrp.othello import Corpus

DEPLA = Path(__file__).parents[3] / "shared" / "networks" / "depla-cnn.pt"
_PLANES = "own-opponent-ones"


class CNN(nn.Module):
    """The policy network of depla; its weights bear the name of a private attribute."""

    def __init__(self, depth: int = 4, width: int = 128) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(2, width, 1)]
        for _ in range(depth):
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 3, padding=1)]
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 1, 1)]
        self.__block = nn.Sequential(*layers, nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.__block(x)


def depla() -> nn.Module:
    """A policy network of 64 squares, without a pass and without a value."""
    return CNN().eval()


class Excitation(nn.Module):
    """Leela's squeeze and excitation: weights and biases of channels by their means."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, width // 4)
        self.excite = nn.Linear(width // 4, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        both = self.excite(F.mish(self.squeeze(x.mean((2, 3)))))
        weight, bias = both[:, :, None, None].chunk(2, 1)
        return torch.sigmoid(weight) * x + bias


class LeelaBlock(nn.Module):
    """A residual block with squeeze and excitation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.se = Excitation(width)

    def forward(self, x: Tensor) -> Tensor:
        z = F.mish(self.bn1(self.conv1(x)))
        return F.mish(x + self.se(self.bn2(self.conv2(z))))


class Leela(nn.Module):
    """A network in the style of Leela Chess Zero: policy, and win, draw and loss."""

    def __init__(self, blocks: int = 2, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(LeelaBlock(width) for _ in range(blocks)))
        self.policy_conv = nn.Conv2d(width, 4, 1)
        self.policy = nn.Linear(4 * 64, 65)
        self.value_conv = nn.Conv2d(width, 4, 1)
        self.value_hidden = nn.Linear(4 * 64, 32)
        self.value = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(F.mish(self.bn(self.stem(x))))
        policy = self.policy(F.mish(self.policy_conv(x)).flatten(1))
        value = F.mish(self.value_hidden(F.mish(self.value_conv(x)).flatten(1)))
        return policy, self.value(value)


def leela() -> AdaptedNetwork:
    """The network in the style of Leela, with what it reads and returns."""
    torch.manual_seed(0)
    return adapt(Leela().eval(), encode=_PLANES, value="wdl")


class Attention(nn.Module):
    """A convolution, and attention over squares, for which there is no rule."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, width, 3, padding=1)
        self.heads = nn.MultiheadAttention(width, 2, batch_first=True)
        self.policy = nn.Linear(width * 64, 65)
        self.value = nn.Linear(width * 64, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        squares = F.relu(self.conv(x)).flatten(2).transpose(1, 2)
        heeded = self.heads(squares, squares, squares)[0].flatten(1)
        return self.policy(heeded), self.value(heeded)


def attention() -> nn.Module:
    """A network with an operation that only its gradient explains."""
    torch.manual_seed(0)
    return Attention().eval()


def train_leela(games: Corpus, file: Path, *, steps: int, batch: int = 128) -> float:
    """Train on moves and results of games; write weights, return the policy's loss."""
    adapted = leela()
    module = adapted.source[0].train()
    encode, size = adapted.encoding, adapted.size
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    random, losses = torch.Generator().manual_seed(0), []
    games = games[~np.isnan(games.outcome)].turn()
    for _ in range(steps):
        rows = torch.randint(len(games), (batch,), generator=random).numpy()
        drawn = games[rows]
        planes = torch.from_numpy(
            encode.bitboards(drawn.own, drawn.opponent, size=size)
        )
        policy, value = module(planes)
        played = torch.from_numpy(drawn.played).long()
        # An outcome is 1, 0 or -1; the head has win, draw and loss.
        result = torch.from_numpy(1 - drawn.outcome).long()
        loss = F.cross_entropy(policy, played)
        optimizer.zero_grad()
        (loss + F.cross_entropy(value, result)).backward()
        optimizer.step()
        losses.append(loss.item())
    torch.save({"state_dict": module.eval().state_dict()}, file)
    return sum(losses[-20:]) / len(losses[-20:])
