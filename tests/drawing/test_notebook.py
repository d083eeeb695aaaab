"""Results draw themselves in notebooks, and show text as text."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import conceptlrp as cl
from conceptlrp.drawing.notebook import html_boards, html_table
from tests.atlas.conftest import HOSTILE, write_store
from tests.figures.conftest import (
    label_scores,
    made_clustering,
    reference_boards,
)


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.words.append(data)


def page(result) -> Page:
    return Page(result._repr_html_())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "run.crp")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text):
    for html in (
        html_table(text, (text,), [(text,)], note=text),
        html_boards(text, [("<svg></svg>", (text,))], note=text),
    ):
        found = Page(html)

        assert "script" not in found.tags
        assert "onload" not in found.attributes
        shown = "".join(c for c in text[:20] if c.isprintable())
        assert shown in "".join(found.words)


def test_very_long_text_is_cut_off():
    assert len(html_table("a" * 10_000, (), [])) < 1_000


def test_a_store_says_what_it_holds(store):
    found = page(store)

    assert {"played, value", "epsilon-flat", "<i>net</i>"} <= set(found.words)
    assert "conv1 (6), trunk/<b>3 (4)" in found.words
    assert "b" not in found.tags


def test_reference_boards_draw_a_board_each():
    found = page(reference_boards(3))

    assert found.tags.count("svg") == 3
    assert "script" not in found.tags
    assert "conv<3>:17, top share (played)" in found.words


def test_reference_boards_without_heatmaps_are_drawn_too():
    assert page(reference_boards(2, heatmaps=False)).tags.count("svg") == 2


def test_an_attribution_draws_its_first_positions():
    positions = cl.Corpus.read("demo")[:6]
    result = cl.attribute(
        cl.load_network("demo"), positions, targets=["played", "value"]
    )

    found = page(result)

    assert found.tags.count("svg") == 4 * 2
    assert any("6 positions" in text for text in found.words)


def test_a_clustering_lists_its_clusters_and_their_markers():
    found = page(made_clustering(layer="<b>"))

    assert found.tags.count("tr") == 1 + 2
    assert "b" not in found.tags
    assert "5 positions are noise" in found.words


def test_label_scores_list_channels_with_a_label():
    found = page(label_scores())

    assert found.tags.count("tr") == 1 + 2
    assert "script" not in found.tags
    assert "6 channels, 3 labels: 17% named, 33% labelled" in found.words


def test_label_scores_say_how_many_more_there_are():
    scores = label_scores()
    many = tuple(replace(scores.channels[2], channel=c) for c in range(50))

    found = page(replace(scores, channels=many))

    assert "10 more in frame()" in found.words
    assert np.sum([tag == "tr" for tag in found.tags]) == 41
