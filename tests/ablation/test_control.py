"""Controls of ablations, and the positions that both are measured on."""

import numpy as np
import torch
from hypothesis import given, strategies as st

from conceptlrp.ablation.channels import control_weights, random_orders
from conceptlrp.ablation.sample import spread_rows


def test_the_control_changes_others_by_exactly_as_much() -> None:
    generator = torch.Generator().manual_seed(0)
    energy = torch.rand(6, 8, generator=generator, dtype=torch.float64) ** 4
    energy[:, 2] = 0
    pairs = energy.nonzero()
    orders = torch.from_numpy(random_orders(8, range(6), seed=0, layer=0))

    weights = control_weights(energy, pairs, orders)

    changed = (weights.square() * energy[pairs[:, 0]]).sum(1)
    np.testing.assert_allclose(changed, energy[pairs[:, 0], pairs[:, 1]])
    assert not weights.gather(1, pairs[:, 1:]).any()
    assert not weights[:, 2].any()
    # Only a channel that outweighs all others needs more than their ablation.
    largest = energy.sum(1)[pairs[:, 0]] - energy[pairs[:, 0], pairs[:, 1]]
    outweighs = energy[pairs[:, 0], pairs[:, 1]] > largest
    assert outweighs.any()
    assert torch.equal((weights > 1 + 1e-12).any(1), outweighs)


def test_others_are_taken_in_random_order_until_they_are_as_large() -> None:
    energy = torch.tensor([[4.0, 1.0, 2.0, 9.0]], dtype=torch.float64)
    orders = torch.tensor([[1, 0, 2, 3]])

    weights = control_weights(energy, torch.tensor([[0, 0], [0, 1]]), orders)

    # After channel 0 come 2 and 3, together 11; after channel 1 comes 0.
    scale = (4 / 11) ** 0.5
    np.testing.assert_allclose(weights, [[0, 0, scale, scale], [0.5, 0, 0, 0]])


def test_a_channel_without_others_has_no_control() -> None:
    energy = torch.tensor([[4.0, 0.0]], dtype=torch.float64)

    weights = control_weights(energy, torch.tensor([[0, 0]]), torch.tensor([[0, 1]]))

    assert weights.isnan().all()


def spread_by_hand(games: list[int], n: int, seed: int) -> list[int]:
    """Take the row of the lowest lot of each game, then the second of each."""
    lots = np.random.default_rng(seed).permutation(len(games)).tolist()
    drawn = sorted(range(len(games)), key=lots.__getitem__)
    turn = [
        sum(games[r] == games[row] for r in drawn[:i]) for i, row in enumerate(drawn)
    ]
    order = sorted(range(len(games)), key=lambda i: (turn[i], i))
    return sorted(drawn[i] for i in order[:n])


@given(
    st.lists(st.sampled_from([-4, 0, 1, 2, 3, 9, 1 << 40]), max_size=20),
    st.integers(0, 22),
    st.integers(0, 3),
)
def test_spread_rows_are_those_found_by_hand(
    games: list[int], n: int, seed: int
) -> None:
    found = spread_rows(np.array(games, np.int64), n, seed=seed)

    assert found.tolist() == spread_by_hand(games, n, seed)


def test_rows_are_spread_over_games() -> None:
    games = np.repeat([3, 1, 8], [50, 2, 10])

    few, more = spread_rows(games, 3, seed=1), spread_rows(games, 9, seed=1)

    assert sorted(games[few]) == [1, 3, 8]
    assert (np.diff(more) > 0).all()
    counts = [int((games[more] == game).sum()) for game in (1, 3, 8)]
    assert counts in ([2, 3, 4], [2, 4, 3])
    assert len(spread_rows(games, 100)) == 62
