"""Latency of the explorer: whole HTTP requests against 'conceptlrp serve'.

Usage: ``python tests/benchmarks/explorer.py [--quick]``. Explains positions of the
games that ship, serves the store on the loopback, and asks for pages of positions that
were not asked for before. The time of the server's processor says what a quiet machine
would take at least; the latency is what it took. Beside them stands one pass forward
and backward through the network alone, in the same run.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import torch
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.othello import Corpus, Position, square_name
from conceptlrp.runs import RunOptions, attribute_corpus
from tests.benchmarks.report import machine

#: Medians of a new position and of a step of a slider, on a quiet machine, in ms.
GOALS = (80.0, 100.0)

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server: where it answers, and its process."""

    client: httpx.Client
    process: int

    def cpu(self) -> float:
        """Seconds that the process has computed."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / _TICKS


@contextmanager
def serving(store: Path) -> Iterator[Server]:
    """Serve a store until the measurements are done."""
    words = [sys.executable, "-m", "conceptlrp", "serve", str(store)]
    environment = os.environ | {
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with subprocess.Popen(
        [*words, "--network", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+", line)
        if found is None:
            msg = f"the server did not start: {line}"
            raise RuntimeError(msg)
        try:
            with httpx.Client(base_url=found[0], timeout=60) as client:
                yield Server(client, process.pid)
        finally:
            process.terminate()


def start_of(position: Position) -> str:
    """Write a position as it stands in an address."""
    return position.obf().replace(" ", "")


def has_choice(position: Position) -> bool:
    """Whether there are two moves to set side by side."""
    return len(position.legal_moves) > 1


def requests_of(corpus: Corpus) -> dict[str, Callable[[int], str]]:
    """Return how the addresses of every kind of request are made, by row."""
    starts = [start_of(corpus.position(row)) for row in range(len(corpus))]

    def channel(row: int) -> str:
        return f"/?start={starts[row]}&layer=conv3&channel={row % 64}"

    games = [corpus.transcript(row, whole=True) for row in range(len(corpus))]
    legal = [
        [square_name(each) for each in corpus.position(row).legal_moves]
        for row in range(len(corpus))
    ]
    return {
        "position: moves, heatmap, top channels": lambda row: f"/?start={starts[row]}",
        "the same asked again": lambda row: f"/?start={starts[row]}",
        "one channel of it, with reference boards": channel,
        "a step of a game": lambda row: f"/?moves={games[0]}&ply={row % 60}",
        "a step of a slider": lambda row: (
            f"/?start={starts[0]}&layer=conv3&channel=9"
            f"&change:conv3:9={row / 20:g}&change:conv4:2=mean"
        ),
        "heatmap of a channel": lambda row: (
            f"/heatmap.json?start={starts[0]}&layer=conv3&channel={row % 64}"
        ),
        "two moves": lambda row: (
            f"/?start={starts[row]}&move={legal[row][0]}&against={legal[row][-1]}"
        ),
        "search, 100 simulations": lambda row: f"/?start={starts[row]}&search=100",
        "similar positions": lambda row: f"/?start={starts[row]}&similar=conv3",
        "heatmap of the value": lambda row: f"/?start={starts[row]}&show=value",
        "JSON": lambda row: f"/position.json?start={starts[row]}",
    }


def bare_pass(corpus: Corpus, count: int) -> tuple[str, ...]:
    """Time a pass forward and backward of the best move of single positions."""
    network, seconds, cpu = demo_network(), [], 0.0
    boards = corpus.own, corpus.opponent
    planes = torch.from_numpy(network.encoding.bitboards(*boards, size=8))
    for row in range(count + 1):
        one = planes[row : row + 1].requires_grad_()
        before, start = time.process_time(), time.perf_counter()
        network(one)[0].max().backward()
        if row:
            seconds.append(time.perf_counter() - start)
            cpu += time.process_time() - before
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    figures = (statistics.median(seconds), cuts[-1], cpu / count)
    name = "one pass forward and backward, nothing else"
    return (name, *(f"{1000 * each:.1f}" for each in figures), "")


def measured_row(
    name: str, server: Server, address: Callable[[int], str], count: int
) -> tuple[str, ...]:
    """Ask for every position once and put the times in words."""
    again = name == "the same asked again"
    seconds, size, cpu = [], 0, 0.0
    for row in range(count):
        if again:
            server.client.get(address(row))
        before, start = server.cpu(), time.perf_counter()
        reply = server.client.get(address(row)).raise_for_status()
        seconds.append(time.perf_counter() - start)
        cpu += server.cpu() - before
        size += len(reply.content)
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    figures = (statistics.median(seconds), cuts[-1], cpu / count)
    return (
        name,
        *(f"{1000 * each:.0f}" for each in figures),
        f"{size / count / 1e3:.0f}",
    )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 positions")
    options = parser.parse_args()
    count = 20 if options.quick else 100
    corpus = demo_corpus().unique(symmetry=True).sample(1000, seed=0)
    corpus = corpus[[row for row in range(1000) if has_choice(corpus.position(row))]]
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    table = Table("request", "median ms", "95th percentile ms", "processor ms", "KB")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run.crp"
        attribute_corpus(demo_network(), corpus, store, run=RunOptions(name="demo"))
        with serving(store) as server:
            table.add_row(*bare_pass(corpus, count))
            server.client.get("/")
            for name, address in requests_of(corpus).items():
                table.add_row(*measured_row(name, server, address, count))
    load = os.getloadavg()[0]
    table.caption = (
        f"{count} positions each; load {load:.1f}; goals {GOALS[0]:.0f} ms median for "
        f"a position, {GOALS[1]:.0f} for a step of a slider"
    )
    console = Console()
    console.print(about)
    console.print(table)


if __name__ == "__main__":
    main()
