"""One step of training after another: loss, optimizer and learning rate.

The loss is alpha-zero-general's, cross entropy with the target policy over all
actions plus the squared error of tanh(value). Illegal actions are not masked: a
network of this kind has to learn the rules as well.

Everything random in a step follows from the seed and the step's number, so what a
training needs to go on is its weights, what the optimizer keeps of each, and two
numbers.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from conceptlrp.errors import TrainingError
from conceptlrp.networks import BoardNetwork
from conceptlrp.selfplay.batches import Batch
from conceptlrp.selfplay.evaluation import Evaluation
from conceptlrp.selfplay.progress import Progress, TrainingOptions

_WARM_UP = 0.04
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class TrainingLoop:
    """A network in training: the optimizer, the schedule and the running losses.

    Parameters
    ----------
    network : BoardNetwork
        Trained in place, where it is.
    options : TrainingOptions
        Learning rate, weight decay and so on.
    steps : int
        Length of the schedule, unless the options give it in minutes.
    """

    def __init__(
        self, network: BoardNetwork, options: TrainingOptions, steps: int
    ) -> None:
        self.network = network
        self.options = options
        self.optimizer = torch.optim.AdamW(
            network.parameters(), weight_decay=options.weight_decay, fused=True
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
        """How much of the schedule has passed, by steps or by time."""
        if self.options.minutes is None:
            return self.steps / self.length
        return self.seconds / (60 * self.options.minutes)

    def step(self, batch: Batch) -> None:
        """Learn one batch."""
        rate = self.options.learning_rate * cycle(self.fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        _seed_dropout(self.options.seed, self.steps)
        logits, value = self.network(
            batch.planes.contiguous(memory_format=torch.channels_last)
        )
        smoothing = self.options.label_smoothing
        policy = nn.functional.cross_entropy(
            logits, batch.policy, label_smoothing=smoothing
        )
        error = _value_loss(value[:, 0], batch)
        self.optimizer.zero_grad()
        (policy + error).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.steps += 1
        # Summed where the network is: asking for a number would wait for the device.
        self._losses += torch.stack([policy.detach(), error.detach(), self._one])

    def check(self) -> None:
        """Raise `TrainingError` where a loss since the last point is not finite."""
        if not torch.isfinite(self._losses).all():
            message = (
                f"the loss is not finite after step {self.steps:,}; "
                "lower the learning rate"
            )
            raise TrainingError(message)

    def point(self, evaluation: Evaluation | None) -> Progress:
        """Tell where the training stands, with mean losses since `start_point`.

        Parameters
        ----------
        evaluation : Evaluation or None
            On held-out positions.
        """
        self.check()
        policy, error, count = self._losses.tolist()
        return Progress(
            steps=self.steps,
            samples=self.samples,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            policy_loss=policy / count,
            value_loss=error / count,
            evaluation=evaluation,
            seconds=self.seconds,
        )

    def start_point(self) -> None:
        """Start new running losses."""
        self._losses.zero_()

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that the training goes on from, on the processor."""
        found = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        found["losses"] = self._losses
        for name, parameter in self.network.named_parameters():
            kept = self.optimizer.state.get(parameter, {})
            found |= {f"optimizer.{name}.{each}": kept[each] for each in kept}
        return {name: stored(tensor) for name, tensor in found.items()}

    def restore(self, tensors: dict[str, Tensor], steps: int, seconds: float) -> None:
        """Go on from what `tensors` returned.

        Parameters
        ----------
        tensors : dict of str to Tensor
            By the same names.
        steps : int
            Steps done.
        seconds : float
            Time they took.
        """
        with torch.no_grad():
            for name, tensor in self.network.state_dict().items():
                tensor.copy_(tensors[f"network.{name}"])
            self._losses.copy_(tensors["losses"])
        # Before its first step the optimizer keeps nothing.
        for name, parameter in self.network.named_parameters() if steps else ():
            self.optimizer.state[parameter] = _moments(parameter, name, tensors)
        self.steps = steps
        self._started = time.perf_counter() - seconds


def stored(tensor: Tensor) -> Tensor:
    """Copy a tensor for a file: on the processor, in plain order."""
    return tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)


def cycle(fraction: float) -> float:
    """Return the learning rate at a point of the schedule as a share of its peak.

    A linear warm-up, then half a cosine to 0.
    """
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


def _moments(
    parameter: Tensor, name: str, tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Lay out what the optimizer keeps of a parameter as the parameter is."""
    found = {each: tensors[f"optimizer.{name}.{each}"] for each in _MOMENTS}
    steps = found.pop("step").to(parameter.device)
    # The fused step walks through memory, so the order in it must be the same.
    laid = {n: torch.empty_like(parameter).copy_(t) for n, t in found.items()}
    return {"step": steps, **{n: t.detach() for n, t in laid.items()}}


def _seed_dropout(seed: int, step: int) -> None:
    torch.manual_seed(int(np.random.SeedSequence([seed, step]).generate_state(1)[0]))


def _value_loss(value: Tensor, batch: Batch) -> Tensor:
    """Mean squared error of tanh(value) over positions whose outcome is known."""
    errors = batch.weight * (value.tanh() - batch.outcome) ** 2
    return errors.sum() / batch.weight.sum().clamp(min=1)


def _lay_out(network: BoardNetwork, memory: torch.memory_format) -> None:
    """Arrange the convolutions' weights; channels last trains faster on a CPU."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=memory)
