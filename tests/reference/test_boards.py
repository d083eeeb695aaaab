"""Reference boards equal a search through the whole corpus."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import LayerError, TargetError
from conceptlrp.othello import Corpus, Position, parse_square
from conceptlrp.othello.board import squares
from conceptlrp.othello.symmetry import turn_squares
from conceptlrp.reference import reference_boards
from conceptlrp.store import Store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.writer import create_run
from tests.othello.playouts import random_games
from tests.store.conftest import (
    LAYERS,
    fill,
    planted_arrays,
    planted_plan,
    ranked_by_hand,
)

KEPT = 3


def planted_references(store: Store) -> dict[str, np.ndarray]:
    """Keep maps whose every square is the row that they belong to."""
    found = {}
    for layer, channels in LAYERS.items():
        for target in range(len(store.targets)):
            for kind, (by, lowest) in REFERENCE_KINDS.items():
                tops = [
                    store.top(layer, c, KEPT, by=by, lowest=lowest, target=target)
                    for c in range(channels)
                ]
                rows = np.stack([top.rows for top in tops])
                group = f"{target}/{kind}/{layer}"
                found[f"{group}/rows"] = rows
                found[f"{group}/scores"] = np.stack([top.scores for top in tops])
                maps = np.broadcast_to(rows[..., None, None], (*rows.shape, 8, 8))
                found[f"{group}/maps"] = maps + 100.0 * target
    return found


def write_store(path: Path, corpus: Corpus, *, keep: bool) -> Store:
    create_run(path, planted_plan(corpus, references=KEPT if keep else 0), corpus)
    fill(path, planted_arrays(corpus))
    found = planted_references(Store(path)) if keep else None
    return Store(finish_run(path, references=found))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store of turned positions with three reference boards a channel."""
    corpus = Corpus.from_games(random_games(6, seed=2)).turn(seed=3)[::3]
    return write_store(tmp_path_factory.mktemp("turned") / "run.crp", corpus, keep=True)


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("by", ["share", "relevance", "activation", "peak"])
def test_reference_boards_equal_a_search_through_the_corpus(
    by: str, lowest: bool, store: Store
) -> None:
    found = reference_boards(store, "conv2", 7, 4, by=by, lowest=lowest, target="value")

    scores = store.scores("conv2", 7, by=by, target="value")
    games = store.positions.game
    expected = ranked_by_hand(scores, 4, by=by, lowest=lowest, groups=games)
    assert found.rows.tolist() == expected
    assert found.scores.tolist() == scores[expected].tolist()
    assert found.strip == ("bottom" if lowest else "top")
    assert (found.by, found.target) == (by, "value")
    assert (found.layer, found.channel) == ("conv2", 7)


def test_a_game_gives_one_board_unless_more_are_asked_for(store: Store) -> None:
    one = reference_boards(store, "conv1", 0, 50)
    several = reference_boards(store, "conv1", 0, 50, one_per_game=False)

    assert len(one) == 6
    assert len(several) == 50
    assert len(set(store.positions.game[several.rows])) <= 6


def test_boards_come_with_their_position_and_provenance(store: Store) -> None:
    found = reference_boards(store, "conv1", 2, 6)

    corpus = store.positions
    for place, row in enumerate(found.rows):
        assert found.positions[place] == corpus.position(int(row))
        assert found.positions[place].own == corpus.own[row]
        game = int(corpus.game[row])
        assert f"{corpus.games.black[game]} - " in found.descriptions[place]
        assert f"move {corpus.ply[row] + 1}" in found.descriptions[place]
        assert parse_square(found.played[place]) == corpus.played[row]
        assert corpus.played[row] in found.positions[place].legal_moves


def test_transcripts_lead_to_the_boards_as_they_are_turned(store: Store) -> None:
    found = reference_boards(store, "conv1", 2, 6)

    assert len({board.symmetry for board in found.boards}) > 1
    for board in found.boards:
        played = Position.from_transcript(board.transcript)
        assert Position.from_transcript(board.transcript, symmetry=board.symmetry) == (
            board.position
        )
        np.testing.assert_array_equal(
            sorted(turn_squares(np.array(squares(played.black)), board.symmetry)),
            squares(board.position.black),
        )


def test_an_unknown_move_is_an_empty_text(tmp_path: Path) -> None:
    corpus = Corpus.from_games(random_games(1, seed=4))
    unknown = replace(corpus, played=np.full(len(corpus), -1, np.int8))
    store = write_store(tmp_path / "run.crp", unknown, keep=False)

    assert reference_boards(store, "conv1", 0, 1).played == ("",)


@pytest.mark.parametrize("target", ["played", "value"])
@pytest.mark.parametrize(("by", "lowest"), REFERENCE_KINDS.values())
def test_kept_heatmaps_come_with_their_boards(
    by: str, lowest: bool, target: str, store: Store
) -> None:
    found = reference_boards(
        store, "conv2", 69, KEPT, by=by, lowest=lowest, target=target
    )

    assert found.heatmaps is not None
    assert found.heatmaps.shape == (KEPT, 8, 8)
    expected = found.rows + 100 * store.target_index(target)
    np.testing.assert_array_equal(found.heatmaps[:, 4, 4], expected)


@pytest.mark.parametrize(
    "options",
    [
        {"count": KEPT + 1},
        {"count": KEPT, "by": "relevance"},
        {"count": KEPT, "by": "activation", "lowest": True},
        {"count": 60, "one_per_game": False},
    ],
)
def test_boards_whose_heatmaps_are_not_all_kept_have_none(
    options: dict[str, object], store: Store
) -> None:
    found = reference_boards(store, "conv2", 3, **options)

    assert found.heatmaps is None


def test_a_store_without_reference_heatmaps_still_has_boards(tmp_path: Path) -> None:
    corpus = Corpus.from_games(random_games(2, seed=4))
    store = write_store(tmp_path / "run.crp", corpus, keep=False)

    found = reference_boards(store, "conv1", 1, 2)

    assert len(found) == 2
    assert found.heatmaps is None


def test_boards_can_be_written_as_json(store: Store) -> None:
    found = reference_boards(store, "conv1", 4, 2, by="activation")

    record = json.loads(json.dumps(found.to_dict()))

    assert record["layer"] == "conv1"
    assert record["channel"] == 4
    first = record["boards"][0]
    assert first["row"] == found.rows[0]
    assert first["score"] == pytest.approx(found.scores[0])
    assert Position.from_obf(first["obf"]) == replace(found.positions[0], last=-1)
    assert first["transcript"] == found.transcripts[0]
    assert np.shape(first["heatmap"]) == (8, 8)


def test_what_the_store_does_not_hold_is_refused(store: Store) -> None:
    with pytest.raises(LayerError, match="no layer 'fc9'"):
        reference_boards(store, "fc9", 0)
    with pytest.raises(LayerError, match="no channel 5"):
        reference_boards(store, "conv1", 5)
    with pytest.raises(TargetError, match="no target 'best'"):
        reference_boards(store, "conv1", 0, target="best")
    with pytest.raises(ValueError, match="unknown score"):
        reference_boards(store, "conv1", 0, by="beauty")
    with pytest.raises(ValueError, match="count is -3, expected at least 0"):
        reference_boards(store, "conv1", 0, -3)


def test_boards_have_a_frame_and_a_short_repr(store: Store) -> None:
    found = reference_boards(store, "conv1", 1, 4)

    frame = found.frame()
    assert frame["row"].tolist() == found.rows.tolist()
    assert frame["obf"].tolist() == [each.obf() for each in found.positions]
    assert repr(found) == f"ReferenceBoards('conv1:1', {len(found)} boards, top share)"


def test_no_board_is_shown_that_does_not_speak_for_the_channel(store: Store) -> None:
    highest = reference_boards(store, "conv1", 1, len(store), one_per_game=False)
    lowest = reference_boards(
        store, "conv1", 1, len(store), lowest=True, one_per_game=False
    )

    share = store.scores("conv1", 1, by="share")
    assert sorted(highest.rows) == np.flatnonzero(share > 0).tolist()
    assert sorted(lowest.rows) == np.flatnonzero(share < 0).tolist()
