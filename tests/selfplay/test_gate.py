import pytest
import torch

from conceptlrp.networks import ResidualTower
from conceptlrp.selfplay import ArenaGate, SearchOptions, SearchResult, search


def new_network(seed: int = 0) -> ResidualTower:
    torch.manual_seed(seed)
    return ResidualTower(channels=2, blocks=1, size=6, value_units=4)


def test_a_network_against_itself_scores_one_half() -> None:
    network = new_network()

    score = ArenaGate(games=10, search=None)(network, network, seed=1)

    assert score == 0.5


def test_a_gate_with_search_depends_on_its_seed_alone() -> None:
    gate = ArenaGate(games=6, search=SearchOptions(simulations=3))
    one, other = new_network(0), new_network(1)

    scores = [gate(one, other, seed=seed) for seed in (1, 1, 2, 3, 4)]

    assert scores[0] == scores[1]
    assert len(set(scores)) > 1


def test_both_sides_of_a_gate_search_as_they_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = SearchOptions(simulations=3)
    asked: list[tuple[int, SearchOptions]] = []

    def told(evaluate: object, *boards: object, rng: object) -> SearchResult:
        asked.append((id(evaluate), boards[2]))
        return search(evaluate, *boards, rng=rng)

    monkeypatch.setattr("conceptlrp.selfplay.gate.search", told)
    ArenaGate(games=2, search=options)(new_network(), new_network(), seed=0)

    assert {each for _, each in asked} == {options}
    assert len({evaluate for evaluate, _ in asked}) == 2
