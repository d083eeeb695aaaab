"""How often intervals of effects cover the truth.

Usage: ``python tests/benchmarks/coverage.py [--trials N]``. Channels are normal, higher
where a flag holds by what its AUROC takes, or correlated with a number; labels and
channels of the positions of a game resemble each other. 95 is asked for.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import norm

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.evaluation.faithfulness import overall_agreement
from conceptlrp.labelling import LabelCriteria
from conceptlrp.statistics.estimates import rank_correlation, ratio_intervals
from conceptlrp.statistics.ranks import stratified_correlation
from conceptlrp.statistics.significance import effect_intervals

AUROCS, POSITIVES = (0.6, 0.75, 0.9, 0.96, 0.98), (10, 20, 50, 200)
CORRELATIONS, GAMES = (0.0, 0.5, 0.9, 0.97), (20, 60, 400)


@dataclass(frozen=True)
class Design:
    """Positions: games, positions of each, plies; alike are those of one game."""

    games: int
    positions: int
    plies: int
    alike: float = 0.0

    def draw(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return games and plies of positions (N,), those of a game different."""
        games = np.repeat(np.arange(self.games), self.positions)
        lots = random.random((self.games, max(self.plies, self.positions)))
        plies = np.argsort(lots, axis=1)[:, : self.positions] % self.plies
        return games, plies.ravel()

    def noise(self, games: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return normal numbers (N,) of which a part is that of the game."""
        shared = random.normal(size=self.games)[games]
        own = random.normal(size=len(games))
        return np.sqrt(self.alike) * shared + np.sqrt(1 - self.alike) * own


DESIGNS = {
    "1,000 games, one ply": Design(1000, 1, 1),
    "1,000 games, 60 plies": Design(1000, 1, 60),
    "6,000 games, 60 plies": Design(6000, 1, 60),
    "100 games x 8, 60 plies": Design(100, 8, 60, alike=0.3),
    "100 games x 20, 60 plies": Design(100, 20, 60, alike=0.5),
}


def of_flags(
    design: Design, auroc: float, positives: int, random: np.random.Generator
) -> np.ndarray:
    """Return the ends of one interval of an AUROC."""
    games, plies = design.draw(random)
    flags = design.noise(games, random).argsort()[::-1].argsort() < positives
    distance = np.sqrt(2) * norm.ppf(auroc)
    values = distance * flags + design.noise(games, random) + plies / 10
    ends = effect_intervals(values, [flags], plies, games)
    return (np.concatenate(ends) + 1) / 2


def of_numbers(
    design: Design, correlation: float, random: np.random.Generator
) -> np.ndarray:
    """Return the ends of one interval of a rank correlation, and the correlation."""
    games, plies = design.draw(random)
    numbers, noise = (design.noise(games, random) for _ in range(2))
    values = correlation * numbers + np.sqrt(1 - correlation**2) * noise
    ends = effect_intervals(values + plies / 10, [numbers], plies, games)
    found = stratified_correlation(values[:, None], numbers[:, None], plies)
    return np.concatenate([*ends, found[0]])


def of_ratios(games: int, kept: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of a part of a long-tailed whole that is kept."""
    blocks = np.repeat(np.arange(games), 2)
    whole = random.lognormal(size=games)[blocks] * random.lognormal(size=len(blocks))
    part = whole * np.minimum(kept + 0.1 * random.normal(size=len(blocks)), 1)
    truth = kept - 0.1 * _excess((1 - kept) / 0.1)
    found = ratio_intervals(part[:, None], whole, blocks)
    return np.array([found[1][0], found[2][0], truth])


def _excess(limit: float) -> float:
    """Return the mean of what a normal number has above a limit."""
    return float(norm.pdf(limit) - limit * norm.sf(limit))


def of_agreement(games: int, alike: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of one interval of the ranks of 64 channels' means, and r."""
    one, other = random.normal(size=(2, 64))
    other = alike * one + np.sqrt(1 - alike**2) * other
    noisy = (each + random.normal(size=(games, 64)) for each in (one, other))
    found = overall_agreement(*noisy, np.arange(games), signed=True)
    return np.array(
        [found.low, found.high, rank_correlation(one[None], other[None])[0]]
    )


def described(ends: np.ndarray, truth: np.ndarray | float) -> str:
    """Say how many of 100 intervals hold the truth, and how many lie above it."""
    known = np.isfinite(ends).all(axis=1)
    ends, truth = ends[known], np.broadcast_to(truth, len(known))[known]
    above = (ends[:, 0] > truth).mean()
    covered = 1 - above - (ends[:, 1] < truth).mean()
    return f"{100 * covered:.1f} ({100 * above:.1f})"


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    trials, random = parser.parse_args().trials, np.random.default_rng(0)
    table = Table("intervals of", *(f"{n} positives" for n in POSITIVES))
    for name, design in DESIGNS.items():
        for auroc in AUROCS:
            cells = [
                np.array([of_flags(design, auroc, n, random) for _ in range(trials)])
                for n in POSITIVES
            ]
            row = (described(ends, auroc) for ends in cells)
            table.add_row(f"AUROC {auroc}, {name}", *row)
    Console(width=120).print(table)
    table = Table("intervals of", *(f"{n} games" for n in GAMES))
    for positions, plies, alike in ((1, 1, 0.0), (8, 60, 0.3)):
        for correlation in CORRELATIONS:
            cells = [
                np.array(
                    [of_numbers(design, correlation, random) for _ in range(trials)]
                )
                for design in (Design(n, positions, plies, alike) for n in GAMES)
            ]
            row = (described(ends[:, :2], ends[:, 2].mean()) for ends in cells)
            table.add_row(f"r {correlation}, {positions} x {plies} plies", *row)
    for kind, draw, truths in (
        ("part kept", of_ratios, (0.5, 0.9, 0.97)),
        ("agreement of means", of_agreement, (0.0, 0.8, 0.97)),
    ):
        for truth in truths:
            cells = [
                np.array([draw(n, truth, random) for _ in range(trials)]) for n in GAMES
            ]
            table.add_row(
                f"{kind} {truth}", *(described(e[:, :2], e[:, 2]) for e in cells)
            )
    Console(width=120).print(table)
    print(
        "Of 100 intervals those that hold the truth, and those above it. Labels need "
        f"{LabelCriteria().games} games with (or without) them in either half."
    )


if __name__ == "__main__":
    main()
