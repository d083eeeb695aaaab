"""Which default the evidence supports: chosen on some games, confirmed on others.

Usage: ``python tests/benchmarks/composite_choice.py GAMES [--choose N] [--confirm N]
[--out FILE] [--quick]``. GAMES are game files that no network learned from. They are
split in two halves by lot. Of positions that are equal but for a symmetry of the board
the first alone is kept, so that no position and no mirrored twin is on both sides.

On the shipped network, the shipped tower and a snapshot, every preset is measured in
both of its parts:

    channels    relevance above zero and above the mean: rank correlation over the
                channels of a layer with the exact effect of mean ablation and of
                another position's map, at single positions, best move and value
    heatmaps    what the output loses as discs go, best move and value, and relevance
                on the discs that make the move legal, as parts of the best preset's

The best preset of each on the first half, mean over networks, is the choice; the second
half says with intervals over games whether it holds, for heatmaps against the three
that came next. Prints tables; `--out` writes all measurements as JSON.
"""

import argparse
import sys
import time
from collections.abc import Collection, Mapping
from itertools import product
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the package beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp import jsontext
from conceptlrp.evaluation.faithfulness import AGAINST, activations
from conceptlrp.evaluation.study import (
    Study,
    channel_scores,
    explain_sample,
    measure_agreement,
    measure_heatmaps,
    prepare_study,
)
from conceptlrp.evaluation.verdict import faithfulness
from conceptlrp.lrp import COMPOSITES, Explainer
from conceptlrp.lrp.baselines import ZERO
from conceptlrp.networks import demo_network, demo_snapshots, demo_tower
from conceptlrp.networks.architectures import BoardNetwork
from conceptlrp.othello import Corpus
from conceptlrp.statistics.estimates import known_mean

BASELINES = ("zero", "mean")
SQUARES = (
    ("square_gain", "best"),
    ("square_gain", "value"),
    ("flip_line_mass", "best"),
)
TARGETS = ("best", "value")
#: What decides a choice: its name by network, the numbers (N,) at each position.
Numbers = dict[str, np.ndarray]


def halves(corpus: Corpus, *, seed: int) -> tuple[Corpus, Corpus]:
    """Split a corpus by games."""
    games = np.unique(corpus.game)
    lots = np.random.default_rng(seed).permutation(len(games))
    first = np.isin(corpus.game, games[lots < len(games) // 2])
    return corpus[np.flatnonzero(first)], corpus[np.flatnonzero(~first)]


def measure(
    network: BoardNetwork, corpus: Corpus, n: int, drawn: Collection[str]
) -> Study:
    """Measure channels of every preset and of activation, and heatmaps of some."""
    study = prepare_study(network, corpus, None, n, 1, 0, ZERO)
    layers, n_targets = study.base.layers, len(study.targets)
    held = {layer: activations(f, n_targets) for layer, f in study.features.items()}
    measure_agreement(
        study,
        "activation",
        {b: {x: held[x][b] for x in layers} for b in (*BASELINES, "donor")},
    )
    for name in COMPOSITES:
        explainer = Explainer(network, composite=name, layers=layers)
        scores = channel_scores(study, explainer)
        measure_agreement(study, name, scores)
        if name in drawn:
            relevance = explain_sample(study, explainer)
            measure_heatmaps(study, name, relevance, same_class=False)
    return study


def of_channels(study: Study) -> Numbers:
    """Return the agreement of presets above a baseline at each position, (N,).

    It is the mean over layers, both ablations, best move and value. A mean baseline
    stands for both: what a store has is one baseline.
    """
    found = {}
    for name, baseline in product(COMPOSITES, BASELINES):
        parts = [
            values
            for target in TARGETS
            for values in study.scores.of(
                name, "channel_agreement", target, baseline
            ).values()
        ]
        found[f"{name}, {baseline}"] = known_mean(parts)
    return found


def of_heatmaps(study: Study) -> Numbers:
    """Return the faithfulness of the heatmaps of presets at each position, (N,)."""
    known = [n for n in COMPOSITES if study.scores.of(n, "flip_line_mass")]
    return faithfulness(study.scores, known, SQUARES)


def best_of(numbers: Mapping[str, Numbers]) -> tuple[str, dict[str, float]]:
    """Return what is best in the mean over networks, and all means, the best first."""
    names = next(iter(numbers.values()))
    means = {
        n: float(np.mean([known_mean(each[n]) for each in numbers.values()]))
        for n in names
    }
    order = sorted(means, key=lambda name: -means[name])
    return order[0], {name: means[name] for name in order}


def confirmation(
    title: str,
    chosen: str,
    studies: Mapping[str, Study],
    numbers: Mapping[str, Numbers],
) -> Table:
    """Compare the choice with everything else at the same positions."""
    table = Table(title, *studies, title=f"{chosen} less each other one, second half")
    _, order = best_of(numbers)
    for name in order:
        cells = []
        for network, study in studies.items():
            mine, other = numbers[network][chosen], numbers[network][name]
            found = study.scores.difference(mine, other)
            less = f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
            mean = f"{float(known_mean(other)):.3f}"
            cells.append(mean if name == chosen else f"{mean}, {less}")
        table.add_row(name, *cells)
    return table


def layer_table(study: Study, title: str, rows: list[tuple[str, str, str]]) -> Table:
    """Return agreements of (method, baseline, ablation) layer by layer."""
    table = Table("score, ablation", "output", *study.base.layers, title=title)
    known = {
        (m.method, m.metric, m.target, m.part, m.baseline): m.estimate
        for m in study.scores.findings.measurements
    }
    metrics = ("", "_signed", "_overall", "_signed_overall", "_exchanged")
    for (method, baseline, ablation), target in product(rows, TARGETS):
        for ending in metrics:
            key = (method, f"channel_agreement{ending}", target)
            found = [
                known.get((*key, f"{layer} {ablation}", baseline))
                for layer in study.base.layers
            ]
            cells = [
                "" if e is None else f"{e.mean:.2f} [{e.low:.2f}, {e.high:.2f}]"
                for e in found
            ]
            what = f"{method} above {baseline}, {ablation}{ending.replace('_', ' ')}"
            table.add_row(what, target, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("games", nargs="+")
    parser.add_argument("--choose", type=int, default=300)
    parser.add_argument("--confirm", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=200, soft_wrap=True)
    corpus = Corpus.read(options.games).unique(symmetry=True).turn()
    networks = {
        "OthelloNet": demo_network(),
        "tower": demo_tower(),
        "snapshot": demo_snapshots()[2].network,
    }
    counts = (30, 30) if options.quick else (options.choose, options.confirm)
    written: dict[str, object] = {}
    chosen: dict[str, str] = {}
    drawn: tuple[str, ...] = COMPOSITES
    sides = zip(("first", "second"), halves(corpus, seed=0), counts, strict=True)
    for half, side, n in sides:
        studies = {}
        for name, network in networks.items():
            start = time.perf_counter()
            studies[name] = measure(network, side, n, drawn)
            seconds = time.perf_counter() - start
            positions = len(studies[name].sample)
            console.print(
                f"{half} half, {name}: {positions} positions, {seconds:.0f} s"
            )
        for title, numbers_of in (("channels", of_channels), ("heatmaps", of_heatmaps)):
            numbers = {name: numbers_of(study) for name, study in studies.items()}
            best, means = best_of(numbers)
            drawn = tuple(means)[:4]
            chosen.setdefault(title, best)
            console.print(f"{half} half, {title}: {means}")
            if half == "second":
                console.print(confirmation(title, chosen[title], studies, numbers))
        for name, study in studies.items():
            found = study.scores.findings.measurements
            written[f"{half} {name}"] = [each.to_dict() for each in found]
    composite, baseline = chosen["channels"].split(", ")
    console.print(f"chosen: {composite}+{chosen['heatmaps']} above {baseline}")
    matching = {"mean": "mean", "resample": "donor"}
    for name, study in studies.items():
        rows = [
            (method, b, ablation)
            for ablation in AGAINST
            for method, b in (
                (composite, matching[ablation]),
                (composite, "zero"),
                ("epsilon-gamma", "zero"),
                ("activation", "zero"),
                ("activation", matching[ablation]),
            )
        ]
        console.print(layer_table(study, f"{name}, second half", rows))
    if options.out:
        options.out.write_bytes(jsontext.dumps({"chosen": chosen, **written}))


if __name__ == "__main__":
    main()
