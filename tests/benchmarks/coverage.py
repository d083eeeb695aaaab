"""How often intervals of effects cover the truth.

Usage: ``python tests/benchmarks/coverage.py [--trials N] [--only WORDS]``: rows that
begin so. Channels are normal, higher
where a flag holds by what its AUROC takes, or correlated with a number; labels and
channels of the positions of a game resemble each other. 95 is asked for.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import norm

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.evaluation.faithfulness import overall_agreement
from conceptlrp.evaluation.truth import Hits
from conceptlrp.labelling import LabelCriteria
from conceptlrp.labelling.edited_channels import aurocs
from conceptlrp.labelling.rules import _Squares, _unit
from conceptlrp.selfplay import MatchResult
from conceptlrp.statistics.estimates import (
    estimate,
    pair_intervals,
    paired_difference,
    rank_correlation,
    ratio_intervals,
)
from conceptlrp.statistics.ranks import stratified_correlation
from conceptlrp.statistics.significance import effect_intervals

AUROCS, POSITIVES = (0.6, 0.75, 0.9, 0.96, 0.98), (10, 20, 50, 200)
CORRELATIONS, GAMES = (0.0, 0.5, 0.9, 0.97), (12, 20, 60, 400)


Draw = Callable[..., np.ndarray]


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


@dataclass(frozen=True)
class Noise:
    """Channels, how far both noises are shared, and whether large means have more."""

    channels: int = 64
    shared: float = 0.0
    grows: bool = False


NOISES = {
    "64 channels": Noise(),
    "64, noise shared": Noise(shared=0.7),
    "64, noise by size": Noise(grows=True),
    "16 channels": Noise(16),
}
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
    """Return the ends of one interval of an AUROC, and that."""
    games, plies = design.draw(random)
    flags = design.noise(games, random).argsort()[::-1].argsort() < positives
    distance = np.sqrt(2) * norm.ppf(auroc)
    values = distance * flags + design.noise(games, random) + plies / 10
    ends = effect_intervals(values, [flags], plies, games)
    return np.append((np.concatenate(ends) + 1) / 2, auroc)


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


def of_agreement(
    games: int, alike: float, random: np.random.Generator, kind: Noise
) -> np.ndarray:
    """Return the ends of one interval of the ranks of channels' means, and r."""
    one, other = random.normal(size=(2, kind.channels))
    means = np.stack([one, alike * one + np.sqrt(1 - alike**2) * other])
    noise = random.normal(size=(games, *means.shape))
    noise[:, 1] = kind.shared * noise[:, 0] + np.sqrt(1 - kind.shared**2) * noise[:, 1]
    if kind.grows:
        means = np.sinh(means)
        noise *= 1.5 * np.abs(means) + 0.1
    drawn = (means + noise).swapaxes(0, 1)
    found = overall_agreement(*drawn, np.arange(games), signed=True)
    return np.array([found.low, found.high, rank_correlation(*means[:, None])[0]])


def of_means(games: int, skew: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of a mean of positions, games unlike in size."""
    blocks = np.repeat(np.arange(games), random.integers(1, 9, games))
    numbers = random.normal(size=games)[blocks] + random.normal(size=len(blocks))
    found = estimate(np.exp(skew * numbers) if skew else numbers, blocks)
    return np.array([found.low, found.high, np.exp(skew**2) if skew else 0.0])


def of_shares(games: int, share: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of a share of positions, alike within games."""
    blocks = np.repeat(np.arange(games), 4)
    lots = random.normal(size=games)[blocks] + random.normal(size=len(blocks))
    found = estimate(lots < np.sqrt(2) * norm.ppf(share), blocks)
    return np.array([found.low, found.high, share])


def of_differences(games: int, skew: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of a mean of differences of positions."""
    blocks = np.repeat(np.arange(games), random.integers(1, 9, games))
    one = np.exp(skew * random.normal(size=games)[blocks])
    found = paired_difference(one + random.normal(size=len(blocks)), 0 * one, blocks)
    return np.array([found.low, found.high, np.exp(skew**2 / 2)])


def of_interchange(games: int, r: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of one interval of r of pairs, each of two games, and r."""
    label, noise = (random.normal(size=(games, 1)) for _ in range(2))
    game = np.stack([np.arange(games).repeat(4), random.integers(0, games, 4 * games)])
    game = game[:, game[0] != game[1]]
    own = np.sqrt(0.7) * random.normal(size=(2, *game.shape, 1))
    one, other = np.sqrt(0.3) * np.stack([label[game], noise[game]]) + own
    x, y = one[0] - one[1], other[0] - other[1]
    low, high = pair_intervals(r * x + np.sqrt(1 - r**2) * y, x, game.T)
    return np.array([low[0, 0], high[0, 0], r])


def of_edits(games: int, auroc: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of one interval of the AUROC of edits beside matched ones."""
    shared, own = random.normal(size=(games, 1)), random.normal(size=(games, 2))
    shift = np.sqrt(2) * norm.ppf(auroc) * np.array([1, 0])
    changes = np.sqrt(0.3) * shared + np.sqrt(0.7) * own + shift
    _, low, high = aurocs(changes[:, :, None])
    return np.array([low[0], high[0], auroc])


def of_rules(games: int, r: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of a rule's r within plies, and r."""
    flag, values, square = _rule(games, r, random)
    found = _Squares.correlations(square, *(_unit(each) for each in (flag, values)))
    return np.array([found[1, 0], found[2, 0], r])


def of_r2(games: int, r: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of what a rule explains, and that."""
    flag, values, square = _rule(games, r, random)
    _, low, high = _Squares._explained(square, values, r * flag)
    return np.array([low[0], high[0], r**2])


def _rule(games: int, r: float, random: np.random.Generator) -> tuple[Any, ...]:
    """Return a rule (n, 1) with a variance of 1, a channel, and their squares."""
    blocks = np.repeat(np.arange(games), 20)
    lots, noise = (
        np.sqrt(0.3) * random.normal(size=games)[blocks]
        + np.sqrt(0.7) * random.normal(size=len(blocks))
        for _ in range(2)
    )
    flag = np.where(lots > 0, 1.0, -1.0)
    values = (r * flag + np.sqrt(1 - r**2) * noise)[:, None].astype(np.float32)
    held_out = SimpleNamespace(games=blocks)
    square = SimpleNamespace(asked=LabelCriteria(), held_out=held_out)
    square._by_game = partial(_Squares._by_game, square)
    return flag[:, None].astype(np.float32), values, square


def of_rights(games: int, share: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of the mean F1 of 20 properties, and that."""
    prevalence = np.geomspace(0.05, 0.5, 20)
    often = prevalence * random.gamma(4, 1 / 4, (games, 1, 1))
    holds = random.random((games, 8, 20)) < often
    kept = random.beta(8 * share, 8 * (1 - share), (games, 1, 1))
    right = holds & (random.random(holds.shape) < kept)
    hits = np.stack([right, right, holds]).sum(axis=2).astype(float)
    found = Hits(hits, hits).estimates(np.ones(20, np.bool_), 8 * games)[0]
    return np.array([found.low, found.high, 2 * share / (1 + share)])


def of_matches(games: int, score: float, random: np.random.Generator) -> np.ndarray:
    """Return the ends of the interval of the score of games in pairs of an opening."""
    lots = np.sqrt(0.3) * random.normal(size=(games // 2, 1))
    lots = lots + np.sqrt(0.7) * random.normal(size=(games // 2, 2))
    wins = (lots < norm.ppf(score - 0.02)).sum()
    losses = (lots > norm.ppf(score + 0.02)).sum()
    found = MatchResult(int(wins), int(lots.size - wins - losses), int(losses), 0)
    return np.array([*found.interval(), score])


def described(found: np.ndarray) -> str:
    """Say how many of 100 intervals (N, 3) hold the truth, and how many lie above."""
    low, high, truth = found[np.isfinite(found[:, :2]).all(axis=1)].T
    above = (low > truth).mean()
    return f"{100 * (1 - above - (high < truth).mean()):.1f} ({100 * above:.1f})"


KINDS = (
    ("part kept", of_ratios, (0.5, 0.9, 0.97)),
    *(
        (f"means of {name}:", partial(of_agreement, kind=noise), (0.0, 0.8, 0.97))
        for name, noise in NOISES.items()
    ),
    ("mean, skew", of_means, (0.0, 0.3, 0.6)),
    ("share", of_shares, (0.5, 0.9, 0.98)),
    ("paired difference, skew", of_differences, (0.3, 0.6)),
    ("interchange r", of_interchange, (0.0, 0.5, 0.9)),
    ("AUROC of edits", of_edits, (0.6, 0.9, 0.98)),
    ("rule's r", of_rules, (0.0, 0.5, 0.9)),
    ("rule's root of R2", of_r2, (0.3, 0.7, 0.95)),
    ("coverage of the rules", of_rights, (0.5, 0.9)),
    ("score of a match", of_matches, (0.5, 0.8, 0.95)),
)


def rows() -> Iterator[tuple[str, list[Draw]]]:
    """Name rows, and draw what stands in each of their cells."""
    for name, design in DESIGNS.items():
        for auroc in AUROCS:
            draws = [partial(of_flags, design, auroc, n) for n in POSITIVES]
            yield f"AUROC {auroc}, {name}", draws
    for positions, plies, alike in ((1, 1, 0.0), (8, 60, 0.3)):
        designs = [Design(n, positions, plies, alike) for n in GAMES]
        for r in CORRELATIONS:
            draws = [partial(of_numbers, design, r) for design in designs]
            yield f"r {r}, {positions} x {plies} plies", draws
    for kind, draw, truths in KINDS:
        for truth in truths:
            yield f"{kind} {truth}", [partial(draw, n, truth) for n in GAMES]


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--only", default="", help="rows whose names begin so")
    asked = parser.parse_args()
    heads = [
        f"{n} positives, or {g} games" for n, g in zip(POSITIVES, GAMES, strict=True)
    ]
    table = Table("intervals of", *heads)
    for name, draws in rows():
        if not name.startswith(asked.only):
            continue
        # The same numbers whichever rows are asked for.
        random, cells = np.random.default_rng(0), []
        for draw in draws:
            found = np.array([draw(random=random) for _ in range(asked.trials)])
            if name.startswith("r "):
                found[:, 2] = found[:, 2].mean()
            cells.append(described(found))
        table.add_row(name, *cells)
    Console(width=120).print(table)
    print(
        "Of 100 intervals those that hold the truth, and those above it. Labels need "
        f"{LabelCriteria().games} games with (or without) them in either half."
    )


if __name__ == "__main__":
    main()
