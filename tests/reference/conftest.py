"""The part of a store that reference boards need, held in memory."""

from dataclasses import dataclass

import numpy as np
import pytest

from conceptlrp.othello import Corpus
from conceptlrp.store import Ranking, Store
from tests.othello.playouts import random_games
from tests.store.conftest import ranked_by_hand


@dataclass
class FakeStore:
    """Relevance and activation of one layer, "conv1", towards one target."""

    positions: Corpus
    values: np.ndarray
    targets: tuple[str, ...] = ("played",)

    @property
    def __class__(self):
        # What takes stores and paths has to take it for a store.
        return Store

    @property
    def arrays(self):
        return self

    @property
    def columns(self):
        return self

    def scores(self, _layer, channel, *, by="share", **_options):
        share = self.values / (np.abs(self.values).sum(1, keepdims=True) + 1e-10)
        found = {
            "share": share,
            "relevance": self.values,
            "activation": np.abs(self.values),
            "peak": np.abs(self.values),
        }
        return found[by][:, channel].astype(np.float32)

    def top(self, layer, channel, k, *, by, lowest, one_per_game, **_options):
        groups = self.positions.game if one_per_game else None
        scores = self.scores(layer, channel, by=by)
        rows = ranked_by_hand(scores, k, by=by, lowest=lowest, groups=groups)
        return Ranking(np.array(rows, np.int64), scores[rows], lowest)

    def target_index(self, _target):
        return 0

    def references(self, *_names, **_options):
        return None

    def logits(self, *, rows):
        n = self.positions.size**2 + 1
        return np.add.outer(rows, np.arange(n)).astype(np.float32) / 10

    def value(self, *, rows):
        return np.where(rows % 2, np.nan, rows / 8).astype(np.float32)


@pytest.fixture(scope="module")
def fake_store() -> FakeStore:
    """A store with many equal scores, of turned and repeated positions."""
    corpus = Corpus.from_games(random_games(12, seed=2)).turn(seed=3)
    random = np.random.default_rng(0)
    return FakeStore(corpus, random.integers(-3, 4, (len(corpus), 5)).astype(float))
