"""What the explorer shows, as it stands in the address of a page.

    start     board and side to move, 65 letters (37 on 6 x 6); else the start position
    moves     transcript of the moves from there
    ply       how many of them are made; else all
    move      move that is explained; else the best
    against   move that it is contrasted with
    show      heatmap on the board: move, value or contrast
    layer, channel   the channel that is looked at
    change:LAYER:CHANNEL   a channel that is changed: set to its mean, or times a number
    search    simulations of a search from the position; else none
    similar   layer by which positions of the store are like this one; else none
    click     what a click on a square does: explain, contrast, play or set
    disc      what it sets: x (black), o (white) or - (nothing)

Everything is checked: what is unknown, repeated or out of range is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final
from urllib.parse import urlencode

from conceptlrp.errors import NotationError
from conceptlrp.othello import (
    NO_MOVE,
    PASS,
    Position,
    parse_square,
    parse_transcript,
    square_name,
    transcript_text,
)
from conceptlrp.othello.notation import parse_position

SHOWN: Final = ("move", "value", "contrast")
CLICKS: Final = ("explain", "contrast", "play", "set")
DISCS: Final = ("x", "o", "-")

_KNOWN = (
    *("start", "moves", "ply", "move", "against", "show"),
    *("layer", "channel", "click", "disc", "search", "similar"),
)
_CHANGE = "change:"
# No game has more moves, and no network so many channels.
_MOVES, _CHANNELS = 60, 100_000
_MAX_TEXT = 1000
_MAX_FACTOR, _MAX_CHANGES, _SIMULATIONS = 100, 16, 1000

# Nearly all links of a page have the same moves.
_transcript = lru_cache(64)(transcript_text)

#: A layer, a channel of it, and "mean" or what it is multiplied by.
Change = tuple[str, int, str]


@dataclass(frozen=True)
class ExplorerState:
    """What a page of the explorer shows.

    `moves` are squares from `start` on, without passes, `ply` how many of them are
    made, all if None; `move` and `against` are names; `show`, `click` and `disc` one of
    `SHOWN`, `CLICKS` and `DISCS`; `layer` and `channel` are what is looked at, both or
    neither.
    """

    start: Position
    moves: tuple[int, ...] = ()
    ply: int | None = None
    move: str | None = None
    against: str | None = None
    show: str = "move"
    click: str = "explain"
    disc: str = "x"
    layer: str | None = None
    channel: int | None = None
    search: int | None = None
    similar: str | None = None
    changes: tuple[Change, ...] = ()

    @property
    def made(self) -> tuple[int, ...]:
        """The moves that are made."""
        return self.moves[: self.ply]

    @property
    def following(self) -> int:
        """The move that was made next, `NO_MOVE` at the end."""
        return (*self.moves, NO_MOVE)[len(self.made)]

    @cached_property
    def positions(self) -> tuple[Position, ...]:
        """The start and what each move leads to, made or not, past passes."""
        found, size = [self.start], self.start.size
        for square in self.moves:
            # By name, which is how an error calls it.
            after = _passed(found[-1]).play(square_name(square, size))
            found.append(_passed(after))
        return tuple(found)

    @property
    def position(self) -> Position:
        """The position after the moves that are made."""
        return self.positions[len(self.made)]

    @property
    def transcript(self) -> str:
        """The moves made from the usual start, "" from another one."""
        size = self.start.size
        usual = self.start == Position.start(size)
        return transcript_text(self.made, size) if usual else ""

    def but(self, **changes: Any) -> "ExplorerState":
        """Return the state with other values."""
        return replace(self, **changes)

    def at(self, position: Position, **changes: Any) -> "ExplorerState":
        """Return the state at another board, with nothing chosen there."""
        start = replace(position, last=NO_MOVE)
        return replace(self.changed(**changes), start=start, moves=(), ply=None)

    def played(self, square: int) -> "ExplorerState":
        """Return the state after one more move; the next of the game goes on in it."""
        if square == PASS:
            return self.at(self.position.play(PASS))
        if square == self.following:
            return self.after(len(self.made) + 1)
        return self.line((square,))

    def undone(self) -> "ExplorerState":
        """Return the state without the last move and what followed."""
        return replace(self.changed(), moves=self.made[:-1], ply=None)

    def after(self, ply: int) -> "ExplorerState":
        """Return the state after so many moves of the game."""
        return replace(self.changed(), ply=ply if ply < len(self.moves) else None)

    def line(self, squares: tuple[int, ...]) -> "ExplorerState":
        """Return the state after more moves from here."""
        return replace(self.changed(), moves=(*self.made, *squares), ply=None)

    def explained(self, move: str) -> "ExplorerState":
        """Return the state in which a move is explained."""
        return replace(self, move=move, against=None, show="move")

    def contrasted(self, move: str, other: str) -> "ExplorerState":
        """Return the state in which a move is contrasted with another, if it is one."""
        if move == other:
            return self.explained(move)
        return replace(self, move=move, against=other, show="contrast")

    def change_of(self, layer: str, channel: int) -> str | None:
        """Return how a channel is changed, if it is."""
        return {each[:2]: each[2] for each in self.changes}.get((layer, channel))

    def steered(self, layer: str, channel: int, change: str | None) -> "ExplorerState":
        """Return the state in which a channel is changed otherwise, or no more."""
        made = {each[:2]: each[2] for each in self.changes}
        made[layer, channel] = change or ""
        kept = tuple((*place, each) for place, each in made.items() if each)
        return replace(self, changes=kept)

    def changed(self, **changes: Any) -> "ExplorerState":
        """Return the state with other values and, unless given, no chosen move."""
        show = "move" if self.show == "contrast" else self.show
        return replace(
            self, **({"move": None, "against": None, "show": show} | changes)
        )

    def items(self) -> list[tuple[str, str]]:
        """Return the parameters that differ from those of the start position."""
        plain = ExplorerState(Position.start(self.start.size))
        found: list[tuple[str, str]] = []
        if self.start != plain.start:
            found.append(("start", self.start.obf().replace(" ", "")))
        if self.moves:
            found.append(("moves", _transcript(self.moves, self.start.size)))
        for name in _KNOWN[2:]:
            value = getattr(self, name)
            if value != getattr(plain, name):
                found.append((name, str(value)))
        return [*found, *((f"{_CHANGE}{a}:{b}", c) for a, b, c in self.changes)]

    @property
    def query(self) -> str:
        """The parameters as they stand in an address, with a question mark."""
        found = urlencode(self.items())
        return f"?{found}" if found else ""

    @property
    def href(self) -> str:
        """Address of the page."""
        return f"/{self.query}"


def parse_state(items: Iterable[tuple[str, str]], *, size: int) -> ExplorerState:
    """Read the parameters of an address; moves are not checked against the rules."""
    given = _single(items)
    channel, moves = _channel(given), _moves(given.get("moves", ""), size)
    ply = _number(given, "ply", len(moves))
    return ExplorerState(
        start=_start(given.get("start"), size),
        moves=moves,
        ply=None if ply == len(moves) else ply,
        move=_square(given, "move", size),
        against=_square(given, "against", size),
        show=_choice(given, "show", SHOWN),
        click=_choice(given, "click", CLICKS),
        disc=_choice(given, "disc", DISCS),
        layer=given.get("layer") if channel is not None else None,
        channel=channel,
        search=_number(given, "search", _SIMULATIONS) or None,
        similar=given.get("similar") or None,
        changes=_changes(given),
    )


def parse_pasted(text: str, state: ExplorerState) -> ExplorerState:
    """Read a transcript or a position that somebody pasted."""
    if len(text) > _MAX_TEXT:
        msg = f"the text has {len(text)} letters, expected at most {_MAX_TEXT}"
        raise NotationError(msg)
    size = state.start.size
    if " then " in text or parse_position(text) is not None:
        return state.at(_fitting(Position.from_text(text, size), size))
    found = state.at(Position.start(size))
    found = replace(found, moves=_moves(text, size))
    _ = found.position
    return found


def _passed(position: Position) -> Position:
    return position.play(PASS) if position.must_pass else position


def _single(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in items:
        if name not in _KNOWN and not name.startswith(_CHANGE):
            msg = (
                f"unknown parameter {name[:40]!r}, expected one of {', '.join(_KNOWN)}"
            )
            raise ValueError(msg)
        if name in found:
            msg = f"parameter '{name}' is given twice, expected it once"
            raise ValueError(msg)
        found[name] = value.strip()
    return {name: value for name, value in found.items() if value}


def _start(text: str | None, size: int) -> Position:
    if text is None:
        return Position.start(size)
    if len(text) != size * size + 1:
        msg = (
            f"parameter 'start' has {len(text)} letters, expected {size * size} of "
            "'X', 'O' and '-', and 'X' or 'O' for the side to move"
        )
        raise NotationError(msg)
    return Position.from_obf(f"{text[:-1]} {text[-1]}")


def _fitting(position: Position, size: int) -> Position:
    if position.size != size:
        msg = (
            f"the position is of {position.size} x {position.size} squares, the "
            f"network plays on {size} x {size}"
        )
        raise NotationError(msg)
    return position


def _moves(text: str, size: int) -> tuple[int, ...]:
    moves = parse_transcript(text, size)
    if len(moves) > _MOVES:
        msg = f"{len(moves)} moves, expected at most {_MOVES}"
        raise NotationError(msg)
    return tuple(moves)


def _square(given: dict[str, str], name: str, size: int) -> str | None:
    if name not in given:
        return None
    return square_name(parse_square(given[name], size), size)


def _choice(given: dict[str, str], name: str, known: tuple[str, ...]) -> str:
    value = given.get(name, known[0])
    if value not in known:
        msg = f"parameter '{name}' is {value[:40]!r}, expected {' or '.join(known)}"
        raise ValueError(msg)
    return value


def _channel(given: dict[str, str]) -> int | None:
    """Read the number of the channel, which needs a layer; a layer alone has none."""
    if "channel" in given and "layer" not in given:
        msg = "parameter 'channel' stands without 'layer', expected both"
        raise ValueError(msg)
    return _number(given, "channel", _CHANNELS - 1)


def _number(given: dict[str, str], name: str, most: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) <= most):
        msg = f"parameter '{name}' is {text[:40]!r}, expected a number from 0 to {most}"
        raise ValueError(msg)
    return int(text)


def _changes(given: dict[str, str]) -> tuple[Change, ...]:
    """Read which channels are changed, factors in their shortest form."""
    found = []
    for name in (each for each in given if each.startswith(_CHANGE)):
        layer, _, channel = name.removeprefix(_CHANGE).rpartition(":")
        place = {"layer": layer, "channel": channel}
        found.append((layer, _channel(place) or 0, _factor(name, given[name])))
    if len(found) > _MAX_CHANGES:
        msg = f"{len(found)} channels are changed, expected at most {_MAX_CHANGES}"
        raise ValueError(msg)
    return tuple(found)


def _factor(name: str, text: str) -> str:
    if text == "mean":
        return text
    try:
        factor = float(text)
    except ValueError:
        factor = _MAX_FACTOR + 1
    if not abs(factor) <= _MAX_FACTOR:
        msg = (
            f"parameter '{name[:40]}' is {text[:40]!r}, expected mean or a factor from "
            f"-{_MAX_FACTOR} to {_MAX_FACTOR}"
        )
        raise ValueError(msg)
    return f"{factor:g}"
