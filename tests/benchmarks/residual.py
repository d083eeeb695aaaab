"""A residual network of one's own: relevance in forward passes, and a whole run.

Usage: ``python tests/benchmarks/residual.py [--channels 48] [--blocks 7]
[--positions 20000] [--json FILE]``. Weights are random, which changes no operation;
positions are real ones. One thread, so that processor time is what is compared.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import torch

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.backends import fold_batch_norm
from conceptlrp.lrp.composites import DEFAULT_COMPOSITE
from conceptlrp.lrp.inputs import probe_boards
from conceptlrp.networks import ResidualTower
from conceptlrp.othello import Corpus
from conceptlrp.runs import KeepOptions, RunOptions, attribute_corpus, parts, stages
from tests.benchmarks.one_run import Clock, real_positions
from tests.benchmarks.peers import plain_forwards
from tests.benchmarks.report import Row, print_rows
from tests.benchmarks.timing import alternate, timed
from tests.lrp.conftest import randomize

_TARGETS = ("played", "value")
_ROUNDS, _BATCH = 7, 64
#: By which the default sends relevance to layers; the other goes to the board.
_CHANNELS = DEFAULT_COMPOSITE.partition("+")[0]


def board_layers(network: ResidualTower) -> list[str]:
    """Name the convolutions over the board: the stem's, and two a block."""
    modules = network.named_modules()
    return [n for n, m in modules if getattr(m, "kernel_size", ()) == (3, 3)]


def forward_rows(
    label: str, network: ResidualTower, layers: list[str], positions: Corpus
) -> Iterator[Row]:
    """Compare channel relevance by the default with a plain forward pass."""
    contestants = {}
    for name, composite in (("alone", _CHANNELS), ("and heatmap", DEFAULT_COMPOSITE)):
        for baseline in ("zero", "mean"):
            explainer = Explainer(
                network, composite=composite, layers=layers, baseline=baseline
            )
            explainer.baseline_for(positions)
            for targets in (_TARGETS[:1], _TARGETS):
                what = (
                    f"channel relevance {name}, above {baseline}, {len(targets)} of 2"
                )
                contestants[f"{what} targets"] = timed(
                    lambda e=explainer, t=targets: e.summarize(positions, targets=t)
                )
    folded = fold_batch_norm(network, planes=probe_boards(8, network.encoding))
    forwards = plain_forwards(folded, positions, batch_size=_BATCH)
    timings = alternate({**contestants, **forwards}, rounds=_ROUNDS)
    forward = min((timings[name] for name in forwards), key=lambda t: t.median)
    per = 1e3 / len(positions)
    for name in contestants:
        found = timings[name]
        yield Row(
            label,
            name,
            "one plain forward",
            f"{found.median * per:.2f} ms",
            f"{forward.median * per:.2f} ms",
            found.median / forward.median,
            found.best / forward.best,
            4.0 if "1 of" in name else None,
            at_most=True,
            note="per position",
        )


def run_row(
    label: str, network: ResidualTower, layers: list[str], positions: Corpus
) -> Row:
    """Explain all positions into a store, and count the seconds spent in it."""
    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as place,
        patch.object(parts, "write_shard", clock.around(parts.write_shard)),
        patch.object(stages, "finish_run", clock.around(stages.finish_run)),
        patch("conceptlrp.runs.executors._cores", return_value=1),
    ):
        begun = time.perf_counter()
        attribute_corpus(
            network,
            positions,
            Path(place) / "run.crp",
            targets=_TARGETS,
            layers=layers,
            keep=KeepOptions(detail="sums"),
            run=RunOptions(),
        )
        seconds = time.perf_counter() - begun
    rows = len(positions)
    return Row(
        label,
        f"{rows:,} positions x {len(layers)} layers x {len(_TARGETS)} targets, stored",
        "share of time in the store",
        f"{rows / seconds:,.0f} positions/s",
        f"{100 * clock.seconds / seconds:.1f} %",
        clock.seconds / seconds,
        None,
        0.1,
        at_most=True,
        unit="",
        note=f"{seconds:.0f} s",
    )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("channels", 48), ("blocks", 7), ("positions", 20_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = randomize(ResidualTower(options.channels, options.blocks))
    assert isinstance(network, ResidualTower)
    layers = board_layers(network)
    label = f"{options.blocks} blocks, {options.channels} channels, random weights"
    positions = real_positions(options.positions)
    rows = list(forward_rows(label, network, layers, positions[:_BATCH]))
    rows.append(run_row(label, network, layers, positions))
    print_rows(rows, options.json)


if __name__ == "__main__":
    main()
