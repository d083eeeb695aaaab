"""What the explorer shows, as it stands in the address of a page.

    start     board and side to move, 65 letters (37 on 6 x 6); else the start position
    moves     transcript of the moves from there
    move      move that is explained; else the best
    against   move that it is contrasted with
    show      heatmap on the board: move, value or contrast
    layer, channel   the channel that is looked at
    change    what it is set to, zero or mean, or what it is multiplied by
    click     what a click on a square does: explain, contrast, play or set
    disc      what it sets: x (black), o (white) or - (nothing)

Everything is checked: what is unknown, repeated or out of range is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from conceptlrp.errors import NotationError, check_known
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
CHANGES: Final = ("zero", "mean")

_KNOWN = (
    *("start", "moves", "move", "against", "show"),
    *("layer", "channel", "change", "click", "disc"),
)
# No game has more moves, and no network so many channels.
_MOVES, _CHANNELS = 60, 100_000
_MAX_TEXT = 1000
_MAX_FACTOR = 100


@dataclass(frozen=True)
class ExplorerState:
    """What a page of the explorer shows.

    `moves` are squares from `start` on, without passes; `move` and `against` are names;
    `show`, `click` and `disc` one of `SHOWN`, `CLICKS` and `DISCS`; `layer` and
    `channel` are what is looked at, both or neither; `change` one of `CHANGES` or a
    factor.
    """

    start: Position
    moves: tuple[int, ...] = ()
    move: str | None = None
    against: str | None = None
    show: str = "move"
    click: str = "explain"
    disc: str = "x"
    layer: str | None = None
    channel: int | None = None
    change: str | None = None

    @property
    def position(self) -> Position:
        """The position after the moves; sides that cannot move are passed over."""
        position, size = self.start, self.start.size
        for square in self.moves:
            # By name, which is how an error calls it.
            position = _passed(position).play(square_name(square, size))
        return _passed(position) if self.moves else position

    @property
    def transcript(self) -> str:
        """The moves from the usual start, "" from another one."""
        size = self.start.size
        usual = self.start == Position.start(size)
        return transcript_text(self.moves, size) if usual else ""

    def at(self, position: Position, **changes: Any) -> "ExplorerState":
        """Return the state at another board, with nothing chosen there."""
        start = replace(position, last=NO_MOVE)
        return replace(self.changed(**changes), start=start, moves=())

    def played(self, square: int) -> "ExplorerState":
        """Return the state after one more move."""
        if square == PASS:
            return self.at(self.position.play(PASS))
        return replace(self.changed(), moves=(*self.moves, square))

    def undone(self) -> "ExplorerState":
        """Return the state before the last move."""
        return replace(self.changed(), moves=self.moves[:-1])

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
            found.append(("moves", transcript_text(self.moves, self.start.size)))
        for name in _KNOWN[2:]:
            value = getattr(self, name)
            if value != getattr(plain, name):
                found.append((name, str(value)))
        return found

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
    channel = _channel(given)
    return ExplorerState(
        start=_start(given.get("start"), size),
        moves=_moves(given.get("moves", ""), size),
        move=_square(given, "move", size),
        against=_square(given, "against", size),
        show=_choice(given, "show", SHOWN),
        click=_choice(given, "click", CLICKS),
        disc=_choice(given, "disc", DISCS),
        layer=given.get("layer") if channel is not None else None,
        channel=channel,
        change=_change(given) if channel is not None else None,
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
        check_known("parameter", name[:40], _KNOWN)
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
    text = given.get("channel")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        msg = f"parameter 'channel' is {text[:40]!r}, expected a number from 0"
        raise ValueError(msg)
    if "layer" not in given:
        msg = "parameter 'channel' stands without 'layer', expected both"
        raise ValueError(msg)
    if int(text) >= _CHANNELS:
        msg = f"parameter 'channel' is {text}, expected less than {_CHANNELS}"
        raise ValueError(msg)
    return int(text)


def _change(given: dict[str, str]) -> str | None:
    """Read what becomes of the channel: a word, or a factor in its shortest form."""
    text = given.get("change")
    if text is None or text in CHANGES:
        return text
    try:
        factor = float(text)
    except ValueError:
        factor = _MAX_FACTOR + 1
    if not abs(factor) <= _MAX_FACTOR:
        msg = (
            f"parameter 'change' is {text[:40]!r}, expected {', '.join(CHANGES)} or a "
            f"factor from -{_MAX_FACTOR} to {_MAX_FACTOR}"
        )
        raise ValueError(msg)
    return f"{factor:g}"
