import json
from pathlib import Path
from typing import Any

import pytest
import torch

from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import (
    NetworkPlayer,
    RandomPlayer,
    StrengthOptions,
    match,
    read_card,
    strength_card,
)
from conceptlrp.selfplay.arena import play_games
from conceptlrp.selfplay.training_set import validate

QUICK = StrengthOptions(
    simulations=(2,), games=2, endgames=4, most_empties=5, opening_plies=20
)


class StoppedError(Exception):
    """Stands for the end of a program between two rows."""


@pytest.fixture(scope="module")
def network() -> OthelloNet:
    torch.manual_seed(0)
    return OthelloNet(channels=1, size=6).eval()


@pytest.fixture(scope="module")
def games() -> Corpus:
    player = RandomPlayer(6)
    return Corpus.from_games(play_games(player, player, count=10, seed=1))


@pytest.fixture(scope="module")
def card(
    network: OthelloNet, games: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("card") / "card.json"
    return strength_card(network, path, games=games, options=QUICK)


def test_a_card_has_every_measure(card: dict[str, Any]) -> None:
    assert list(card["rows"]) == [
        "moves of people",
        "endgames, network",
        "endgames, network@2",
        "network v random",
        "network v greedy",
        "network v mobility",
        "network@2 v random",
        "network@2 v greedy",
        "network@2 v mobility",
        "network@2 v network",
    ]


def test_rows_are_what_the_functions_measure(
    card: dict[str, Any], network: OthelloNet, games: Corpus
) -> None:
    people = validate(network, games)
    played = match(NetworkPlayer(network), RandomPlayer(6), count=2, opening_plies=20)

    row = card["rows"]["moves of people"]
    assert row["top1"] == pytest.approx(people.top1, abs=1e-4)
    assert row["illegal"] == pytest.approx(people.illegal, abs=1e-4)
    assert 0 <= row["value_sign_endgame"] <= 1
    row = card["rows"]["network v random"]
    assert (row["wins"], row["losses"]) == (played.wins, played.losses)
    assert row["interval"] == pytest.approx(played.interval(), abs=1e-4)


def test_a_card_keeps_the_rows_that_are_measured_and_is_not_replaced(
    card: dict[str, Any], network: OthelloNet, games: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "card.json"

    def stop(_stage: str, done: int, _total: int) -> None:
        if done == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        strength_card(network, path, games=games, options=QUICK, on_progress=stop)

    assert read_card(path)["rows"] == dict(list(card["rows"].items())[:5])
    with pytest.raises(OutputExistsError, match="exists already"):
        strength_card(network, path, options=QUICK)


def test_half_a_pair_of_games_is_refused() -> None:
    with pytest.raises(ValueError, match="engine_games is 3, expected an even"):
        StrengthOptions(engine_games=3)


@pytest.mark.parametrize("content", ["nonsense", json.dumps({"about": 1}), "[]"])
def test_what_is_no_card_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(content)

    with pytest.raises(FileFormatError, match="strength card"):
        read_card(path)
