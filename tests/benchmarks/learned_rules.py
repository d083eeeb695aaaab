"""How much of a channel, and of a unit, rules in squares explain.

Usage: ``python tests/benchmarks/learned_rules.py GAMES... [--network demo]
[--positions 2000] [--random 3] [--units 40]``. Half of the games are held out; R2 is of
these. Beside the network stand copies of it with random weights.

Channels: a tree of 16 leaves over the 5 x 5 squares around a square, pooled over all
squares, as `conceptlrp label` learns it. Units (a channel on a square): a tree of depth
8 over all squares of the board, as in arXiv 2511.00059, where 913 of 2048 neurons of
OthelloGPT are above 0.7.
"""

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.tree import DecisionTreeRegressor

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.labelling import LabelCriteria
from conceptlrp.labelling.networks import on_board, random_network
from conceptlrp.labelling.rule import square_states
from conceptlrp.labelling.rules import learn_rules
from conceptlrp.labels import location_classes
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import boards_of, forward
from conceptlrp.networks import load_network
from conceptlrp.othello import Corpus
from conceptlrp.othello.files.formats import read_all
from conceptlrp.statistics.significance import held_out_games

LEVELS = (0.5, 0.7)
BATCH = 250


def features(
    explainer: Explainer, boards: np.ndarray, layers: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return what each layer does on boards, maps (N, C, H, W) or vectors (N, C)."""
    parts: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    for first in range(0, len(boards), BATCH):
        with forward(explainer, boards[first : first + BATCH]) as passed:
            for layer in layers:
                found = passed.features[layer].detach().cpu().numpy()
                parts[layer].append(found.astype(np.float16))
    return {layer: np.concatenate(part) for layer, part in parts.items()}


def unit_r2(
    found: np.ndarray, boards: np.ndarray, held_out: np.ndarray, units: int
) -> np.ndarray:
    """Return the held-out R2 of a tree of depth 8 for some units that vary."""
    states = square_states(boards).reshape(len(boards), -1)
    flags = np.concatenate([states == 0, states == 1, states == 3], axis=1)
    flat = found.reshape(len(found), -1).astype(np.float32)
    varies = np.flatnonzero(
        (flat[held_out].std(axis=0) > 0) & (flat[~held_out].std(axis=0) > 0)
    )
    drawn = np.random.default_rng(0).permutation(varies)[:units]
    scores = []
    for unit in drawn:
        tree = DecisionTreeRegressor(max_depth=8, min_samples_leaf=10)
        tree.fit(flags[~held_out], flat[~held_out, unit])
        scores.append(tree.score(flags[held_out], flat[held_out, unit]))
    return np.array(scores)


def channel_r2(
    found: np.ndarray, boards: np.ndarray, games: np.ndarray, held_out: np.ndarray
) -> np.ndarray:
    """Return the held-out R2 of the rules of channels, 0 for those without one."""
    size, empties = boards.shape[1], (boards == 0).sum(axis=(1, 2))
    maps = on_board(found, size) if found.ndim == 4 else None
    maps = found.reshape(len(found), -1) if maps is None else maps
    classes = location_classes(size)
    within = classes[classes >= 0] * 3 + boards.reshape(len(boards), -1) + 1
    halves = []
    for rows in (np.flatnonzero(~held_out), np.flatnonzero(held_out)):
        strata = empties[rows, None] * 32 + within[rows]
        game = np.repeat(games[rows], size * size)
        if maps.ndim == 2:
            strata, game = empties[rows], games[rows]
        columns = SimpleNamespace(strata=np.ravel(strata), games=game)
        halves.append(SimpleNamespace(positions=rows, columns=columns))
    (rules,) = learn_rules([maps], boards, tuple(halves), LabelCriteria())
    return np.array([rule.r2 if rule else 0.0 for rule in rules])


def parts(scores: list[np.ndarray]) -> str:
    """Write which parts are above each level, over some networks."""
    return " ".join(
        f"{np.mean([(each >= level).mean() for each in scores]):.2f}"
        for level in LEVELS
    )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("games", nargs="+", type=Path)
    parser.add_argument("--network", default="demo")
    parser.add_argument("--layers", nargs="*")
    parser.add_argument("--positions", type=int, default=2_000)
    parser.add_argument("--random", type=int, default=3)
    parser.add_argument("--units", type=int, default=40)
    asked = parser.parse_args()
    network = load_network(asked.network)
    layers = asked.layers or [
        name for name, _ in network.named_modules() if name.startswith(("conv", "fc1"))
    ]
    explainer = Explainer(network, layers=layers)
    networks = [explainer]
    networks += [random_network(explainer, seed=seed) for seed in range(asked.random)]
    every = Corpus.from_games(read_all(asked.games).games)
    corpus = every.sample(asked.positions, seed=0)
    boards, games = boards_of(corpus), corpus.game
    held_out = held_out_games(games)
    title = (
        f"part with R2 of at least {' and '.join(map(str, LEVELS))} on held-out games"
    )
    table = Table("layer", "channels", "random", "units", "random", title=title)
    maps = [features(each, boards, explainer.layers) for each in networks]
    for layer in explainer.layers:
        found = [each[layer] for each in maps]
        channels = [channel_r2(each, boards, games, held_out) for each in found]
        units = [unit_r2(each, boards, held_out, asked.units) for each in found]
        columns = [channels[:1], channels[1:], units[:1], units[1:]]
        table.add_row(layer, *map(parts, columns))
    Console().print(table)


if __name__ == "__main__":
    main()
