"""Shapes of network: what comes of each, how right it is, and how fast.

Usage: ``python tests/benchmarks/network_shapes.py [--channels 32] [--positions 64]``.
Every shape of `tests/lrp/network_shapes.py` is compared with its oracle in float64 at 6
channels; then, wider and in float32, channel relevance by the default composite, the
heatmap included, takes turns with a plain forward pass. One thread.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.report import machine
from tests.benchmarks.timing import alternate, timed
from tests.lrp.conftest import random_corpus
from tests.lrp.network_shapes import SHAPES, Shape
from tests.lrp.shape_verdicts import RIGHT, Verdict, core, explainer_of, judge, quietly

_COLUMNS = ("outcome", "oracle", "difference", "forward", "relevance", "ratio")


def speeds(shape: Shape, c: int, n: int, rounds: int) -> tuple[float, float]:
    """Return positions a second of a forward pass and of channel relevance."""
    with quietly():
        made = shape.make(c)
        core(made).float().eval()
        explainer = explainer_of(shape, made)
    corpus = random_corpus(1 + n // 30, size=shape.size).sample(n, seed=0)
    planes = explainer._planes(corpus)
    with torch.no_grad():
        timings = alternate(
            {
                "forward": timed(lambda: core(made)(planes)),
                "relevance": timed(lambda: explainer.summarize(corpus, targets="best")),
            },
            rounds=rounds,
        )
    return n / timings["forward"].median, n / timings["relevance"].median


def cells(shape: Shape, verdict: Verdict, options: argparse.Namespace) -> list[str]:
    if not verdict.differences:
        said = verdict.outcome.partition(";")[0].partition(": by the gradient")[0]
        return [said.replace("[", r"\[")]
    oracle = f"twin: {shape.twin}" if shape.twin else "autograd"
    if "hooks" in verdict.differences:
        oracle += ", zennit"
    sizes = (options.channels, options.positions, options.rounds)
    forward, relevance = speeds(shape, *sizes)
    numbers = (f"{forward:,.0f}", f"{relevance:,.0f}", f"{forward / relevance:.1f}")
    return [verdict.outcome, oracle, f"{verdict.largest:.0e}", *numbers]


def main() -> None:
    """Judge and time all shapes, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--positions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = Table("shape", *_COLUMNS[:2])
    for name in _COLUMNS[2:]:
        table.add_column(name, justify="right")
    found: Counter[str] = Counter()
    for shape in SHAPES.values():
        verdict = judge(shape)
        found[verdict.outcome.partition(":")[0]] += 1
        found["wrong"] += not verdict.largest <= RIGHT
        table.add_row(shape.name, *cells(shape, verdict, options))
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    console.print(table)
    counts = ", ".join(f"{found[name]} {name}" for name in ("native", "hooks"))
    console.print(
        f"{len(SHAPES)} shapes: {counts}, {found['gradient']} gradient, "
        f"{found['refused']} refused; {found['wrong']} accepted and wrong"
    )


if __name__ == "__main__":
    main()
