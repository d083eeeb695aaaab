"""What the training loop adds to the steps of the network alone.

Usage: ``python tests/benchmarks/training.py [--quick] [--device cuda] [--json FILE]``.
In one run, taking turns: forward, loss and backward of one batch over and over; the
same with the optimizer's step; and the loop, with its batches, schedule, seeds and
running losses. ``--threads`` sets the threads of the processor.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.networks import BoardNetwork, OthelloNet, ResidualTower, demo_corpus
from conceptlrp.selfplay import TrainingOptions, TrainingSet
from conceptlrp.selfplay.training_loop import (
    Batch,
    Batches,
    TrainingLoop,
    training_mode,
)
from tests.benchmarks.report import Row, print_rows
from tests.benchmarks.timing import Contestant, Timing, alternate, timed

_GOAL = 1.1


@dataclass(frozen=True)
class Case:
    """A network and the size of its batches."""

    name: str
    network: BoardNetwork
    batch_size: int


def cases(*, quick: bool) -> Iterator[Case]:
    """Give the networks that are trained here, small first."""
    yield Case("OthelloNet, 64 channels", OthelloNet(64), 256)
    if quick:
        return
    yield Case("OthelloNet, 128 channels", OthelloNet(128), 256)
    yield Case("ResidualTower, 64 channels, 4 blocks", ResidualTower(64, 4), 256)


def contestants(
    case: Case, examples: TrainingSet, device: str, repeats: int
) -> dict[str, Contestant]:
    """Make what is timed; each contestant does `repeats` steps."""
    network = case.network.to(device)
    options = TrainingOptions(batch_size=case.batch_size)
    loop = TrainingLoop(network, options, 1_000_000)
    batches = Batches(
        examples,
        batch_size=case.batch_size,
        planes=network.planes,
        device=device,
    )
    batch = batches[0]
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)

    def bare() -> None:
        network.zero_grad()
        _loss(network, batch).backward()

    def with_optimizer() -> None:
        bare()
        optimizer.step()

    def looped() -> None:
        loop.step(batches[loop.steps])

    return {
        "bare": timed(_waiting(bare, device), repeats=repeats),
        "optimizer": timed(_waiting(with_optimizer, device), repeats=repeats),
        "loop": timed(_waiting(looped, device), repeats=repeats),
        "batch": timed(_waiting(lambda: batches[loop.steps], device), repeats=repeats),
    }


def rows_of(
    case: Case, examples: TrainingSet, device: str, repeats: int, rounds: int
) -> Iterator[Row]:
    """Measure a case."""
    with training_mode(case.network.to(device)):
        found = alternate(contestants(case, examples, device, repeats), rounds=rounds)
    loop, size = found["loop"], case.batch_size
    for name, what in (
        ("bare", "forward and backward"),
        ("optimizer", "the same and AdamW"),
    ):
        other = found[name]
        yield Row(
            network=case.name,
            what="the training loop",
            against=what,
            ours=_speed(loop, size),
            theirs=_speed(other, size),
            ratio=loop.median / other.median,
            ratio_of_best=loop.best / other.best,
            goal=_GOAL if name == "optimizer" else None,
            at_most=True,
            note=f"batches of {size}",
        )
    yield Row(
        network=case.name,
        what="making a batch",
        against="the training loop",
        ours=_speed(found["batch"], size),
        theirs=_speed(loop, size),
        ratio=found["batch"].median / loop.median,
        note="share of a step",
    )


def _loss(network: BoardNetwork, batch: Batch) -> torch.Tensor:
    logits, value = network(batch.planes.contiguous(memory_format=torch.channels_last))
    errors = (value[:, 0].tanh() - batch.outcome) ** 2
    return nn.functional.cross_entropy(logits, batch.policy) + errors.mean()


def _waiting(work: Callable[[], object], device: str) -> Callable[[], None]:
    """Let work count until the device has done it."""

    def waited() -> None:
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    return waited


def _speed(timing: Timing, positions: int) -> str:
    return f"{positions / timing.median:,.0f} positions/s"


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one network, few steps")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of the processor")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    examples = TrainingSet.from_corpus(demo_corpus())
    repeats, rounds = (3, 3) if options.quick else (5, 7)
    rows: list[Row] = []
    for case in cases(quick=options.quick):
        rows += rows_of(case, examples, options.device, repeats, rounds)
    print_rows(rows, options.json)


if __name__ == "__main__":
    main()
