"""The explorer's pages, asked for as a browser does."""

import html
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import httpx
import numpy as np
import pytest
from torch import Tensor, nn

from conceptlrp.atlas.pictures.page_boards import heat_text
from conceptlrp.atlas.site import position_page
from conceptlrp.errors import FileFormatError, StoreError
from conceptlrp.explorer import ExplorerEngine, connections, explorer_app
from conceptlrp.explorer.app import _HEADERS, MAX_QUERY, bound_socket, check_host
from conceptlrp.explorer.state import parse_state
from conceptlrp.lrp import Explainer, Intervention
from conceptlrp.lrp.baselines import mean_baseline
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.networks import OthelloNet, adapt, demo_network
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import Corpus, Position, square_name
from conceptlrp.report import position_report
from conceptlrp.report.position import move_policies, store_row
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.report.words.numbers import percent
from conceptlrp.runs import attribute_corpus
from conceptlrp.selfplay.puct import NetworkEvaluator, SearchOptions, search
from conceptlrp.statistics.intervals import effect
from conceptlrp.store import Store
from tests.explorer.client import Client
from tests.explorer.conftest import LAYERS
from tests.explorer.running import running, send_raw
from tests.othello.playouts import random_games

TRANSCRIPT = "f5d6c3d3c4f4"


def page(client: Client, **items: str) -> str:
    reply = client.get(f"/?{urlencode(items)}")
    assert reply.status_code == 200, reply.text
    return reply.text


def links(text: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r' href="(/[^"#]*)', text)]


def main_of(text: str) -> str:
    return text[text.index("<main") : text.index("</main>")]


def test_the_first_page_shows_the_start_position_and_its_moves(client) -> None:
    text = page(client)

    assert "Probabilities over the legal moves" in text
    assert re.findall(r'id="square-(\w\w)"', text) == ["d3", "c4", "f5", "e6"]


def test_the_policy_is_that_of_the_network(client, explained_store) -> None:
    explainer = store_explainer(explained_store, demo_network())
    report = position_report(explainer, Position.from_transcript(TRANSCRIPT))

    text = page(client, moves=TRANSCRIPT)

    rows = re.findall(r'id="move-(\w+)".*?</i></span>([^<]+)</td>', text)
    expected = [(each.move, percent(each.probability)) for each in report.policy]
    assert [(move, html.unescape(found)) for move, found in rows] == expected


@pytest.mark.parametrize("show", ["move", "value", "contrast"])
def test_every_heatmap_is_shown_with_top_channels_of_every_layer(client, show) -> None:
    text = page(client, moves=TRANSCRIPT, move="f6", against="c5", show=show)

    titles = {"move": "Move f6", "value": "Value", "contrast": "Move f6 rather than c5"}
    assert f">{titles[show]} <small>" in text
    for layer in LAYERS:
        cards = set(re.findall(rf"layer={layer}&amp;channel=(\d+)#channel", text))
        assert 8 <= len(cards) <= 64


def test_every_link_of_a_page_leads_to_a_page(client) -> None:
    text = page(client, moves=TRANSCRIPT, layer="conv4", channel="3", against="c5")

    found = sorted(set(links(text)))
    sample = found[:: max(1, len(found) // 16)]
    assert len(sample) > 12
    assert {client.get(each).status_code for each in sample} == {200}


@pytest.mark.parametrize("click", ["explain", "contrast", "play", "set"])
def test_a_click_does_what_was_chosen(client, click) -> None:
    text = page(client, moves="f5", move="f6", click=click, disc="o")

    href = html.unescape(re.search(r'id="square-d6" href="([^"]+)"', text)[1])
    after = page(client, **dict(re.findall(r"[?&](\w+)=([^&]*)", href)))
    expected = {
        "explain": ">Move d6 ",
        "contrast": ">Move f6 rather than d6 ",
        "play": "black to move",
        "set": "0 letters",
    }
    if click == "set":
        assert Position.from_obf(re.search(r'the board">(.*?)</code>', after)[1]) == (
            _with_white(Position.start().play("f5"), 43)
        )
    else:
        assert expected[click] in after


def _with_white(position: Position, square: int) -> Position:
    return Position(position.own | 1 << square, position.opponent, position.mover)


def test_shift_and_click_contrast_with_the_explained_move(client) -> None:
    text = page(client, moves="f5", move="f6")

    href = html.unescape(
        re.search(r'id="square-d6"[^>]*data-contrast="([^"]+)"', text)[1]
    )

    assert ">Move f6 rather than d6 " in client.get(href).text


def test_a_channel_is_shown_large_with_its_reference_boards(client, engine) -> None:
    text = page(client, moves=TRANSCRIPT, layer="conv4", channel="3")

    shown = text[text.index('id="channel"') : text.index('aria-labelledby="channels"')]
    strips = engine.references("conv4", 3, "f6")
    assert "Channel 3 of conv4" in shown
    expected = [b.description for strip in strips for b in strip.boards if b.score]
    found = re.findall(
        r'<span class="game">([^<]*)</span></figcaption></figure></li>', shown
    )
    assert [html.unescape(each) for each in found] == expected
    assert strips[0].target == "played"


def test_reference_boards_are_those_of_the_shown_output(engine) -> None:
    assert engine.references("conv4", 3, "value")[0].target == "value"


def test_a_reference_board_leads_to_its_position(client, engine) -> None:
    text = page(client, layer="conv4", channel="3")

    href = html.unescape(re.search(r'id="reference-1-1" href="([^"]+)"', text)[1])

    board = engine.references("conv4", 3, "f5")[0].boards[0]
    after = client.get(href).text
    assert board.position.obf() in after
    assert f"row {board.row} of the store" in after


def test_the_json_is_the_report_of_the_same_state(client, explained_store) -> None:
    explainer = store_explainer(explained_store, demo_network())
    report = position_report(
        explainer,
        Position.from_transcript(TRANSCRIPT),
        store=explained_store,
        against="c5",
    )

    found = client.get(f"/position.json?moves={TRANSCRIPT}&against=c5").json()

    assert found == json.loads(json.dumps(report.to_dict(), allow_nan=False))
    heatmap = np.array(found["contrast"]["heatmap"], np.float32)
    np.testing.assert_array_equal(heatmap, report.contrast.heatmap)


def test_pasted_text_leads_to_its_page_and_keeps_the_channel(client) -> None:
    reply = client.get(
        "/",
        params={"text": "F5 d6", "layer": "conv1", "channel": "2"},
    )

    assert reply.status_code == 303
    assert reply.headers["location"] == "/?moves=f5d6&layer=conv1&channel=2"


@pytest.mark.parametrize(
    "start",
    ["-" * 64 + "X", "X" * 64 + "O", "X" * 63 + "-X", "X" + "-" * 63 + "X"],
    ids=["empty", "full", "no reply", "one disc"],
)
def test_boards_that_no_game_reaches_are_explained_too(client, start) -> None:
    assert "The game is over" in page(client, start=start)


def test_a_side_without_a_move_passes(client) -> None:
    # White cannot move, black can.
    text = page(client, start="XO" + "-" * 62 + "O")
    assert ">Pass " in text

    href = html.unescape(re.search(r'id="play-pa" href="([^"]+)"', text)[1])

    assert "black to move" in client.get(href).text


def test_a_page_without_the_script_has_everything(client) -> None:
    text = page(client, moves=TRANSCRIPT)

    scripts = [f'<script src="/{name}.js" defer>' for name in ("board", "explorer")]
    assert re.findall(r"<script[^>]*>", text) == scripts
    assert "onclick" not in text
    assert not re.search(r'(src|href)="(https?:)?//', text)


def test_hostile_names_are_shown_as_text(explained_store, engine, monkeypatch) -> None:
    hostile = "<script>alert(1)</script>\" onload='x"
    monkeypatch.setattr(ExplorerEngine, "name", hostile)

    text = Client(explorer_app(engine)).get("/").text

    assert "<script>alert" not in text
    assert html.escape(hostile, quote=False)[:20] in text


def test_the_engine_remembers_what_was_asked_just_before(engine) -> None:
    position = Position.start()

    assert engine.report(position, None, None) is engine.report(position, None, None)


def test_a_store_of_another_network_is_refused(explained_store: Store) -> None:
    other = demo_network()
    next(other.parameters()).data.add_(1)

    with pytest.raises(ValueError, match="pass the network it was made with"):
        store_explainer(explained_store, other)


def test_a_network_of_6_x_6_is_explored(tmp_path) -> None:
    network = OthelloNet(size=6, channels=4).eval()
    corpus = Corpus.from_games(random_games(1, seed=1, size=6))
    store = attribute_corpus(network, corpus, tmp_path / "run.crp", layers=["conv1"])
    client = Client(
        explorer_app(ExplorerEngine(store_explainer(store, network), store))
    )

    text = page(client, moves="c2", layer="conv1", channel="2", click="set")

    assert len(re.findall(r'id="square-', text)) == 36
    assert client.get(f"/?start={'-' * 64}X").status_code == 400


def test_a_damaged_store_is_said_without_its_path(engine, monkeypatch) -> None:
    def fail(*_: object) -> None:
        msg = "/secret/run.crp: is damaged"
        raise StoreError(msg)

    monkeypatch.setattr(engine, "references", fail)
    reply = Client(explorer_app(engine)).get("/?layer=conv1&channel=1")

    assert reply.status_code == 500
    assert "secret" not in reply.text


def copied(explained_store: Store, folder: Path) -> Store:
    return Store(shutil.copytree(explained_store.path, folder / "run.crp"))


ADDRESSES = (
    "/",
    "/?layer=conv1&channel=1",
    "/position.json",
    "/steering.json?change:conv1:1=0",
    "/heatmap.json?layer=conv1&channel=1",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_another_store_in_its_place_is_said(explained_store, tmp_path, address) -> None:
    store = copied(explained_store, tmp_path)
    explainer = store_explainer(store, demo_network())
    client = Client(explorer_app(ExplorerEngine(explainer, store)))
    before = client.get(address).status_code
    store.path.rename(tmp_path / "former.crp")
    corpus = Corpus.from_games(random_games(4, seed=4)).sample(20, seed=1)
    attribute_corpus(demo_network(), corpus, store.path, layers=LAYERS)

    reply = client.get(address)

    assert before == 200
    assert reply.status_code == 409
    assert "another store stands in the place" in reply.text.lower()


def test_what_is_added_to_a_store_is_shown_at_once(explained_store, tmp_path) -> None:
    store = copied(explained_store, tmp_path)
    explainer = store_explainer(store, demo_network())
    engine = ExplorerEngine(explainer, store)
    client = Client(explorer_app(engine))
    former = client.get("/").text
    Store(store.path).columns.add({"mine": np.arange(len(store))})

    text = client.get("/").text

    assert "mine" in engine.store.columns.frame()
    assert text == former


def test_a_store_that_changes_while_it_is_read_is_said(
    explained_store, tmp_path, monkeypatch
) -> None:
    store = copied(explained_store, tmp_path)
    engine = ExplorerEngine(store_explainer(store, demo_network()), store)
    answer = engine.report

    def slow(*asked: object) -> object:
        found = answer(*asked)
        Store(store.path).columns.add({"mine": np.arange(len(store))}, overwrite=True)
        return found

    monkeypatch.setattr(engine, "report", slow)
    client = Client(explorer_app(engine))
    changed = client.get("/position.json")
    monkeypatch.undo()

    assert changed.status_code == 409
    assert "load the page again" in changed.text
    assert client.get("/position.json").status_code == 200


STEERED = {"change:conv4:3": "0", "change:conv1:2": "mean", "change:conv4:5": "-1.5"}


def interventions(store: Store, explainer: Explainer) -> list[Intervention]:
    mean = mean_baseline(explainer, store.positions).maps["conv1"][2]
    return [
        Intervention("conv4", 3, value=0.0),
        Intervention("conv1", 2, value=mean),
        Intervention("conv4", 5, action="scale", value=-1.5),
    ]


@pytest.mark.parametrize("changed", [1, 2, 3])
def test_channels_are_steered_as_the_explainer_intervenes(
    client, explained_store, changed
) -> None:
    explainer = store_explainer(explained_store, demo_network())
    position = Position.from_transcript(TRANSCRIPT)
    made = interventions(explained_store, explainer)[:changed]
    found = explainer.intervene(position, [made])
    items = {"moves": TRANSCRIPT, **dict(list(STEERED.items())[:changed])}

    text = page(client, **items)
    content = client.get(f"/steering.json?{urlencode(items)}").json()

    np.testing.assert_allclose(content["logits"], found.logits)
    assert content["best"] == found.best.tolist()
    assert f"<b>{effect(float(np.tanh(found.value[0, 0])))}</b> after" in text
    best = square_name(int(found.best[0, 0]))
    assert re.search(rf"move stays {best}|<b>{best}</b> becomes the best", text)
    after = move_policies(position, found.logits[0, 0])
    rows = re.findall(r'id="move-(\w+)".*?<td>.*?<td>.*?</span>([^<]+)</td>', text)
    expected = {each.move: percent(each.probability) for each in after}
    assert {move: html.unescape(shown) for move, shown in rows} == expected
    assert len(re.findall(r"<li><div><a class=.place.", text)) == changed


def test_a_changed_move_is_said(client, engine) -> None:
    position = Position.from_transcript(TRANSCRIPT)
    found = {
        channel: engine.steer(position, (("conv4", channel, "0"),))
        for channel in range(64)
    }
    channel = next(c for c, each in found.items() if each.changed.any())

    text = page(client, moves=TRANSCRIPT, **{f"change:conv4:{channel}": "0"})

    new = square_name(int(found[channel].best[0, 0]))
    assert f"<b>{new}</b> becomes the best move in place of " in text


def test_a_change_stays_on_the_way_through_channels_and_the_game(client) -> None:
    items = {"moves": TRANSCRIPT, "layer": "conv4", "channel": "3"}
    text = page(client, **items, **STEERED)

    ids = ("channel-next", "channel-close", "game-previous", "square-f6", "place-undo")
    found = {
        name: html.unescape(re.search(rf'id="{name}"[^>]*href="([^"]+)"', text)[1])
        for name in ids
    }

    assert {href.count("change%3A") for href in found.values()} == {3}
    assert 'id="steered"' in client.get(found["channel-next"]).text


def test_a_channel_is_changed_and_left_again_by_links(client) -> None:
    text = page(client, layer="conv4", channel="3")

    def link(text: str, name: str) -> str:
        return html.unescape(re.search(rf'id="{name}" href="([^"]+)"', text)[1])

    mean = client.get(link(text, "change-it-5")).text
    after = client.get(link(mean, "change-it-1")).text

    assert "set to its mean" in mean
    assert "Changed channels" not in after


def test_steering_without_a_change_is_refused(client) -> None:
    reply = client.get("/steering.json?layer=conv4&channel=3")

    assert reply.status_code == 400
    assert "Nothing is changed; give" in html.unescape(reply.text)


def test_the_map_of_a_channel_is_that_of_the_shown_output(client, engine) -> None:
    items = {"moves": TRANSCRIPT, "layer": "conv4", "channel": "3", "show": "value"}
    report = engine.report(Position.from_transcript(TRANSCRIPT), None, None)
    heatmap = report.value_output.layers["conv4"].maps[3]

    found = client.get(f"/heatmap.json?{urlencode(items)}").json()

    assert (found["h"], found["s"]) == heat_text(heatmap)
    assert found["place"] == "conv4:3"
    assert client.get("/heatmap.json").status_code == 400


def named_channels(store: Store) -> StoredResults:
    """Name the even channels, as if that were found for the value."""
    places = [(layer, channel) for layer in LAYERS for channel in range(0, 64, 2)]
    found = StoredResults(store, "value")
    # In place of what these would read.
    vars(found)["names"] = {place: "name {}-{}".format(*place) for place in places}
    vars(found)["badges"] = dict.fromkeys(places, "describes, causes")
    return found


def test_channels_are_named_wherever_they_stand(
    client, engine, explained_store, monkeypatch
) -> None:
    found = named_channels(explained_store)
    monkeypatch.setattr(engine, "results", lambda _: found)
    items = {"layer": "conv4", "channel": "4", "against": "c5", "change:conv1:2": "0"}

    text = page(client, moves=TRANSCRIPT, **items)

    said = re.sub(r"<[^>]+>", " ", text)
    places = re.findall(r"(conv\d)[: ](\d+) +(name \S+)?", said)
    assert len(places) > 12
    for layer, channel, name in places:
        assert name == found.names.get((layer, int(channel)), "")
    cards = re.findall(r'">channel (\d+)</a>.*?</figcaption>', text)
    shown = [c for c in cards if int(c) % 2 == 0]
    assert shown
    assert text.count("describes, causes") >= len(shown) + len(places) // 3
    assert re.search(r"Channel 4 of conv4 +name conv4-4", said)
    assert "Names are those for &lsquo;value&rsquo;" in text
    content = client.get("/heatmap.json?layer=conv4&channel=4").json()
    assert content["name"] == "name conv4-4"


def test_names_by_another_target_are_better_than_none(engine, monkeypatch) -> None:
    monkeypatch.setattr(
        StoredResults,
        "badges",
        property(lambda found: {} if found.target == "played" else {("conv1", 0): ""}),
    )

    assert engine.results("f5").target == "value"
    assert engine.results("value").target == "value"


def test_a_network_without_a_value_is_explored(tmp_path) -> None:
    network = adapt(PolicyAlone().eval(), size=6, outputs=("policy",))
    corpus = Corpus.from_games(random_games(1, seed=1, size=6))
    store = attribute_corpus(network, corpus, tmp_path / "run.crp")
    explorer = ExplorerEngine(store_explainer(store, network), store)
    (layer,) = explorer.layers

    items = {"moves": "c2b2", "ply": "1", "search": "25", "similar": layer}
    text = page(
        Client(explorer_app(explorer)), **items, **{f"change:{layer}:1": "mean"}
    )

    assert "best move" in text
    assert "expected outcome" not in text.lower()
    assert 'id="search"' not in text


class PolicyAlone(nn.Module):
    """A layer and a policy."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.policy = nn.Linear(4 * 36, 37)

    def forward(self, planes: Tensor) -> Tensor:
        return self.policy(self.first(planes).relu().flatten(1))


def test_a_game_is_gone_through_with_policy_and_value(client) -> None:
    for ply in range(7):
        text = page(client, moves=TRANSCRIPT, ply=str(ply))
        position = Position.from_transcript(TRANSCRIPT[: 2 * ply])

        rows = re.findall(r'id="move-(\w+)"', text)
        assert sorted(rows) == sorted(square_name(s) for s in position.legal_moves)
        assert f"after {ply} of 6 moves" in text
        played = re.findall(r'id="move-(\w+)"[^>]*>\w+</a> <small>played', text)
        assert played == ([TRANSCRIPT[2 * ply : 2 * ply + 2]] if ply < 6 else [])
        assert len(re.search(r'points="([^"]+)"', text)[1].split()) == 7
        links = re.findall(r'id="game-(\w+)"', text)
        assert len(links) == (2 if ply in (0, 6) else 4)


def test_two_moves_stand_side_by_side_with_what_sets_them_apart(client, engine) -> None:
    position = Position.from_transcript(TRANSCRIPT)
    report = engine.report(position, "f6", "c5")

    text = page(client, moves=TRANSCRIPT, move="f6", against="c5")

    shown = text[text.index('id="two-title"') : text.index('id="search"')]
    maps = re.findall(r'data-h="([^"]+)" data-s="([^"]+)"', shown)
    outputs = (report.move, report.other, report.contrast)
    for (letters, largest), output in zip(maps[:3], outputs, strict=True):
        assert (letters, float(largest)) == heat_text(output.heatmap)
    apart = {
        (layer, str(channel)): abs(size)
        for layer, found in report.contrast.layers.items()
        for channel, size in enumerate(found.relevance.tolist())
    }
    rows = re.findall(r'#channel">(\w+) (\d+)</a>', shown)
    assert rows == sorted(apart, key=apart.get, reverse=True)[: len(rows)]
    assert len(rows) == 12


def test_a_search_is_that_of_the_networks_player(client, engine) -> None:
    position = Position.from_transcript(TRANSCRIPT)
    boards = (np.array([each], np.uint64) for each in (position.own, position.opponent))
    options = SearchOptions(simulations=100)
    found = search(NetworkEvaluator(demo_network()), *boards, options=options)

    text = page(client, moves=TRANSCRIPT, search="100")

    named = {
        square_name(int(square)): int(visits)
        for square, visits in zip(
            squares_of_actions(np.arange(65)), found.visits[0], strict=True
        )
    }
    for each in engine.search(position, 100):
        assert abs(each.visits - named[each.move]) <= 2
        assert sum(reply.visits for reply in each.replies) <= max(0, each.visits - 1)
        row = rf'">{each.move}</a> <span class="meter">.*?</span><span>{each.visits}<'
        assert re.search(row, text)
    best = max(named, key=named.get)
    assert f"search plays <b>{best}</b>" in text


def test_search_says_what_speaks_for_another_move(client, engine, monkeypatch) -> None:
    position = Position.from_transcript(TRANSCRIPT)
    moves = engine.search(position, 25)
    other = sorted(moves, key=lambda each: each.prior)[-2]
    monkeypatch.setattr(engine, "search", lambda *_: (other, *moves))

    text = page(client, moves=TRANSCRIPT, search="25")

    own = max(moves, key=lambda each: each.prior).move
    assert f"the network alone would play <b>{own}</b>" in text
    assert f"What speaks for {other.move} over {own}" in text
    # The line that is expected leads to its positions.
    monkeypatch.undo()
    href = html.unescape(re.search(r'It expects <a href="([^"]+)"', text)[1])
    assert client.get(href).status_code == 200


def test_there_is_no_search_at_the_end_of_a_game(client) -> None:
    text = page(client, start="X" * 63 + "-X", search="100")

    assert 'id="search"' not in text


def engine_position(href: str) -> Position:
    items = parse_qsl(html.unescape(href).partition("?")[2])
    return parse_state(items, size=8).position


@pytest.mark.parametrize("layer", LAYERS)
def test_similar_positions_are_the_nearest_other_boards(
    client, engine, explained_store, layer
) -> None:
    report = engine.report(Position.from_transcript(TRANSCRIPT), None, None)
    ranking = explained_store.nearest(
        layer, report.move.layers[layer].relevance, 30, target="played"
    )
    itself = report.position
    boards = []
    for row in ranking.rows.tolist():
        board = explained_store.positions.position(row)
        pair = board.own, board.opponent
        if pair not in boards and pair != (itself.own, itself.opponent):
            boards.append(pair)

    text = page(client, moves=TRANSCRIPT, similar=layer)

    links = re.findall(r'class="board" id="similar-\d+" href="([^"]+)"', text)
    found = [engine_position(each) for each in links]
    assert [(each.own, each.opponent) for each in found] == boards[:8]


@pytest.fixture
def atlas(tmp_path) -> Path:
    pages = ["index.html", "concepts/conv4/c0003.html", "concepts/conv4/c0004.html"]
    pages += [position_page(row) for row in range(0, 30, 2)]
    folder = tmp_path / "atlas"
    for page in (*pages, "secret.html"):
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(f"<p>{page}</p>")
    marker = {"encoding-type": "conceptlrp-atlas", "files": dict.fromkeys(pages, "")}
    (folder / "atlas.json").write_text(json.dumps(marker))
    return folder


def test_an_atlas_in_a_folder_is_linked_to_and_served(engine, atlas) -> None:
    client = Client(explorer_app(engine, atlas=atlas))

    links = {
        channel: re.findall(
            r'id="channel-atlas" href="([^"]+)"',
            page(client, layer="conv4", channel=channel),
        )
        for channel in ("3", "5")
    }

    assert links == {"3": ["/atlas/concepts/conv4/c0003.html"], "5": []}
    reply = client.get(links["3"][0])
    assert reply.text == "<p>concepts/conv4/c0003.html</p>"
    assert {name: reply.headers[name] for name in _HEADERS} == _HEADERS
    assert client.get("/atlas/").text == "<p>index.html</p>"
    (atlas / "index.html").unlink()
    assert client.get("/atlas/").status_code == 404


def test_positions_are_linked_to_where_the_atlas_has_a_page(
    engine, explained_store, atlas
) -> None:
    client = Client(explorer_app(engine, atlas=atlas))
    elsewhere = Client(explorer_app(engine, atlas="https://atlas.example/"))
    for row in range(6):
        position = explained_store.positions.position(row)
        items = {"start": position.obf().replace(" ", ""), "similar": "conv4"}
        first = store_row(explained_store, position)

        text = page(client, **items)

        expected = [f"/atlas/{position_page(first)}"] if first % 2 == 0 else []
        assert re.findall(r'id="position-atlas" href="([^"]+)"', text) == expected
        links = set(re.findall(r'href="(/atlas/positions[^"]+)"', text))
        assert {client.get(each).status_code for each in links} == {200}
        assert "atlas.example/positions" not in page(elsewhere, **items)


@pytest.mark.parametrize(
    "address",
    [
        "secret.html",
        "../run.crp/manifest.json",
        "%2e%2e/secret.html",
        "concepts/conv4/",
        "concepts/conv4/../../secret.html",
        "/etc/passwd",
    ],
)
def test_nothing_else_of_the_folder_is_served(engine, atlas, address) -> None:
    client = Client(explorer_app(engine, atlas=atlas))

    assert client.get(f"http://localhost/atlas/{address}").status_code == 404
    assert Client(explorer_app(engine)).get("/atlas/").status_code == 404


@pytest.mark.parametrize("files", [{"../../etc/passwd": ""}, ["index.html"], None])
def test_a_folder_that_is_no_atlas_is_refused(engine, tmp_path, files) -> None:
    marker = {"encoding-type": "conceptlrp-atlas", "files": files}
    (tmp_path / "atlas.json").write_text(json.dumps(marker))

    with pytest.raises(FileFormatError, match=r"is no atlas, .* address that begins"):
        explorer_app(engine, atlas=tmp_path)


@pytest.mark.parametrize("given", ["/index.html", "/", ""])
def test_an_atlas_elsewhere_is_linked_to(engine, given) -> None:
    base = "https://atlas.example/run"
    client = Client(explorer_app(engine, atlas=f"{base}{given}"))

    text = page(client, layer="conv4", channel="5")

    assert f'href="{base}/concepts/conv4/c0005.html"' in text


FILES = ["/style.css", "/explorer.css", "/board.js", "/explorer.js"]
PLACES = ["/", "/position.json", *FILES]
BAD = [
    "/?q=1",
    "/?moves=f5&moves=d3",
    "/?moves=a1",
    "/?moves=zz",
    "/?move=a1",
    "/?move=f5&against=f5",
    "/?against=a1",
    "/?start=XX",
    f"/?start={'-' * 36}X",
    "/?show=everything",
    "/?click=%3Cscript%3E",
    "/?layer=conv1&channel=64",
    "/?change:conv1:64=0",
    "/?change:conv1:1=nan",
    "/?change:conv1=0",
    "/?" + "&".join(f"change:conv1:{c}=0" for c in range(17)),
    "/?ply=1",
    "/?moves=f5&ply=-1",
    "/?search=1001",
    "/?similar=conv9",
    "/heatmap.json?layer=conv9&channel=1",
    "/?layer=conv1&channel=-1",
    "/?layer=../../etc/passwd&channel=1",
    "/?layer=%3Cscript%3Ealert(1)%3C/script%3E&channel=1",
    "/?channel=1",
    "/?text=hello",
    "/?text=a1",
    "/?moves=%00",
    "/?moves=%ff%fe",
    "/position.json?text=f5",
    "/position.json?moves=a1",
]


@pytest.mark.parametrize("address", BAD)
def test_a_wrong_parameter_is_a_400_with_one_sentence(client, address) -> None:
    reply = client.get(address)

    assert reply.status_code == 400
    sentence = re.search(r'<p class="notice">(.*?)</p>', reply.text, re.DOTALL)[1]
    assert sentence.endswith(".")
    assert "Traceback" not in reply.text
    assert "<script>alert" not in reply.text


@pytest.mark.parametrize(
    "address",
    [
        "/nothing",
        "/../pyproject.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/templates/explorer.html",
        "//evil.example/",
    ],
)
def test_there_is_nothing_at_other_addresses(client, address) -> None:
    reply = client.get(f"http://localhost{address}")

    assert reply.status_code == 404
    assert "root:" not in reply.text


@pytest.mark.parametrize("place", [*PLACES, "/?q=1", "/nothing"])
def test_every_reply_forbids_other_origins_and_guessing(client, place) -> None:
    headers = client.get(place, headers={"Origin": "http://evil.example"}).headers

    assert {name: headers[name] for name in _HEADERS} == _HEADERS
    assert "default-src 'none'" in headers["content-security-policy"]
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "localhost@evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "0.0.0.0",
        "[::]",
        "localhost:port",
        "localhost:8000:1",
        "localhost ",
        "",
        "a" * 5000,
    ],
)
def test_a_foreign_host_is_refused(client, host) -> None:
    reply = client.get("/", headers={"Host": host})

    assert reply.status_code == 421
    assert "Host" in reply.text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "box.lan:80"]
)
def test_loopback_and_the_given_host_are_answered(engine, host) -> None:
    client = Client(explorer_app(engine, hosts=["Box.lan"]))

    assert client.get("/explorer.js", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("place", PLACES)
def test_only_reading_is_answered(client, method, place) -> None:
    reply = client.request(method, place, content=b"{broken json")

    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, HEAD"


def test_a_body_is_refused_without_reading_it(client) -> None:
    assert client.request("GET", "/", content=b"x" * 10_000_000).status_code == 413


def test_long_addresses_and_headers_are_refused(client) -> None:
    assert client.get(f"/?moves={'f5' * MAX_QUERY}").status_code == 414
    assert client.get(f"/{'a' * 300}").status_code == 414
    assert client.get("/", headers={"X-Long": "a" * 9000}).status_code == 431


def test_a_failure_tells_the_client_nothing_of_the_program(engine, monkeypatch) -> None:
    def fail(*_: object) -> None:
        msg = "/secret/path"
        raise RuntimeError(msg)

    monkeypatch.setattr(engine, "report", fail)
    reply = Client(explorer_app(engine), raises=False).get("/")

    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert "RuntimeError" not in reply.text


_OK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def hostile_requests() -> list[bytes]:
    """Return two hundred requests, of which none is a good one."""
    flood = b"Content-Length: 5000000\r\n\r\n" + b"x" * 500_000
    head = b"Host: localhost\r\nConnection: close\r\n"
    kinds = [
        b"",
        b"\x00" * 500,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + head + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /?moves=" + b"f5" * 4000 + b" HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /style.css/../../secret HTTP/1.1\r\n" + head + b"\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Length: 9\r\n\r\n{bad json",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Length: 99999999999\r\n\r\n{",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /?q=1 HTTP/1.1\r\n" + head + b"Upgrade: websocket\r\n\r\n",
        b"GET /?start=%00%ff HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /?layer=conv1&channel=999999 HTTP/1.1\r\n" + head + b"\r\n",
        b"TRACE / HTTP/1.1\r\n" + head + b"\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + head + b"\r\n",
        b"POST / HTTP/1.1\r\n" + head + flood,
    ]
    return [kinds[n % len(kinds)] for n in range(200)]


def test_two_hundred_bad_requests_leave_it_serving(engine) -> None:
    with running(engine) as port:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda c: send_raw(port, c), hostile_requests()))
        after = send_raw(port, _OK, patience=30)

    assert len(replies) == 200
    statuses = {int(found[1]) for found in map(_status, replies) if found}
    assert statuses <= {400, 404, 405, 413, 414, 421, 431, 503}
    assert {400, 405, 421} <= statuses
    assert b"Traceback" not in b"".join(replies)
    assert b" 200 OK" in after
    assert b"What the network plays" in after


def _status(reply: bytes) -> re.Match[bytes] | None:
    return re.match(rb"HTTP/1.1 (\d{3}) ", reply)


def test_requests_at_once_get_the_answers_they_get_alone(engine) -> None:
    addresses = [
        f"/position.json?moves={moves}" for moves in ("", "f5", "d3", "f5d6", "c4e3")
    ]
    with running(engine) as port, httpx.Client(timeout=60) as client:
        alone = [client.get(f"http://127.0.0.1:{port}{a}").json() for a in addresses]
        with ThreadPoolExecutor(5) as pool:
            urls = [f"http://127.0.0.1:{port}{a}" for a in addresses * 3]
            together = list(pool.map(lambda url: client.get(url).json(), urls))

    assert together == alone * 3


SILENT = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "half a body": b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\na",
}


@pytest.mark.parametrize("said", SILENT.values(), ids=SILENT)
def test_connections_that_say_no_more_do_not_keep_others_out(engine, said) -> None:
    with running(engine) as port, ExitStack() as stack:
        for _ in range(140):
            silent = socket.create_connection(("127.0.0.1", port))
            stack.enter_context(silent).sendall(said)
        replies = [send_raw(port, _OK, patience=30) for _ in range(3)]

    assert all(b" 200 OK" in reply for reply in replies)


def test_a_head_that_comes_byte_by_byte_has_a_deadline(engine, monkeypatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.4)
    begun, sent = time.monotonic(), 0
    with (
        running(engine) as port,
        socket.create_connection(("127.0.0.1", port)) as slow,
        suppress(ConnectionError),
    ):
        while sent < 500:
            slow.sendall(_OK[sent : sent + 1] if sent < len(_OK) - 4 else b"x")
            sent += 1
            time.sleep(0.02)

    assert 5 < sent < 500
    assert time.monotonic() - begun < 5


def test_who_does_not_read_a_reply_is_cut_off(engine, monkeypatch) -> None:
    monkeypatch.setattr(connections, "REPLY_S", 0.5)
    asked = b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with running(engine) as port, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", port))
        deaf.settimeout(10)
        with suppress(ConnectionError, TimeoutError):
            while True:
                deaf.sendall(asked)
        reply = send_raw(port, _OK, patience=30)

    assert b" 200 OK" in reply


def test_a_port_in_use_is_one_sentence() -> None:
    with bound_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

        with (
            pytest.raises(ValueError, match=f"127.0.0.1:{port}: .*in use; choose"),
            bound_socket("127.0.0.1", port),
        ):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_an_address_that_is_everywhere_is_refused(host) -> None:
    with pytest.raises(ValueError, match="give the name or address of one interface"):
        check_host(host)


@pytest.mark.slow
def test_the_command_answers_until_it_is_interrupted(explained_store) -> None:
    words = [sys.executable, "-m", "conceptlrp", "serve", str(explained_store.path)]
    with subprocess.Popen(
        [*words, "--network", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
        answered = httpx.get(address, timeout=30).status_code
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert answered == 200
    assert process.returncode == 130
    assert errors == ""
