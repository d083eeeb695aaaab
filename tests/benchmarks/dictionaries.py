"""Whether dictionaries tell the rules of Othello better than channels do.

Usage: ``python tests/benchmarks/dictionaries.py [STORE] [--positions N] [--quick]``.
NMF and TopK dictionaries are fitted to the channel vectors of a layer at each square
of learned games, and their units at each square are held against the rules beside the
channels' own, and beside as many random directions. Differences are paired: the same
held-out games, 95 % intervals. Without a store, positions of the games that ship.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import MiniBatchNMF
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

# As a script this file sees its own folder alone, not the package beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.ablation.sample import spread_rows
from conceptlrp.evaluation.truth import (
    Hits,
    board_properties,
    draws,
    layer_maps,
    score_features,
)
from conceptlrp.evaluation.truth_result import ALL
from conceptlrp.lrp import Explainer
from conceptlrp.networks import demo_corpus, load_network
from conceptlrp.store import open_store

Array = NDArray[np.float32]

LAYERS = ("conv3", "conv4")
COUNTS = (64, 128, 256)
SPARSITIES = (4, 8)
_BATCH = 1024
_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class TopK:
    """An encoder with a threshold and a decoder of unit vectors.

    In training the ``k * batch`` largest activations of a batch are kept (BatchTopK,
    arXiv 2412.06410); the mean of the smallest kept is the threshold of inference.
    """

    encoder: Tensor
    bias: Tensor
    decoder: Tensor
    center: Tensor
    scale: float
    threshold: float
    dead: int

    def encode(self, rows: Array) -> Array:
        """Return activations (R, K) of channel vectors (R, C)."""
        x = torch.from_numpy(rows) / self.scale - self.center
        found = x @ self.encoder.T + self.bias
        return (found * (found > self.threshold)).numpy()

    def decode(self, codes: Array) -> Array:
        """Return channel vectors again."""
        found = torch.from_numpy(codes) @ self.decoder + self.center
        return (found * self.scale).numpy()


def fit_top_k(rows: Array, count: int, k: int, *, steps: int, seed: int = 0) -> TopK:
    """Train a dictionary; units that stay off are drawn anew where errors are large."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.from_numpy(rows[rows.any(axis=1)])
    scale = float(x.square().sum(1).mean().sqrt())
    x = x / scale
    center = x.mean(0)
    start = x[torch.randint(len(x), (count,), generator=generator)] - center
    decoder = start / start.norm(dim=1, keepdim=True)
    weights = [decoder.clone(), torch.zeros(count), decoder, center]
    encoder, bias, decoder, center = (w.clone().requires_grad_() for w in weights)
    adam = torch.optim.Adam([encoder, bias, decoder, center], lr=2e-3)
    fired, dead, threshold = torch.zeros(count), torch.zeros(count) > 0, 0.0
    for step in range(steps):
        adam.param_groups[0]["lr"] = 2e-3 * min(1, 4 * (1 - step / steps))
        part = x[torch.randint(len(x), (_BATCH,), generator=generator)]
        on = torch.relu((part - center) @ encoder.T + bias)
        least = on.flatten().topk(k * _BATCH).values[-1].detach()
        on = on * (on >= least)
        error = part - (on @ decoder + center)
        adam.zero_grad()
        error.square().sum(1).mean().backward()
        adam.step()
        with torch.no_grad():
            decoder /= decoder.norm(dim=1, keepdim=True)
            fired += (on > 0).sum(0)
            threshold += (float(least) - threshold) * (0.01 if step else 1)
            if step % 200 == 199:
                dead = fired < _BATCH * 200 * 1e-5
                if step < 0.8 * steps and dead.any():
                    _revive(dead, error, [encoder, bias, decoder], adam, generator)
                fired.zero_()
    return TopK(
        *(w.detach() for w in (encoder, bias, decoder, center)),
        scale=scale,
        threshold=threshold,
        dead=int(dead.sum()),
    )


def _revive(
    dead: Tensor,
    error: Tensor,
    weights: list[Tensor],
    adam: torch.optim.Adam,
    generator: torch.Generator,
) -> None:
    """Point dead units at rows that are badly explained, and forget their momenta."""
    worst = error.square().sum(1)
    chosen = torch.multinomial(worst, int(dead.sum()), generator=generator)
    towards = error[chosen] / error[chosen].norm(dim=1, keepdim=True)
    for tensor, value in zip(weights, (towards, 0.0, towards), strict=True):
        tensor[dead] = value
        for moment in ("exp_avg", "exp_avg_sq"):
            adam.state[tensor][moment][dead] = 0


class Nmf:
    """Non-negative factors; codes are solved for, which no convolution does as well."""

    def __init__(self, rows: Array, count: int, *, seed: int = 0) -> None:
        self._model = MiniBatchNMF(
            count, init="random", alpha_W=1e-3, l1_ratio=1, random_state=seed
        )
        chosen = np.random.default_rng(seed).permutation(len(rows))[:_ROWS]
        with warnings.catch_warnings():
            # Exact convergence takes long and changes nothing in the third digit.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(rows[chosen])
        self.dead = int((self._model.components_.max(axis=1) < 1e-8).sum())

    def encode(self, rows: Array) -> Array:
        return np.asarray(self._model.transform(rows), np.float32)

    def decode(self, codes: Array) -> Array:
        return np.asarray(codes @ self._model.components_, np.float32)


def explained(dictionary: TopK | Nmf, rows: Array) -> tuple[float, float]:
    """Return the part of the variance of rows that is explained, and units on."""
    codes = dictionary.encode(rows)
    error = np.square(rows - dictionary.decode(codes)).sum()
    whole = np.square(rows - rows.mean(axis=0)).sum()
    return 1 - float(error / whole), float((codes > 0).sum(axis=1).mean())


def random_directions(rows: Array, learned: Array, count: int) -> Array:
    """Project rows on random directions, each on a tenth of the time."""
    lots = np.random.default_rng(0).normal(size=(rows.shape[1], count))
    along = rows @ lots.astype(np.float32)
    least = np.quantile(learned[:_ROWS] @ lots.astype(np.float32), 0.9, axis=0)
    return np.maximum(along - least, 0).astype(np.float32)


def rows_of(maps: Array) -> Array:
    """Return channel vectors (N * squares, C) of maps (N, C, H, W)."""
    return np.ascontiguousarray(maps.transpose(0, 2, 3, 1)).reshape(-1, maps.shape[1])


def dictionaries(
    maps: Array, held_out: NDArray[np.bool_], *, quick: bool
) -> Iterator[tuple[str, Array, str]]:
    """Yield name, units (N, F) and what there is to say of each kind of feature."""
    rows, n = rows_of(maps), len(maps)
    learned, tested = rows_of(maps[~held_out]), rows_of(maps[held_out])
    units = maps.reshape(n, -1)
    yield "units", units, ""
    for count in (16,) if quick else COUNTS:
        directions = random_directions(rows, learned, count).reshape(n, -1)
        yield f"random directions {count}", directions, ""
        if count > maps.shape[1]:
            more = random_directions(rows, learned, count - maps.shape[1])
            both = np.hstack([units, more.reshape(n, -1)])
            yield f"units, random directions {count}", both, ""
        steps = 100 if quick else 4000
        made = {f"TopK {count}, k = {k}": (count, k) for k in SPARSITIES}
        fitted = {n: fit_top_k(learned, *a, steps=steps) for n, a in made.items()}
        for name, each in {**fitted, f"NMF {count}": Nmf(learned, count)}.items():
            share, on = explained(each, tested)
            note = f"{share:.3f} explained, {on:.1f} on, {each.dead} dead"
            yield name, each.encode(rows).reshape(n, -1), note


def difference(one: Hits, other: Hits) -> list[str]:
    """Write how much more one covers and reconstructs, with 95 % intervals."""
    every = np.ones(one.best.shape[2], np.bool_)
    games = np.vstack([np.ones((1, one.best.shape[1])), draws(one.best.shape[1])])
    more = one.drawn(every, games) - other.drawn(every, games)
    half = 1.96 * more[:, 1:].std(axis=1)
    found = zip(more[:, 0], more[:, 0] - half, more[:, 0] + half, strict=True)
    return [f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]" for mean, low, high in found]


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", nargs="?")
    parser.add_argument("--positions", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="small and badly fitted")
    options = parser.parse_args()
    corpus, network = demo_corpus().unique(), load_network("demo")
    if options.store:
        store = open_store(options.store)
        corpus = store.positions
        network = load_network(str(store.manifest.network["reference"]))
    number = 300 if options.quick else options.positions
    corpus = corpus[spread_rows(corpus.game, number)]
    asked = board_properties(corpus)
    explainer = Explainer(network, layers=LAYERS)
    console = Console(width=200)
    heads = ("features", "count", "fit", "coverage", "reconstruction")
    for layer in LAYERS:
        start, title = (
            time.perf_counter(),
            f"{layer}, {asked.truth.shape[1]} properties",
        )
        table = Table(*heads, "coverage less units", "less units", title=title)
        maps, units = layer_maps(explainer, layer, corpus), None
        for name, features, note in dictionaries(
            maps, asked.held_out, quick=options.quick
        ):
            hits = score_features(features, asked)
            found = hits.estimates(asked.columns[ALL], int(asked.held_out.sum()))
            cells = [name, f"{features.shape[1]:,}", note]
            cells += [f"{e.mean:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in found]
            units = units or hits
            table.add_row(*cells, *(difference(hits, units) if hits != units else ()))
        console.print(table, f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
