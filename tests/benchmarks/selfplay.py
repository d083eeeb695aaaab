"""Self-play: games a minute, against alpha-zero-general's search as it is.

Both play with the network that ships, from openings of 6 random moves, with the same
number of simulations a move. They take turns, and so does a plain forward pass of
large batches, which is the ceiling of any search that asks the network once for every
new node. Times are processor time of one thread, or with more threads those of a wall
clock, which tell something on a machine that does nothing else only.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.networks.planes import board_planes
from conceptlrp.selfplay import SearchOptions, SelfPlayOptions
from conceptlrp.selfplay.puct import NetworkEvaluator
from conceptlrp.selfplay.rounds import play_round
from tests.benchmarks.plain_search import play_game


def now() -> float:
    """Seconds of this process, or on the wall when it has several threads."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


@dataclass
class Clock:
    """Seconds and units of one contestant over all rounds."""

    seconds: float = 0.0
    units: float = 0.0
    forwarded: int = 0

    @property
    def rate(self) -> float:
        return self.units / self.seconds


class TimedEvaluator(NetworkEvaluator):
    """Also measures the time spent in the network."""

    seconds = 0.0

    def _forward(self, own: np.ndarray, opponent: np.ndarray) -> tuple:
        started = now()
        found = super()._forward(own, opponent)
        self.seconds += now() - started
        return found


def measure(simulations: int, games: int, plain_games: int, rounds: int) -> Table:
    network = demo_network()
    evaluate = TimedEvaluator(network)
    search = SearchOptions(simulations=simulations)
    options = SelfPlayOptions(search=search, together=games)
    plain, ours, ceiling = Clock(), Clock(), Clock()
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        started = now()
        for _ in range(plain_games):
            plain.forwarded += play_game(network, simulations, rng)[1]
        plain.seconds += now() - started
        plain.units += plain_games
        before, started = evaluate.forwarded, now()
        play_round(evaluate, options=options, seed=seed)
        ours.seconds += now() - started
        ours.units += games
        ours.forwarded += evaluate.forwarded - before
        _add_forward_passes(ceiling)
    return _table(simulations, plain, ours, ceiling, evaluate.seconds)


def _add_forward_passes(clock: Clock) -> None:
    """Send large batches through the network as it is, without anything else."""
    corpus = demo_corpus().sample(4096)
    planes = torch.from_numpy(board_planes(corpus.own, corpus.opponent))
    network = demo_network()
    with torch.inference_mode():
        network(planes[:512])
        started = now()
        for batch in planes.split(512):
            network(batch)
    clock.seconds += now() - started
    clock.units += len(corpus)


def _table(
    simulations: int, plain: Clock, ours: Clock, ceiling: Clock, in_network: float
) -> Table:
    threads = torch.get_num_threads()
    table = Table(title=f"{simulations} simulations a move, {threads} threads")
    columns = {
        "games/min, plain": f"{60 * plain.rate:.1f}",
        "batched": f"{60 * ours.rate:.0f}",
        "ratio": f"{ours.rate / plain.rate:.1f} x",
        "forwarded/game, plain": f"{plain.forwarded / plain.units:.0f}",
        "batched ": f"{ours.forwarded / ours.units:.0f}",
        "forwarded/s, batched": f"{ours.forwarded / ours.seconds:,.0f}",
        "network alone": f"{ceiling.rate:,.0f}",
        "network's share": f"{in_network / ours.seconds:.0%}",
    }
    for name in columns:
        table.add_column(name, justify="right")
    table.add_row(*columns.values())
    return table


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--simulations", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sizes = (16, 1, 1) if options.quick else (256, 2, 2)
    Console(width=160).print(measure(options.simulations, *sizes))


if __name__ == "__main__":
    main()
