"""Figures of a store show what its reports say, and its own composite."""

import pytest

from conceptlrp import figures
from conceptlrp.errors import LayerError, StoreError
from tests.agreement.conftest import LAYER, network, write_store
from tests.figures.reading import texts


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("figures") / "run.crp"
    return write_store(path, statistics=False)


def test_faithfulness_is_that_of_the_composite_of_the_store(store):
    own = store.manifest.composite["name"]

    written = texts(figures.faithfulness(store))

    assert f"relevance ({own})" in written


def test_a_composite_that_was_not_evaluated_is_refused(store):
    with pytest.raises(ValueError, match="unknown composite 'flat', expected one of"):
        figures.faithfulness(store, composite="flat")


def test_the_empty_board_begins_with_the_composite_of_the_store(store):
    figure = figures.empty_board(store, network())

    first = [text.get_text() for text in figure.axes[0].texts]
    assert store.manifest.composite["name"] in first


def test_channels_have_their_names_with_the_sign(store):
    named = (
        "inactive when the mover has corners; when 'weak' is high, it lowers the move "
        "played's logit"
    )

    words = texts(figures.means(store, LAYER, [3], width=3.5))
    assert any(text.startswith(f"3 {named[:18]}") for text in words)
    titles = texts(figures.references(store, LAYER, 3, count=2))
    assert any(text.startswith(f"{LAYER}:3 ({named})") for text in titles)


def test_what_the_store_lacks_is_said_with_the_verb_that_makes_it(store):
    with pytest.raises(StoreError, match="no labels of 'conv9'; run 'conceptlrp label"):
        figures.labels(store, "conv9")
    with pytest.raises(StoreError, match="is not clustered for 'value'; run 'conceptl"):
        figures.embedding(store, LAYER, target="value")
    with pytest.raises(LayerError, match="has no channel 99"):
        figures.means(store, LAYER, [99])
