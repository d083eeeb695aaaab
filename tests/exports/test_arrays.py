import numpy as np
import pytest

from conceptlrp import exports
from conceptlrp.errors import LayerError, OutputExistsError, TargetError
from conceptlrp.exports import Selection
from tests.exports.conftest import HOSTILE_LAYER, PLAIN


def arrays(path):
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def test_numpy_reads_what_the_store_holds(store, tmp_path):
    found = arrays(exports.npz(store, tmp_path / "all.npz", Selection(target="value")))

    assert (found["relevance.conv1"] == store.arrays.relevance(PLAIN, target=1)).all()
    assert (found["share.conv1"] == store.arrays.share(PLAIN, target=1)).all()
    assert (found["activation.conv1"] == store.arrays.activation(PLAIN)).all()
    assert (found["heatmap"] == store.arrays.heatmap(target=1)).all()
    assert (found["logits"] == store.arrays.logits()).all()
    assert (found["own"] == store.positions.own).all()


def test_boards_are_seen_by_the_side_to_move(store, tmp_path):
    found = arrays(exports.npz(store, tmp_path / "all.npz", Selection(n_positions=5)))

    for row, board in zip(found["row"], found["board"], strict=True):
        position = store.positions.position(int(row))
        mine = {8 * r + c for r, c in np.argwhere(board == 1).tolist()}
        theirs = {8 * r + c for r, c in np.argwhere(board == -1).tolist()}
        assert mine == {s for s in range(64) if position.own >> s & 1}
        assert theirs == {s for s in range(64) if position.opponent >> s & 1}


def test_a_small_board_is_exported_as_a_small_board(bare_store, tmp_path):
    found = arrays(exports.npz(bare_store, tmp_path / "small.npz"))

    assert found["board"].shape == (len(bare_store), 6, 6)
    assert found["heatmap"].shape == (len(bare_store), 6, 6)


def test_the_readme_names_every_other_array(store, tmp_path):
    found = arrays(exports.npz(store, tmp_path / "all.npz"))

    readme = str(found.pop("README"))
    named = {line.split(",")[0] for line in readme.splitlines() if "): " in line}
    assert named == set(found)
    assert f"layer {HOSTILE_LAYER}" in readme
    assert "target: played" in readme


def test_a_layer_with_a_slash_becomes_a_plain_key(store, tmp_path):
    found = arrays(exports.npz(store, tmp_path / "one.npz", Selection([HOSTILE_LAYER])))

    key = next(name for name in found if name.startswith("relevance."))
    assert "/" not in key
    assert (found[key] == store.arrays.relevance(HOSTILE_LAYER)).all()
    assert "relevance.conv1" not in found


def test_the_same_store_gives_the_same_bytes(store, tmp_path):
    first = exports.npz(store, tmp_path / "first.npz", Selection(n_positions=9, seed=4))
    second = exports.npz(
        store, tmp_path / "second.npz", Selection(n_positions=9, seed=4)
    )

    assert first.read_bytes() == second.read_bytes()


def test_a_sample_has_its_rows_in_order(store, tmp_path):
    found = arrays(
        exports.npz(store, tmp_path / "few.npz", Selection(n_positions=7, seed=2))
    )

    rows = found["row"]
    assert len(rows) == 7
    assert (np.diff(rows) > 0).all()
    assert (found["relevance.conv1"] == store.arrays.relevance(PLAIN, rows=rows)).all()


def test_another_archive_is_never_replaced(store, tmp_path):
    np.savez(tmp_path / "mine.npz", thesis=np.arange(3))

    with pytest.raises(OutputExistsError, match="is not replaced"):
        exports.npz(store, tmp_path / "mine.npz", overwrite=True)

    assert list(arrays(tmp_path / "mine.npz")) == ["thesis"]


def test_an_earlier_export_is_replaced_when_asked(store, tmp_path):
    path = exports.npz(store, tmp_path / "all.npz", Selection(n_positions=3))

    with pytest.raises(OutputExistsError, match="already exists"):
        exports.npz(store, path, Selection(n_positions=4))
    exports.npz(store, path, Selection(n_positions=4), overwrite=True)

    assert len(arrays(path)["row"]) == 4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layers": ["conv9"]}, LayerError, "no layer 'conv9'"),
        ({"layers": []}, ValueError, "no layer is given"),
        ({"target": "d3"}, TargetError, "no target 'd3'"),
        ({"n_positions": 0}, ValueError, "n_positions is 0, expected at least 1"),
    ],
)
def test_what_the_store_lacks_is_refused(store, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        exports.npz(store, tmp_path / "none.npz", Selection(**options))

    assert not list(tmp_path.iterdir())
