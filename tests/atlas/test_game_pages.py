"""Pages of games: they say what the network says, and step in a browser."""

import re

import numpy as np
import pytest

from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.site import game_page
from conceptlrp.lrp.one_call import attribute
from conceptlrp.networks import demo_network
from conceptlrp.networks.prediction import predict
from conceptlrp.othello import BLACK, Corpus, square_name
from conceptlrp.runs import KeepOptions, attribute_corpus
from tests.atlas.browser import browser, chromium, violations  # noqa: F401
from tests.atlas.pages_read import Page
from tests.othello.playouts import random_games

LAYER = "conv4"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    corpus = Corpus.from_games(random_games(3, seed=3)).sample(24, seed=1).turn()
    keep = KeepOptions(references=4)
    path = tmp_path_factory.mktemp("games") / "run.crp"
    return attribute_corpus(
        demo_network(), corpus, path, layers=[LAYER], targets=["value"], keep=keep
    )


@pytest.fixture(scope="module")
def atlas(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("game-atlas") / "atlas"
    return build_atlas(store, out, network=demo_network())


@pytest.fixture(scope="module")
def games(atlas):
    """Numbers of the games that have a page."""
    return sorted(int(p.stem[1:]) for p in atlas.glob("games/g*.html"))


def whole(store, game):
    return Corpus.from_games(store.positions.games.take([game]))


def test_the_games_with_a_page_are_listed_and_linked_from_home(atlas, games):
    listed = Page(atlas / "games" / "index.html")

    assert games
    linked = {each for each in listed.links if "/games/g" in each}
    assert linked == {f"../{game_page(game)}" for game in games}
    assert "games/index.html" in Page(atlas / "index.html").links


def test_every_move_says_what_the_network_says(store, atlas, games):
    for game in games[:2]:
        corpus = whole(store, game)
        said = predict(demo_network(), corpus.own, corpus.opponent)

        page = Page(atlas / game_page(game))

        words = page.words.partition("All moves")[2]
        differs = 0
        for row in range(len(corpus)):
            move = square_name(int(corpus.played[row]), 8)
            side = "Black" if corpus.mover[row] == BLACK else "White"
            start = words.index(f"{row + 1}. {side} {move} ")
            line = words[start : start + 120]
            best = square_name(int(said.best[row]), 8)
            differs += best != move
            assert ("the network’s move" in line) == (best == move)
            assert best == move or f"network {best} " in line
            value = said.value[row] * (1 if side == "Black" else -1)
            found = re.search(r"value for Black ([+−][\d.]+)", line)
            assert float(found[1].replace("−", "-")) == pytest.approx(value, abs=0.006)
        assert f"another move in {differs} of {len(corpus)} positions" in page.words


def test_bands_are_the_strongest_channels_with_their_largest_boards(
    store, atlas, games
):
    corpus = whole(store, games[0])
    found = attribute(
        demo_network(),
        corpus,
        targets=["value"],
        layers=LAYER,
        baseline=store.baseline,
        composite=store.manifest.composite["name"],
    )
    relevance = found.channel_relevance[LAYER][:, 0]
    share = relevance / np.abs(relevance).sum(axis=1, keepdims=True)
    order = np.argsort(-np.abs(share).mean(axis=0))[:10]

    page = Page(atlas / game_page(games[0]))

    linked = [each for each in page.links if "/concepts/" in each]
    assert linked[:10] == [f"../concepts/{LAYER}/c{c:04d}.html" for c in order]
    largest = int(np.abs(share[:, order[0]]).argmax()) + 1
    assert next(each for each in page.links if each.startswith("#move-")) == (
        f"#move-{largest}"
    )


def test_a_page_of_a_game_takes_at_most_100_kilobytes(atlas, games):
    for game in games:
        assert (atlas / game_page(game)).stat().st_size <= 100_000


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1300])
def test_a_slider_and_keys_step_through_a_game(browser, atlas, games, width):  # noqa: F811
    options = {"viewport": {"width": width, "height": 900}}
    with browser.page(atlas / game_page(games[0]), **options) as page:
        said = page.locator("#game-said")
        assert said.inner_text().startswith("1. Black ")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert said.inner_text().startswith("3. ")
        discs = page.locator("#game-large .k").get_attribute("d").count("M")
        assert discs == 6
        page.keyboard.press("End")
        last = int(page.locator("#game-slider").get_attribute("max"))
        assert said.inner_text().startswith(f"{last + 1}. ")
        cursor = page.locator(".cursor").first.get_attribute("transform")
        assert cursor == "translate(600 0)"
        page.locator(".band-list summary").first.click()
        page.locator('a[href^="#move-"]').first.click()
        number = page.locator('a[href^="#move-"]').first.inner_text().split()[1]
        assert said.inner_text().startswith(f"{number}. ")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
