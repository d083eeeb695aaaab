"""What stands to copy on every page leads to the board that is shown."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptlrp import exports
from conceptlrp.atlas import build_atlas
from conceptlrp.explorer.state import ExplorerState, parse_pasted
from conceptlrp.exports.extract import extract
from conceptlrp.networks import demo_network
from conceptlrp.othello import Corpus, Position
from conceptlrp.reference import reference_boards
from conceptlrp.report import channel_report
from conceptlrp.runs import KeepOptions, attribute_corpus
from conceptlrp.store import Store
from tests.othello.playouts import random_games

LAYERS = ["conv4"]


def attributed(corpus: Corpus, folder: Path) -> Store:
    keep = KeepOptions(references=4)
    path = folder / "run.crp"
    return attribute_corpus(demo_network(), corpus, path, layers=LAYERS, keep=keep)


def shown_to_copy(folder: Path) -> list[tuple[str, int, str]]:
    """Return moves, symmetry and board of every board on all pages."""
    return [
        (
            board.get("data-g", "")[: 2 * int(board.get("data-y", 0))],
            int(board.get("data-t", 0)),
            f"{text} {board['data-m'].upper()}",
        )
        for page in folder.rglob("*.html")
        for board, text in Boards(page.read_text()).found
        if "data-r" in board
    ]


class Boards(HTMLParser):
    """Reads the boards of a page: what the script is told, and the squares."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str], str]] = []
        self._board: dict[str, str] | None = None
        self.feed(page)

    def handle_starttag(self, _tag: str, attributes: Any) -> None:
        known = dict(attributes)
        self._board = known if known.get("class") == "bd" else None

    def handle_data(self, text: str) -> None:
        if self._board is not None:
            self.found.append((self._board, text))
        self._board = None


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Store:
    corpus = Corpus.from_games(random_games(12, seed=3)).sample(32, seed=1).turn()
    return attributed(corpus, tmp_path_factory.mktemp("turned"))


@pytest.fixture(scope="module")
def pages(
    turned: Store, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, int, str]]:
    folder = tmp_path_factory.mktemp("pages") / "atlas"
    return shown_to_copy(build_atlas(turned, folder, network=demo_network()))


@pytest.fixture(scope="module")
def boards(turned: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    corpus = turned.positions
    rows = np.arange(len(corpus))
    listed = [corpus.position(i) for i in rows.tolist()]
    loose = Corpus.from_positions(listed, played=corpus.played)
    return attributed(loose, tmp_path_factory.mktemp("boards"))


def test_every_transcript_of_an_atlas_replays(pages: list[tuple[str, int, str]]):
    replayed = [
        Position.from_transcript(moves, symmetry=s).obf() == board
        for moves, s, board in pages
        if moves
    ]

    assert len(replayed) > 500
    assert sum(replayed) == len(replayed)
    assert {s for _, s, _ in pages} == set(range(8))


def test_the_explorer_opens_all_that_stands_to_copy(
    pages: list[tuple[str, int, str]],
):
    state = ExplorerState(Position.start())

    for moves, s, board in set(pages):
        assert parse_pasted(board, state).position.obf() == board
        if moves:
            opened = parse_pasted(moves, state)
            assert opened.position.turned(s).obf() == board
            assert opened.transcript == moves


def test_boards_without_games_have_no_transcript_anywhere(
    boards: Store, tmp_path: Path
):
    build_atlas(boards, tmp_path / "atlas", network=demo_network())
    exports.json(boards, tmp_path / "concepts")
    written = "".join(p.read_text() for p in (tmp_path / "concepts").rglob("*.json"))

    found = shown_to_copy(tmp_path / "atlas")

    assert len(found) > 500
    assert {moves for moves, *_ in found} == {""}
    assert "move " not in reference_boards(boards, "conv4", 0, 4).descriptions[0]
    assert set(re.findall(r'"transcript": ?"(\w*)"', written)) == {""}
    assert {each.obf() for each in map(Position.from_obf, (o for *_, o in found))}


def test_every_transcript_of_exports_and_reports_replays(turned: Store, tmp_path: Path):
    exports.json(turned, tmp_path / "concepts")
    found = extract(turned)
    table = next(iter(found.frame(block) for block in found.blocks()))
    exported = table[["transcript", "symmetry", "obf"]].values.tolist()
    for path in (tmp_path / "concepts").rglob("c*.json"):
        exported += triples(json.loads(path.read_text()))
    for channel in range(8):
        report = channel_report(turned, "conv4", channel, count=4)
        exported += triples(report.to_dict())
        boards = reference_boards(turned, "conv4", channel, 4)
        for shown in (boards, boards.folded()):
            frame = shown.frame()
            exported += frame[["transcript", "symmetry", "obf"]].values.tolist()

    assert len(exported) > 1000
    assert [
        Position.from_transcript(text, symmetry=s).obf() == obf
        for text, s, obf in exported
    ] == [True] * len(exported)


def triples(found: object) -> list[list]:
    """Return what any part of a report says of a board."""
    if isinstance(found, dict):
        if "transcript" in found:
            return [[found[name] for name in ("transcript", "symmetry", "obf")]]
        found = list(found.values())
    return (
        [each for part in found for each in triples(part)]
        if (isinstance(found, list))
        else []
    )
