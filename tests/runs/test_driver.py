"""A corpus in a store holds what `attribute` gives for the same positions."""

from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import NetworkError, OutputExistsError, TargetError
from conceptlrp.lrp import DEFAULT_COMPOSITE, Neuron, attribute
from conceptlrp.networks import OthelloNet, network_digest
from conceptlrp.othello import NO_MOVE, Corpus
from conceptlrp.store import Store, open_store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.shard_writer import pending
from tests.lrp.conftest import random_corpus
from tests.runs.computing import Steps, explain_corpus

TARGETS = ["played", "value", Neuron("conv4", 2)]


@pytest.fixture(scope="module")
def store(
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Store:
    """Return 24 positions in shards of 10, three reference boards a channel."""
    return explain_corpus(
        small_network,
        random_positions,
        tmp_path_factory.mktemp("attributed") / "run.crp",
        targets=TARGETS,
        layers=["conv1", "conv4"],
        references=3,
        batch_size=5,
        shard_size=10,
        name="small",
        command="as tested",
    )


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    """Compare to float32's rounding, which sums of both signs amplify."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * scale)


def test_sums_in_the_store_equal_those_of_attribute(
    store: Store, small_network: OthelloNet, random_positions: Corpus
) -> None:
    found = attribute(small_network, random_positions, targets=TARGETS)

    assert store.targets == ("played", "value", "conv4:2")
    for index, target in enumerate(store.targets):
        assert_close(store.arrays.heatmap(target=target), found.heatmap[:, index])
        assert_close(store.arrays.explained(target=target), found.explained[:, index])
        for layer in store.layers:
            assert_close(
                store.arrays.relevance(layer, target=target),
                found.channel_relevance[layer][:, index],
            )
    for layer in store.layers:
        feature = found.activation[layer]
        assert_close(store.arrays.activation(layer), feature.sum((2, 3)))
        assert_close(store.arrays.peak(layer), feature.max((2, 3)))
        np.testing.assert_array_equal(
            store.arrays.peak_square(layer),
            feature.reshape(*feature.shape[:2], -1).argmax(2),
        )
    assert_close(store.arrays.logits(), found.logits)
    assert_close(store.arrays.value(), found.value)
    np.testing.assert_array_equal(
        store.arrays.explained_square(target="played"), random_positions.played
    )
    assert (store.arrays.explained_square(target="value") == NO_MOVE).all()


@pytest.mark.parametrize(("batch_size", "shard_size"), [(1, 24), (5, 5), (100, 100)])
def test_sizes_of_batches_and_shards_change_nothing_beyond_rounding(
    batch_size: int,
    shard_size: int,
    store: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    found = explain_corpus(
        small_network,
        random_positions,
        tmp_path / "run.crp",
        targets=TARGETS,
        layers=["conv1", "conv4"],
        references=0,
        batch_size=batch_size,
        shard_size=shard_size,
    )

    for layer in store.layers:
        assert_close(
            found.arrays.relevance(layer, target=0),
            store.arrays.relevance(layer, target=0),
        )
        assert_close(found.arrays.activation(layer), store.arrays.activation(layer))
    assert_close(
        found.arrays.heatmap(target="value"), store.arrays.heatmap(target="value")
    )


def test_a_second_run_gives_the_same_bytes(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    first, second = (
        explain_corpus(
            small_network, random_positions[:6], tmp_path / name, references=2
        )
        for name in ("first.crp", "second.crp")
    )

    names = [path.name for path in sorted(first.path.iterdir())]
    assert names == [
        "corpus-0.h5",
        "index.h5",
        "manifest.json",
        "references.h5",
        "shard-00000.h5",
    ]
    for name in names:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


@pytest.mark.parametrize("kind", REFERENCE_KINDS)
def test_reference_boards_are_the_top_of_each_channel(kind: str, store: Store) -> None:
    by, lowest = REFERENCE_KINDS[kind]
    for target in store.targets:
        table = store.references("conv4", kind, target=target)

        assert table is not None
        for channel in range(store.channels("conv4")):
            best = store.top("conv4", channel, 3, by=by, lowest=lowest, target=target)
            kept = table.rows[channel] >= 0
            own = best if best.lowest == lowest else best[:0]
            np.testing.assert_array_equal(table.rows[channel][kept], own.rows)
            np.testing.assert_array_equal(table.scores[channel][kept], own.scores)
            assert not table.scores[channel][~kept].any()


@pytest.mark.parametrize("target", TARGETS[:2])
@pytest.mark.parametrize("kind", REFERENCE_KINDS)
def test_reference_heatmaps_equal_conditional_heatmaps_of_these_rows(
    kind: str,
    target: str,
    store: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
) -> None:
    for layer in store.layers:
        table = store.references(layer, kind, target=target)
        assert table is not None
        found = attribute(
            small_network,
            random_positions,
            targets=[target],
            layers=[layer],
            conditional=True,
        ).conditional[layer][:, 0]

        channels = np.arange(len(table.rows))[:, None]
        kept = (table.rows >= 0)[..., None, None]
        assert_close(table.maps, found[table.rows, channels] * kept)


def test_the_reference_heatmap_of_a_channel_sums_to_its_relevance(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    # The Flat rule of the first layer loses nothing to biases.
    options = {"composite": "epsilon-flat", "layers": ["conv1"], "references": 3}
    path = tmp_path / "run.crp"
    store = explain_corpus(small_network, random_positions, path, **options)

    table = store.references("conv1", "share-top", target="played")

    assert table is not None
    for channel, rows in enumerate(table.rows):
        relevance = store.arrays.relevance("conv1", rows=rows, channels=[channel])[:, 0]
        assert_close(table.maps[channel].sum((1, 2)), relevance)


def test_places_without_a_reference_board_are_marked(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    store = explain_corpus(
        small_network,
        random_positions,
        tmp_path / "run.crp",
        layers=["conv1"],
        references=6,
    )

    table = store.references("conv1")

    assert table is not None
    assert (table.rows[:, :4] >= 0).all()
    assert (table.rows[:, 4:] == -1).all()
    assert (table.scores[:, 4:] == 0).all()
    assert (table.maps[:, 4:] == 0).all()


def test_no_reference_boards_are_kept_when_none_are_asked_for(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    store = explain_corpus(
        small_network, random_positions[:4], tmp_path / "run.crp", references=0
    )

    assert store.references("conv1") is None
    assert not (store.path / "references.h5").exists()


def test_the_manifest_says_where_the_numbers_come_from(
    store: Store, small_network: OthelloNet, random_positions: Corpus
) -> None:
    made = store.manifest

    assert made.network["name"] == "small"
    assert made.network["architecture"] == "OthelloNet"
    assert made.network["digest"] == network_digest(small_network)
    assert made.corpus["digest"] == random_positions.digest
    assert made.corpus["positions"] == 24
    assert made.composite["name"] == DEFAULT_COMPOSITE
    assert made.composite["rules"]["conv1"] == "Epsilon"
    assert made.layers["conv4"] == {"channels": 6, "height": 4, "width": 4}
    assert made.plan.references == 3
    assert made.plan.command == "as tested"
    assert made.plan.versions.keys() >= {"python", "conceptlrp", "torch", "zennit"}


def test_progress_counts_positions_and_then_heatmaps(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    steps = Steps()

    explain_corpus(
        small_network,
        random_positions,
        tmp_path / "run.crp",
        layers=["conv1"],
        references=2,
        batch_size=10,
        on_progress=steps,
    )

    assert [(s.stage, s.done, s.total) for s in steps[:3]] == [
        ("positions", 10, 24),
        ("positions", 20, 24),
        ("positions", 24, 24),
    ]
    last = steps[-1]
    assert last.stage == "reference heatmaps"
    assert 12 <= last.done == last.total <= 36  # a map in two rankings is made once


def test_a_target_that_is_illegal_in_the_middle_leaves_nothing(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    illegal = random_positions.played.copy()
    illegal[17] = 27
    broken = Corpus(
        **{**random_positions.columns(), "played": illegal},
        games=random_positions.games,
    )

    with pytest.raises(TargetError, match="at position 17: 'd4' is not legal"):
        explain_corpus(
            small_network, broken, tmp_path / "run.crp", batch_size=4, shard_size=4
        )

    assert list(tmp_path.iterdir()) == []


def test_an_error_while_computing_leaves_the_finished_shards(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    def stop(_stage: str, done: int, _total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain_corpus(
            small_network,
            random_positions,
            tmp_path / "run.crp",
            batch_size=6,
            shard_size=6,
            on_progress=stop,
        )

    assert len(pending(tmp_path / "run.crp")) == 3


def test_an_existing_store_is_replaced_only_when_that_is_asked_for(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    for n in (2, 3):
        with_n = {
            "references": 0,
            "layers": ["conv1"],
            "mode": "overwrite" if n == 3 else "create",
        }
        explain_corpus(small_network, random_positions[:n], path, **with_n)

    with pytest.raises(OutputExistsError, match="already exists"):
        explain_corpus(small_network, random_positions[:5], path)

    assert len(open_store(path)) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
        ({"shard_size": -5}, "shard_size is -5, expected at least 1"),
        ({"references": -1}, "references is -1, expected at least 0"),
        ({"targets": []}, "no target is given"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    options: dict[str, object],
    message: str,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match=message):
        explain_corpus(small_network, random_positions, tmp_path / "run.crp", **options)

    assert list(tmp_path.iterdir()) == []


def test_a_corpus_without_positions_is_refused(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no positions to explain"):
        explain_corpus(small_network, random_positions[:0], tmp_path / "run.crp")


def test_positions_of_another_board_are_refused(
    small_network: OthelloNet, tmp_path: Path
) -> None:
    corpus = random_corpus(1, size=6)

    with pytest.raises(NetworkError, match="plays on 8x8, the positions are of 6x6"):
        explain_corpus(small_network, corpus, tmp_path / "run.crp")

    assert list(tmp_path.iterdir()) == []


def test_a_path_is_no_corpus(small_network: OthelloNet, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"corpus is 'games\.txt'; read game"):
        explain_corpus(small_network, "games.txt", tmp_path / "run.crp")  # type: ignore[arg-type]
