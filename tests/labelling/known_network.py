"""A network whose value is a known sum of labels, and positions to ask it about.

Its maps have a single place. Of the channels of conv2, the first is the center lead
(plus 16, so that ReLU keeps it), the second a duplicate of it, the third the center
lead with corners added, and each of the rest is 1 where the center lead exceeds a
threshold. The value reads what it is told to.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from conceptlrp.labels import label_boards
from conceptlrp.othello import Corpus

LEAD, DUPLICATE, SHIFTED, FIRST_STEP = range(4)
_SHIFT = 16.0


class KnownNetwork(nn.Module):
    """Reads one plane, own minus opponent, and gives policy and value."""

    def __init__(self, thresholds: NDArray, read: dict[int, float]) -> None:
        super().__init__()
        steps = len(thresholds)
        self.conv1 = nn.Conv2d(1, 2 + 2 * steps, 8)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(2 + 2 * steps, FIRST_STEP + steps, 1)
        self.relu2 = nn.ReLU()
        self.flat = nn.Flatten()
        self.policy = nn.Linear(FIRST_STEP + steps, 65)
        self.value = nn.Linear(FIRST_STEP + steps, 1)
        self.requires_grad_(requires_grad=False)
        for parameter in self.parameters():
            parameter.zero_()
        middle, corners = torch.zeros(2, 8, 8)
        middle[2:6, 2:6] = 1
        corners[::7, ::7] = 1
        self.conv1.weight[:] = middle
        self.conv1.weight[1] = corners
        self.conv1.bias[:2] = _SHIFT
        for channel in (LEAD, DUPLICATE, SHIFTED):
            self.conv2.weight[channel, 0] = 1
        self.conv2.weight[SHIFTED, 1] = 1
        for step, threshold in enumerate(thresholds):
            place = 2 + 2 * step
            # relu(x) - relu(x - 1) of a whole number x is 1 where it is above 0.
            self.conv1.bias[place : place + 2] = torch.tensor([0.0, -1]) - threshold
            self.conv2.weight[FIRST_STEP + step, place] = 1
            self.conv2.weight[FIRST_STEP + step, place + 1] = -1
        for channel, weight in read.items():
            self.value.weight[0, channel] = weight

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return policy (N, 65) and value (N, 1)."""
        hidden = self.relu2(self.conv2(self.relu1(self.conv1(planes))))
        flat = self.flat(hidden)
        return self.policy(flat), self.value(flat)


def thresholds(corpus: Corpus, prevalences: list[float]) -> NDArray:
    """Return whole numbers that the center lead exceeds about so often."""
    lead = label_boards(corpus, ["center lead"]).position["center lead"]
    levels = np.arange(-16, 16)
    reached = (lead > levels[:, None]).mean(axis=1)
    return levels[np.abs(reached - np.array(prevalences)[:, None]).argmin(axis=1)]
