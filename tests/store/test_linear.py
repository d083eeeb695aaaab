"""Whatever is asked of a store touches every row a few times, not once a block."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from conceptlrp.clustering import ClusterOptions, cluster, features
from conceptlrp.report import channel_report, layer_report, statistics
from conceptlrp.store import Store, Where, shards
from tests.store.conftest import MakeStore

_SIZE = 7
VERBS: dict[str, tuple[Callable[[Store], object], int, int]] = {
    # How often each row is read, over all datasets, and each file opened, at most.
    "column": (lambda s: s.scores("conv1", 2, by="relevance"), 1, 1),
    "column of share": (lambda s: s.scores("conv1", 2), 2, 1),
    "top where": (lambda s: s.top("conv1", 2, where=Where(ply=(2, 50))), 2, 1),
    "all channels": (lambda s: s.rank_channels("conv1"), 2, 1),
    "nearest": (lambda s: s.nearest("conv1", 4), 2, 1),
    "statistics": (lambda s: statistics.layer_statistics(s, "conv1"), 4, 1),
    "channel report": (lambda s: str(channel_report(s, "conv1", 2)), 4, 1),
    "layer report": (lambda s: [*layer_report(s, "conv1")], 7, 2),
    "frames": (lambda s: [*s.columns.frames(["square", "value"], count=14)], 2, 1),
    "cluster": (lambda s: _clustered(s), 8, 8),
}


def _clustered(store: Store) -> object:
    options = ClusterOptions(fit_rows=30)
    return cluster(store, "conv1", n_clusters=3, options=options, save=False)


@pytest.fixture(scope="module")
def in_shards(
    write_store: MakeStore, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    path = tmp_path_factory.mktemp("linear") / "run.crp"
    return write_store(path, shard_size=_SIZE)


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count rows read and files opened, in blocks of two shards."""
    counted: Counter[str] = Counter()
    part, opened = shards._part, shards.OpenFiles._open

    def count_part(*arguments: object) -> np.ndarray:
        found = part(*arguments)  # type: ignore[arg-type]
        counted["rows"] += len(found)
        return found

    def count_open(files: shards.OpenFiles, name: str) -> shards.OpenFile:
        counted["files"] += name.startswith("shard-")
        return opened(files, name)

    monkeypatch.setattr(shards, "_part", count_part)
    monkeypatch.setattr(shards.OpenFiles, "_open", count_open)
    monkeypatch.setattr(statistics, "_BLOCK", 2 * _SIZE)
    monkeypatch.setattr(features, "BLOCK", 2 * _SIZE)
    monkeypatch.setattr(features, "_HELD_BYTES", 0)
    return counted


@pytest.mark.parametrize("verb", VERBS)
def test_every_row_is_read_and_every_file_opened_a_few_times(
    verb: str, in_shards: Store, touched: Counter[str]
) -> None:
    ask, rows, opens = VERBS[verb]
    store = Store(in_shards.path)
    store.shards.files.most = 2

    ask(store)

    assert 0 < touched["rows"] <= rows * len(store)
    # A few rows more are looked up one by one, such as the boards of a report.
    assert 0 < touched["files"] <= opens * len(store.shards.specs) + 20
