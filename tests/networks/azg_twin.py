"""A twin of alpha-zero-general's OthelloNNet, to write files as it does.

Functional ReLU and dropout, log-softmax and tanh, and modules registered in its
order: conv1 to conv4, then bn1 to bn4.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class OthelloNNet(nn.Module):
    def __init__(self, size: int = 8, channels: int = 512) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self.conv1 = nn.Conv2d(1, channels, 3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=1, padding=1)
        self.conv3 = nn.Conv2d(channels, channels, 3, stride=1)
        self.conv4 = nn.Conv2d(channels, channels, 3, stride=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.bn3 = nn.BatchNorm2d(channels)
        self.bn4 = nn.BatchNorm2d(channels)
        self.fc1 = nn.Linear(channels * (size - 4) * (size - 4), 1024)
        self.fc_bn1 = nn.BatchNorm1d(1024)
        self.fc2 = nn.Linear(1024, 512)
        self.fc_bn2 = nn.BatchNorm1d(512)
        self.fc3 = nn.Linear(512, size * size + 1)
        self.fc4 = nn.Linear(512, 1)

    def forward(self, boards: Tensor) -> tuple[Tensor, Tensor]:
        s = boards.view(-1, 1, self.size, self.size)
        s = functional.relu(self.bn1(self.conv1(s)))
        s = functional.relu(self.bn2(self.conv2(s)))
        s = functional.relu(self.bn3(self.conv3(s)))
        s = functional.relu(self.bn4(self.conv4(s)))
        s = s.view(-1, self.channels * (self.size - 4) * (self.size - 4))
        s = functional.relu(self.fc_bn1(self.fc1(s)))
        s = functional.dropout(s, p=0.3, training=self.training)
        s = functional.relu(self.fc_bn2(self.fc2(s)))
        s = functional.dropout(s, p=0.3, training=self.training)
        return functional.log_softmax(self.fc3(s), dim=1), torch.tanh(self.fc4(s))


def used_twin(size: int = 8, channels: int = 4) -> OthelloNNet:
    """A twin whose batch norms have seen data, in evaluation mode."""
    torch.manual_seed(size)
    twin = OthelloNNet(size, channels)
    for _ in range(3):
        twin(torch.randint(-1, 2, (16, size, size)).float())
    return twin.eval()
