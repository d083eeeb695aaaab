from dataclasses import dataclass, field, fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from conceptlrp.clustering import Clustering, ClusterOptions, cluster
from conceptlrp.othello import NO_MOVE, Corpus, Games
from conceptlrp.store import Store


def boards_without_moves(game: np.ndarray) -> Corpus:
    """Return boards, no two alike, of games whose moves are unknown."""
    random, n = np.random.default_rng(0), len(game)
    own, free = random.integers(0, 1 << 63, (2, n), np.uint64)
    opponent, mover = free & ~own, np.zeros(n, np.uint8)
    games = max(int(game.max(initial=-1)) + 1, 1)
    first = np.arange(games) % max(n, 1)
    starts = (own[first], opponent[first], mover[first]) if n else ([0], [0], [0])
    none = np.full(n, NO_MOVE, np.int8)
    return Corpus(
        *(own, opponent, mover, np.zeros(n), none, game, mover),
        games=Games.of_boards(*starts, size=8),
    )


@dataclass
class FakeStore:
    """The part of a store that clustering reads, held in memory."""

    values: np.ndarray
    path: Path
    game: np.ndarray
    layers: tuple[str, ...] = ("conv1", "conv2")
    targets: tuple[str, ...] = ("played",)
    reads: list[int] = field(default_factory=list)

    @property
    def __class__(self):
        # What takes stores and paths has to take it for a store.
        return Store

    def __post_init__(self):
        digests = {"network": {"digest": "net" * 8}, "corpus": {"digest": "cor" * 8}}
        self.manifest = SimpleNamespace(**digests)
        self.positions = boards_without_moves(self.game)
        self.arrays = self

    def __len__(self):
        return len(self.values)

    def channels(self, _layer):
        return self.values.shape[1]

    def relevance(self, _layer, *, rows=None, **_options):
        found = self.values[slice(None) if rows is None else rows]
        self.reads.append(len(found))
        return found


def planted(n, channels, clusters, *, seed=0, spread=0.05, scale=True):
    """Relevance that uses one mixture of channels in each cluster."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, clusters, n)
    centers = random.normal(size=(clusters, channels))
    values = centers[labels] + spread * random.normal(size=(n, channels))
    if scale:
        values *= random.lognormal(sigma=1.0, size=(n, 1))
    return values.astype(np.float32), labels


def clustered(store, layer, **options) -> Clustering:
    """Cluster without saving, options of both kinds side by side."""
    names = {each.name for each in fields(ClusterOptions)} & set(options)
    chosen = ClusterOptions(**{name: options.pop(name) for name in names})
    return cluster(store, layer, options=chosen, save=False, **options)


@pytest.fixture
def make_store(tmp_path):
    def make(values, game=None):
        game = np.arange(len(values)) // 3 if game is None else game
        return FakeStore(np.asarray(values, np.float32), tmp_path, np.asarray(game))

    return make


@pytest.fixture
def blobs():
    return planted(900, 12, 6)


@pytest.fixture
def blob_store(make_store, blobs):
    return make_store(blobs[0])
