"""One name alone is a list of one, wherever several may be named."""

import pytest

import conceptlrp as cl
from conceptlrp import exports, figures, labelling
from conceptlrp.errors import check_names
from conceptlrp.networks import demo_corpus, demo_network


@pytest.fixture(scope="module")
def network():
    return demo_network()


@pytest.fixture(scope="module")
def stores(network, tmp_path_factory):
    folder, corpus = tmp_path_factory.mktemp("names"), demo_corpus().sample(40, seed=0)
    return [
        cl.attribute_corpus(
            network, corpus, folder / name, targets="value", layers="conv4"
        )
        for name in ("one.crp", "other.crp")
    ]


CALLS = {
    "attribute": lambda n, s, _: cl.attribute(n, s.positions[:2], layers="conv3"),
    "explain": lambda n, _, __: cl.explain(n, "f5d6", layers="conv3"),
    "position_report": lambda n, _, __: cl.position_report(n, "f5d6", layers="conv3"),
    "ablate": lambda n, s, _: cl.ablate(s, n, layers="conv3", save=False),
    "interchange": lambda n, s, _: labelling.interchange(
        s, n, layers="conv4", n_random=1, save=False
    ),
    "evaluate": lambda n, s, _: cl.evaluate(
        s, n, layers="conv4", composites="epsilon", n_positions=4, save=False
    ),
    "csv": lambda _, s, out: exports.csv(
        s, out / "csv", exports.Selection("conv4"), quantities="share"
    ),
    "json": lambda _, s, out: exports.json(s, out / "json", layers="conv4"),
    "columns": lambda _, s, __: s.columns.read("ply"),
    "label_positions": lambda _, s, __: labelling.label_positions(s, "mobility"),
    "empty_board": lambda n, s, _: figures.empty_board(s, n, composites="epsilon"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_single_name_is_taken(name, network, stores, tmp_path):
    assert CALLS[name](network, stores[0], tmp_path) is not None


def test_two_stores_are_compared_by_one_layer(stores):
    found = cl.compare(*stores, layers="conv4")

    assert [each.layer for each in found.layers] == ["conv4"]


def test_what_is_no_name_is_refused_with_what_is_expected(network):
    assert check_names("conv3", "layers", "a layer") == ["conv3"]
    assert check_names(("a", "b"), "layers", "a layer") == ["a", "b"]
    with pytest.raises(TypeError, match="layers is int, expected the name of a layer"):
        cl.attribute(network, "f5d6", layers=3)
    with pytest.raises(TypeError, match="one of layers is int, expected the name"):
        cl.attribute(network, "f5d6", layers=["conv3", 3])
