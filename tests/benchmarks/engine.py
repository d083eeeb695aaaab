"""Speed of the engine against zennit-crp, zennit and the machine's own ceiling.

Usage: ``python tests/benchmarks/engine.py [--quick] [--json FILE]``. One run lets
both sides compute in turn and prints one table. zennit-crp runs in an environment
of its own, which the first run makes and later ones use again.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.lrp.composites import DEFAULT_COMPOSITE
from conceptlrp.networks import OthelloNet, demo_corpus, demo_network
from conceptlrp.networks.demo import demo_tower
from tests.benchmarks import measurements as measure
from tests.benchmarks.agreement import agreement_rows
from tests.benchmarks.case import Case
from tests.benchmarks.report import Row, as_table, machine, write_json
from tests.benchmarks.zennit_crp import Network, ZennitCrp
from tests.benchmarks.zennit_crp_environment import (
    ZENNIT,
    ZENNIT_CRP,
    zennit_crp_python,
)
from tests.lrp.conftest import randomize


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes
    ----------
    channels : int
        Of the network with random weights.
    rounds : int
        How often each contestant runs.
    positions, conditional : tuple of int
        Positions of one run for the random and the shipped network: without
        and with conditional heatmaps.
    agreement : int
        Of the shipped network every so many channels are compared.
    """

    channels: int = 512
    rounds: int = 5
    positions: tuple[int, int] = (64, 128)
    conditional: tuple[int, int] = (16, 64)
    agreement: int = 1


_QUICK = Sizes(32, 2, (32, 32), (4, 8), 16)


def measured_rows(python: Path, sizes: Sizes) -> Iterator[Row]:
    """Measure the network with random weights, then the one that ships."""
    large = randomize(OthelloNet(channels=sizes.channels))
    label = f"{sizes.channels} channels, random weights"
    with _case(python, large, label, sizes, 0) as case:
        yield from measure.conditional_rows(case, goal=300)
        yield from measure.target_rows(case)
        yield from measure.channel_rows(case)
        yield from measure.sweep_rows(case)
        yield from measure.graph_rows(case)
        yield from agreement_rows(case, channels=[0, 1, 2], n_positions=1)
    small = demo_network()
    with _case(python, small, f"{small.channels} channels, shipped", sizes, 1) as case:
        yield from measure.conditional_rows(case, goal=50)
        yield from measure.target_rows(case)
        yield from measure.channel_rows(case)
        channels = list(range(0, small.channels, sizes.agreement))
        yield from agreement_rows(case, channels=channels, n_positions=2)
    yield from _default_rows(python, large, label, sizes, 0)
    yield from _default_rows(python, small, "OthelloNet, shipped", sizes, 1)
    yield from _default_rows(python, demo_tower(), "tower, shipped", sizes, 1)


def _default_rows(
    python: Path, network: Network, label: str, sizes: Sizes, which: int
) -> Iterator[Row]:
    """Measure the default composite, fewer rounds at the network with random weights.

    Heatmaps of zennit-crp are slow there and measured with the other composite.
    """
    label = f"{label}, {DEFAULT_COMPOSITE}"
    if which == 0:
        sizes = replace(sizes, rounds=min(sizes.rounds, 3), positions=(16, 16))
    with _case(python, network, label, sizes, which) as case:
        case = replace(case, composite=DEFAULT_COMPOSITE)
        if which:
            yield from measure.conditional_rows(case, goal=None)
            yield from measure.target_rows(case, goal=1.5)
        yield from measure.channel_rows(case)


@contextmanager
def _case(
    python: Path, network: Network, label: str, sizes: Sizes, which: int
) -> Iterator[Case]:
    positions = demo_corpus().sample(sizes.positions[which], seed=0)
    with ZennitCrp(python, network, positions) as peer:
        yield Case(
            label, network, positions, peer, sizes.rounds, sizes.conditional[which]
        )


def _without_speed_goal(row: Row) -> Row:
    """Drop a goal that is about full size; agreement holds at any."""
    return replace(row, goal=None) if row.unit else row


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, no speed goals")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    parser.add_argument(
        "--environment", type=Path, metavar="FOLDER", help="of zennit-crp"
    )
    options = parser.parse_args()
    progress = Console(stderr=True, log_path=False)
    progress.log("making ready zennit-crp's environment")
    python = zennit_crp_python(options.environment)
    rows: list[Row] = []
    for row in measured_rows(python, _QUICK if options.quick else Sizes()):
        progress.log(f"{row.network}: {row.what}", row.ours, row.theirs, row.ratio)
        rows.append(_without_speed_goal(row) if options.quick else row)
    about = machine() | {"zennit-crp": ZENNIT_CRP, "zennit of zennit-crp": ZENNIT}
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    console.print(as_table(rows))
    if options.json is not None:
        write_json(rows, about, options.json)


if __name__ == "__main__":
    main()
