"""How much of an output circuits keep: units by several rankings, of equal size.

Usage: ``python tests/benchmarks/circuits.py [GAMES] [--positions N] [--half first]
[--shared] [--method once]``. GAMES are game files; without any, the games that ship are
used. All figures are of the network that ships. Rankings were chosen on the first half
of the games, whose mean maps the other units are set to; the second half, the default,
confirms them. Every position has a circuit of its own, or with --shared one for all.

Prints, for the logit of the best legal move and for the value, what is kept (of MIB,
with 95 % intervals over games), how far it is from the whole network, what is lost
without the circuit, and the areas CPR and CMD.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the package beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.ablation.sample import spread_rows
from conceptlrp.concept_graph import Circuit
from conceptlrp.concept_graph.circuits import PARTS, find_circuit
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import mean_baseline
from conceptlrp.lrp.probing import VALUE, ask, best_actions, boards_of
from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.othello import Corpus
from tests.concept_graph.test_planted_circuits import sample_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("games", nargs="*")
    parser.add_argument("--positions", type=int, default=500)
    parser.add_argument("--half", choices=("first", "second"), default="second")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--method", choices=("pruned", "once"), default="pruned")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    n = 20 if options.quick else options.positions
    torch.set_num_threads(1)
    corpus = Corpus.read(options.games) if options.games else demo_corpus()
    is_first = corpus.game < len(corpus.games) // 2
    explainer = Explainer(demo_network(), composite="epsilon")
    baseline = mean_baseline(explainer, corpus[is_first])
    half = corpus[is_first if options.half == "first" else ~is_first]
    positions = half[spread_rows(half.game, n, seed=1)]
    found = sample_of(positions, np.zeros(len(positions)))
    best = best_actions(ask(explainer, boards_of(positions)).logits, found.legal)
    for target, actions in (("best", best), ("value", np.full(len(best), VALUE))):
        start = time.process_time()
        circuit = find_circuit(
            explainer,
            baseline,
            sample_of(positions, actions),
            target=target,
            each=not options.shared,
            method=options.method,
            n_edges=50,
        )
        report(circuit, time.process_time() - start)


def report(circuit: Circuit, seconds: float) -> None:
    console = Console(width=160)
    console.print(repr(circuit), "; ".join(circuit.layer_words), f"({seconds:.0f} s)")
    for measure in ("kept", "distance", "lost"):
        table = Table("units", *(f"{part:.0%}" for part in PARTS), title=measure)
        for name in circuit.curves:
            points = [circuit.at(part, curve=name) for part in PARTS]
            table.add_row(name, *(f"{point[measure]:.2f}" for point in points))
        console.print(table)
    table = Table("at 20 %", "kept", "distance", "lost", "CPR", "CMD")
    for name, curve in circuit.curves.items():
        point = circuit.at(0.2, curve=name)
        table.add_row(
            name,
            *(
                f"{point[m]:.3f} [{point[f'{m}_low']:.3f}, {point[f'{m}_high']:.3f}]"
                for m in ("kept", "distance", "lost")
            ),
            *(
                f"{each.mean:.3f} [{each.low:.3f}, {each.high:.3f}]"
                for each in (curve.cpr, curve.cmd)
            ),
        )
    console.print(table)
    edges = circuit.edge_frame()
    agreement = np.corrcoef(edges.relevance, edges.effect)[0, 1]
    console.print(
        f"{len(edges)} strongest edges: relevance and effect of cutting r = "
        f"{agreement:.2f}"
    )


if __name__ == "__main__":
    main()
