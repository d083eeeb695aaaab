"""The strength card of the network that an atlas is about, as rows of a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conceptlrp.store import Store


@dataclass(frozen=True)
class StrengthRow:
    """One line of a strength card in words.

    Attributes
    ----------
    what : str
        What was measured, such as "network v greedy".
    figure : str
        The result.
    note : str
        Its interval, or what it is about.
    """

    what: str
    figure: str
    note: str


def strength_rows(
    card: Mapping[str, Any] | None, store: Store
) -> tuple[StrengthRow, ...]:
    """Put a strength card in words.

    Returns: in the order of the card; empty without a card.
    """
    if card is None:
        return ()
    found = str(card["about"].get("network", ""))
    expected = str(store.manifest.network.get("digest", ""))
    if found != expected:
        msg = (
            f"the strength card is of network {found[:8]}, the store of "
            f"{expected[:8]}; make one with 'conceptlrp strength'"
        )
        raise ValueError(msg)
    return tuple(_row(name, row) for name, row in card["rows"].items())


def _row(name: str, row: Mapping[str, Any]) -> StrengthRow:
    if "interval" in row:
        low, high = row["interval"]
        games = row["wins"] + row["draws"] + row["losses"]
        note = f"95 % interval {low:.0%} to {high:.0%}, {games} games"
        return StrengthRow(name, f"{row['score']:.1%} of the points", note)
    if "disc_loss" in row:
        note = f"{row['disc_loss']:.1f} discs lost a move, {row['positions']} positions"
        return StrengthRow(name, f"{row['best_moves']:.0%} best moves", note)
    note = f"{row['top3']:.1%} among the best three, {row['positions']:,} positions"
    return StrengthRow(name, f"{row['top1']:.1%} of the moves", note)
