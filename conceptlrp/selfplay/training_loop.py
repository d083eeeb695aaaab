"""Steps of a training: batches, loss, optimizer and learning rate.

Every game of the WTHOR database starts with f5, so a network that learns from the
games as they are sees one orientation of the board only. Each position is therefore
turned by a random one of the 8 symmetries each time it is shown.

The loss is alpha-zero-general's, cross entropy with the target policy over all
actions plus the squared error of tanh(value). Illegal actions are not masked: a
network of this kind has to learn the rules as well.

A batch, and everything random in a step, follows from the seed and the step's number,
so a training goes on from its weights, what the optimizer keeps of each, and two
numbers.

Shapes use B positions of a batch, P input planes, a board of n x n squares and
A = n * n + 1 actions.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from conceptlrp.errors import TrainingError
from conceptlrp.networks import BoardNetwork
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.selfplay.rounds import turned_actions
from conceptlrp.selfplay.training_record import TrainingOptions, TrainingPoint
from conceptlrp.selfplay.training_set import TrainingSet, Validation

_WARM_UP = 0.04
_WEIGHT_DECAY = 1e-2


@dataclass(frozen=True)
class Batch:
    """What a network is shown, planes (B, P, n, n), and what it should answer.

    The policy is actions (B,) or probabilities (B, A), turned as the planes are; the
    outcome (B,) is for the player to move, with weight 0 where it is unknown.
    """

    planes: Tensor
    policy: Tensor
    outcome: Tensor
    weight: Tensor


class Batches:
    """Shuffled, turned batches of examples by number, of 1 plane or 2 a board."""

    def __init__(
        self,
        examples: TrainingSet,
        *,
        batch_size: int,
        seed: int = 0,
        planes: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        if len(examples) < batch_size:
            msg = (
                f"the corpus has {len(examples)} positions to learn from, fewer than "
                f"one batch of {batch_size}; give more games or a smaller batch"
            )
            raise ValueError(msg)
        self.examples, self.batch_size = examples, batch_size
        self.seed, self.planes = seed, planes
        self.device = torch.device(device)
        self._load(examples)
        self._epoch = -1

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches in the examples."""
        return len(self.examples) // self.batch_size

    def __getitem__(self, number: int) -> Batch:
        """Return batch 0, 1, 2 ... without end, every epoch in a new order."""
        epoch, step = divmod(number, self.steps_per_epoch)
        if epoch != self._epoch:
            self._shuffle(epoch)
        chosen = slice(step * self.batch_size, (step + 1) * self.batch_size)
        return self.batch(self._order[chosen], self._symmetries[chosen])

    def _load(self, examples: TrainingSet) -> None:
        """Bring examples and tables of symmetries to the device."""
        known = np.isfinite(examples.outcome)
        # torch shifts signed words only; their bits are the same.
        self._own = self._put(examples.own.view(np.int64))
        self._opponent = self._put(examples.opponent.view(np.int64))
        self._policy = self._put(examples.policy)
        self._outcome = self._put(np.nan_to_num(examples.outcome))
        self._weight = self._put(known.astype(np.float32))
        turned = turned_actions(examples.size)
        source = np.argsort(turned, axis=1)
        self._turned = self._put(turned)
        self._source_actions = self._put(source)
        squares = squares_of_actions(source[:, :-1], size=examples.size)
        self._source_squares = self._put(squares)

    def _put(self, array: ArrayLike) -> Tensor:
        return torch.tensor(np.asarray(array), device=self.device)

    def _shuffle(self, epoch: int) -> None:
        rng = np.random.default_rng([self.seed, epoch])
        self._order = self._put(rng.permutation(len(self.examples)))
        drawn = rng.integers(8, size=len(self.examples), dtype=np.uint8)
        self._symmetries = self._put(drawn)
        self._epoch = epoch

    def batch(self, rows: Any, symmetries: Any) -> Batch:
        """Make the batch of these rows (B,), each turned by its symmetry, 0 to 7."""
        rows, symmetries = (
            torch.as_tensor(each, device=self.device).long()
            for each in (rows, symmetries)
        )
        source = self._source_squares[symmetries]
        own = (self._own[rows, None] >> source) & 1
        opponent = (self._opponent[rows, None] >> source) & 1
        kinds = (own - opponent,) if self.planes == 1 else (own, opponent)
        size = self.examples.size
        policy = self._policy[rows]
        if policy.ndim == 1:
            policy = self._turned[symmetries, policy.long()]
        else:
            policy = policy.gather(1, self._source_actions[symmetries])
        planes = torch.stack(kinds, dim=1).float().view(len(rows), -1, size, size)
        return Batch(planes, policy, self._outcome[rows], self._weight[rows])


class TrainingLoop:
    """A network in training: the optimizer, the schedule and the running losses."""

    def __init__(
        self, network: BoardNetwork, options: TrainingOptions, steps: int
    ) -> None:
        self.network = network
        self.options = options
        self.optimizer = torch.optim.AdamW(
            network.parameters(), weight_decay=_WEIGHT_DECAY, fused=True
        )
        self.length = max(1, steps)
        self.steps = 0
        self.device = next(network.parameters()).device
        self._started = time.perf_counter()
        self._losses = torch.zeros(3, device=self.device)
        self._one = torch.ones((), device=self.device)

    @property
    def seconds(self) -> float:
        """Time since the start, without that between a stop and going on."""
        return time.perf_counter() - self._started

    @property
    def samples(self) -> int:
        """Positions shown."""
        return self.steps * self.options.batch_size

    @property
    def fraction(self) -> float:
        """How much of the schedule has passed, from 0 to 1."""
        return self.steps / self.length

    def step(self, batch: Batch) -> None:
        """Learn one batch."""
        rate = self.options.learning_rate * cycle(self.fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        drawn = np.random.SeedSequence([self.options.seed, self.steps])
        torch.manual_seed(int(drawn.generate_state(1)[0]))
        planes = batch.planes.contiguous(memory_format=torch.channels_last)
        logits, value = self.network(planes)
        policy = nn.functional.cross_entropy(logits, batch.policy)
        # Over positions whose outcome is known.
        errors = batch.weight * (value[:, 0].tanh() - batch.outcome) ** 2
        error = errors.sum() / batch.weight.sum().clamp(min=1)
        self.optimizer.zero_grad()
        (policy + error).backward()
        self.optimizer.step()
        self.steps += 1
        # Summed where the network is: asking for a number would wait for the device.
        self._losses += torch.stack([policy.detach(), error.detach(), self._one])

    def check(self) -> None:
        """Raise `TrainingError` where a loss since the last point is not finite."""
        if not torch.isfinite(self._losses).all():
            msg = (
                f"the loss is not finite after step {self.steps:,}; "
                "lower the learning rate"
            )
            raise TrainingError(msg)

    def point(self, validation: Validation | None) -> TrainingPoint:
        """Tell where the training stands, with mean losses since `start_point`."""
        self.check()
        policy, error, count = self._losses.tolist()
        return TrainingPoint(
            steps=self.steps,
            samples=self.samples,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            policy_loss=policy / count,
            value_loss=error / count,
            validation=validation,
            seconds=self.seconds,
        )

    def start_point(self) -> None:
        """Start new running losses."""
        self._losses.zero_()

    def state(self) -> dict[str, Any]:
        """Return all that the training goes on from."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": self._losses,
            "steps": self.steps,
            "seconds": self.seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.network.load_state_dict(state["network"])
        # The fused step walks through memory, whose order the file keeps.
        self.optimizer.load_state_dict(state["optimizer"])
        self._losses.copy_(state["losses"])
        self.steps = state["steps"]
        self._started = time.perf_counter() - state["seconds"]


def cycle(fraction: float) -> float:
    """Return the learning rate's share of its peak: linear warm-up, half a cosine."""
    if fraction < _WARM_UP:
        return (fraction + 1e-3) / (_WARM_UP + 1e-3)
    passed = min(1.0, (fraction - _WARM_UP) / (1 - _WARM_UP))
    return 0.5 * (1 + math.cos(math.pi * passed))


@contextmanager
def training_mode(network: BoardNetwork) -> Iterator[None]:
    """Train in channels-last memory and leave the global random state alone."""
    device = next(network.parameters()).device
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        network.train()
        _lay_out(network, torch.channels_last)
        try:
            yield
        finally:
            network.eval()
            _lay_out(network, torch.contiguous_format)


def _lay_out(network: BoardNetwork, memory: torch.memory_format) -> None:
    """Arrange the convolutions' weights; channels last trains faster on a CPU."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=memory)
