import json
import sys
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from conceptlrp import exports
from conceptlrp.concept_graph import MeanConceptGraph, to_networkx
from conceptlrp.errors import ConceptLRPError, OutputExistsError, StoreError
from conceptlrp.exports.concepts import feature_record
from conceptlrp.files import file_stem
from conceptlrp.othello import Position
from conceptlrp.report import Note, channel_report
from conceptlrp.report.findings import ChannelEffect
from tests.exports.conftest import HOSTILE_LAYER, PLAIN


@pytest.fixture(scope="module")
def folder(store, tmp_path_factory):
    notes = {(PLAIN, 1): Note("edges </script>", author="me")}
    out = tmp_path_factory.mktemp("json") / "out"
    return exports.json(store, out, count=3, notes=notes)


@pytest.fixture(scope="module")
def features(folder):
    lines = (folder / "features.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_channel_has_a_file_and_a_line(store, folder, features):
    files = sorted(folder.glob("concepts/*/c*.json"))

    assert len(files) == len(features) == 10
    assert {path.parent.name for path in files} == {PLAIN, file_stem(HOSTILE_LAYER)}
    places = [(each["layer"], each["index"]) for each in features]
    assert places == [
        (layer, str(c)) for layer in store.layers for c in range(store.channels(layer))
    ]


def test_a_file_holds_the_whole_report(store, folder):
    path = folder / "concepts" / file_stem(HOSTILE_LAYER) / "c0003.json"

    found = json.loads(path.read_text(encoding="utf-8"))

    report = channel_report(store, HOSTILE_LAYER, 3, count=3)
    assert found == json.loads(json.dumps(report.to_dict()))
    board = found["strips"]["relevant"]["boards"][0]
    assert Position.from_obf(board["obf"]).obf() == board["obf"]
    assert np.shape(board["heatmap"]) == (8, 8)


def test_a_board_stands_for_a_text_and_its_squares_for_tokens(store, features):
    report = channel_report(store, PLAIN, 0, count=3)
    strip = report.strips["relevant"]

    shown = [a for a in features[0]["activations"] if a["dataSource"] == "relevant"]

    assert [each["dataIndex"] for each in shown] == strip.rows.tolist()
    for each, board, heat in zip(shown, strip.boards, strip.heatmaps, strict=True):
        assert "".join(each["tokens"]) == board.position.obf()[:64]
        assert each["values"] == heat.ravel().tolist()
        assert each["values"][each["maxValueTokenIndex"]] == each["maxValue"]
        assert each["minValue"] == heat.min()


def test_a_note_explains_a_channel_by_its_author(features):
    assert features[1]["explanations"] == [
        {"description": "edges </script>", "typeName": "note by me"}
    ]
    assert features[2]["explanations"] == []


def test_the_histogram_counts_every_activation_but_zeros(store, features):
    for channel in range(6):
        column = store.arrays.activation(PLAIN)[:, channel]

        heights = features[channel]["freq_hist_data_bar_heights"]
        assert sum(heights) == (column != 0).sum()
        assert features[channel]["frac_nonzero"] == (column != 0).mean()
        top = features[channel]["maxActApprox"]
        assert top == pytest.approx(column.max(), rel=1e-6)


def with_effects(store, policy):
    numbers = [0.5] * 13
    effects = ChannelEffect(
        "mean", 9, 9, *numbers, rank=1, policy=policy, beats_control=False
    )
    return replace(channel_report(store, PLAIN, 0), effects=effects)


def test_moves_are_listed_by_how_much_the_channel_raises_or_lowers_them(store):
    policy = np.full((8, 8), np.nan)
    policy[2, 3], policy[0, 0], policy[7, 7], policy[4, 4] = 2.0, 3.0, -1.0, 0.0

    found = feature_record(with_effects(store, policy), "net")

    assert found["pos_str"] == ["a1", "d3"]
    assert found["pos_values"] == [3.0, 2.0]
    assert found["neg_str"] == ["h8"]
    assert found["neg_values"] == [-1.0]


def test_a_store_without_heatmaps_and_effects_lists_no_boards(bare_store, tmp_path):
    out = exports.json(bare_store, tmp_path / "out", layers=[PLAIN])

    lines = (out / "features.jsonl").read_text(encoding="utf-8").splitlines()
    found = json.loads(lines[0])
    assert found["activations"] == []
    assert "pos_str" not in found


def test_the_same_store_gives_the_same_bytes(store, tmp_path):
    first = exports.json(store, tmp_path / "first", layers=[PLAIN], count=2)
    second = exports.json(store, tmp_path / "second", layers=[PLAIN], count=2)

    for path in first.rglob("*.json*"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


def test_a_foreign_folder_is_never_replaced(store, tmp_path):
    (tmp_path / "concepts").mkdir()

    with pytest.raises(OutputExistsError, match="is not replaced"):
        exports.json(store, tmp_path, overwrite=True)

    assert [path.name for path in tmp_path.iterdir()] == ["concepts"]


def read(path, kind):
    if kind == "graphml":
        return nx.read_graphml(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    return nx.node_link_graph(content, edges="edges")


@pytest.mark.parametrize("target", ["played", "value"])
@pytest.mark.parametrize("kind", ["graphml", "node-link"])
def test_networkx_reads_the_graph_of_the_store(store, tmp_path, kind, target):
    path = getattr(exports, kind.replace("-", "_"))(
        store, tmp_path / "graph", target=target
    )

    found = read(path, kind)

    expected = to_networkx(store.results.get(MeanConceptGraph), target=target)
    assert isinstance(found, nx.DiGraph)
    assert dict(found.nodes(data=True)) == dict(expected.nodes(data=True))
    assert set(found.edges) == set(expected.edges)
    for edge, data in expected.edges.items():
        assert found.edges[edge] == pytest.approx(data)
    assert f"{HOSTILE_LAYER}:3" in found
    about = json.loads(found.graph["conceptlrp"])
    assert (about["target"], about["positions"]) == (target, 40)


def test_fewer_edges_of_each_node_can_be_kept(store, tmp_path):
    path = exports.graphml(store, tmp_path / "graph", strongest=2)

    found = nx.read_graphml(path)

    assert {found.out_degree(f"{HOSTILE_LAYER}:{c}") for c in range(4)} == {2}
    assert found.out_degree(f"{PLAIN}:0") == 0


@pytest.mark.parametrize("kind", ["graphml", "node-link"])
def test_the_same_graph_gives_the_same_bytes(store, tmp_path, kind):
    first = getattr(exports, kind.replace("-", "_"))(store, tmp_path / "first")
    second = getattr(exports, kind.replace("-", "_"))(store, tmp_path / "second")

    assert first.read_bytes() == second.read_bytes()


def test_a_store_without_a_graph_says_how_to_make_one(bare_store, tmp_path):
    with pytest.raises(StoreError, match="run 'conceptlrp graph'"):
        exports.graphml(bare_store, tmp_path / "graph")


def test_a_missing_networkx_is_named_with_its_remedy(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)

    with pytest.raises(ConceptLRPError, match=r"networkx; pip install 'conceptlrp\["):
        exports.graphml(store, tmp_path / "graph")

    assert not list(tmp_path.iterdir())


def test_another_graph_is_never_replaced(store, tmp_path):
    nx.write_graphml(nx.path_graph(3), tmp_path / "mine.graphml")

    with pytest.raises(OutputExistsError, match="is not replaced"):
        exports.graphml(store, tmp_path / "mine.graphml", overwrite=True)

    assert len(nx.read_graphml(tmp_path / "mine.graphml")) == 3
