"""Conditional heatmaps up and down: processor time against counted work.

Usage: ``python tests/benchmarks/modes.py [CHANNELS] [POSITIONS]``. Weights are random,
which changes no operation; positions are real ones. What is counted for both, numbers
that are moved included, should take about the same time a unit: by that the weights of
`conceptlrp.lrp.engine.counting` were chosen.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import begin
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.lrp.targets import parse_targets
from conceptlrp.networks import OthelloNet
from tests.benchmarks.one_run import real_positions
from tests.benchmarks.report import Row, print_rows
from tests.lrp.conftest import randomize


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of work, after a first time that does not count."""
    work()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def mode_row(label: str, passed: NativePassed, layer: str, k: int) -> Row:
    """Let the first k channels of a layer go up, and down."""
    n, node = len(passed.outputs["policy"]), passed.owner.nodes[layer]
    rows = {layer: torch.arange(k).expand(n, 1, k)}
    costs, every = passed.owner.costs, passed.every
    flow = {layer: passed.features[layer][:, None]}
    up = costs.forward((node,), passed.active, every)
    down = costs.reverse({node: n * k}, every)
    with torch.no_grad():
        took = [
            seconds(lambda: passed._sweep(flow, rows)),
            seconds(lambda: passed._send_channels(layer, flow[layer], rows[layer])),
        ]
    return Row(
        label,
        f"{layer}, {k} channels, forward",
        "reverse",
        f"{took[0]:.3f} s, {up / took[0] / 1e9:.0f} G/s",
        f"{took[1]:.3f} s, {down / took[1] / 1e9:.0f} G/s",
        ratio=took[1] / took[0],
        note=f"counted {down / up:.2f}",
    )


def main() -> None:
    """Measure, print."""
    channels, n = (int(each) for each in [*sys.argv[1:], "64", "64"][:2])
    torch.set_num_threads(1)
    positions = real_positions(40 * n)[np.arange(0, 40 * n, 40)]
    explainer = Explainer(randomize(OthelloNet(channels=channels)), baseline="mean")
    above = explainer.baseline_for(positions)
    with explainer.run(positions, baseline=above.take(np.arange(n))) as passed:
        assert isinstance(passed, NativePassed)
        begin(passed, parse_targets(["played"], 8), positions)
        print_rows(
            [
                mode_row(f"{channels} channels", passed.second, layer, k)
                for layer in explainer.layers
                for k in (4, 16, 64)
            ],
            None,
        )


if __name__ == "__main__":
    main()
