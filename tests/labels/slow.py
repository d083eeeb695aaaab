"""The definitions once more, square by square on a dict of discs, slowly."""

from collections.abc import Callable, Iterable
from functools import cached_property

Square = tuple[int, int]

AXES = ((0, 1), (1, 0), (1, 1), (1, -1))
DIRECTIONS = tuple((s * r, s * c) for r, c in AXES for s in (1, -1))
OTHER = {"X": "O", "O": "X"}


class SlowBoard:
    """A position as a dict from the squares of the board to ``X``, ``O`` or ``-``."""

    def __init__(self, own: int, opponent: int, size: int = 8) -> None:
        margin = (8 - size) // 2
        self.size, self.margin = size, margin
        self._legal: dict[str, list[Square]] = {}
        self.discs = {
            (r, c): "X" if own >> s & 1 else "O" if opponent >> s & 1 else "-"
            for r in range(size)
            for c in range(size)
            for s in [8 * (r + margin) + c + margin]
        }

    def word(self, squares: Iterable[Square]) -> int:
        m = self.margin
        return sum(1 << 8 * (r + m) + c + m for r, c in set(squares))

    def squares(self, symbol: str) -> list[Square]:
        return [square for square, disc in self.discs.items() if disc == symbol]

    def neighbours(self, square: Square) -> list[Square]:
        near = [(square[0] + r, square[1] + c) for r, c in DIRECTIONS]
        return [each for each in near if each in self.discs]

    def line(self, square: Square, step: Square) -> list[Square]:
        """Return the squares behind one, in a direction."""
        found = []
        while (square := (square[0] + step[0], square[1] + step[1])) in self.discs:
            found.append(square)
        return found

    def flips(self, square: Square, side: str = "X") -> list[Square]:
        return [s for run in self.flipped_lines(square, side) for s in run]

    def flipped_lines(self, square: Square, side: str = "X") -> list[list[Square]]:
        if self.discs[square] != "-":
            return []
        found = []
        for step in DIRECTIONS:
            run = []
            for each in self.line(square, step):
                if self.discs[each] != OTHER[side]:
                    if self.discs[each] == side and run:
                        found.append(run)
                    break
                run.append(each)
        return found

    def legal(self, side: str = "X") -> list[Square]:
        if side not in self._legal:
            self._legal[side] = [s for s in self.discs if self.flips(s, side)]
        return self._legal[side]

    def frontier(self, side: str = "X") -> list[Square]:
        return [
            s
            for s in self.squares(side)
            if any(self.discs[n] == "-" for n in self.neighbours(s))
        ]

    def stable(self, side: str = "X") -> set[Square]:
        """Add discs one after the other until none can be added."""
        stable: set[Square] = set()
        while True:
            more = {
                square
                for square in set(self.squares(side)) - stable
                if all(self._holds(square, axis, stable) for axis in AXES)
            }
            if not more:
                return stable
            stable |= more

    def _holds(self, square: Square, axis: Square, stable: set[Square]) -> bool:
        behind = [self.line(square, (s * axis[0], s * axis[1])) for s in (1, -1)]
        if all(self.discs[each] != "-" for side in behind for each in side):
            return True
        return any(not side or side[0] in stable for side in behind)

    def regions(self) -> list[set[Square]]:
        left, found = set(self.squares("-")), []
        while left:
            region, border = set(), [left.pop()]
            while border:
                square = border.pop()
                region.add(square)
                near = set(self.neighbours(square)) & left
                left -= near
                border += near
            found.append(region)
        return found

    def wall(self, side: str = "X") -> set[Square]:
        found: set[Square] = set()
        for along in ((0, 1), (1, 0)):
            for front in (along[::-1], (-along[1], -along[0])):
                for square in self.discs:
                    four = [square, *self.line(square, along)[:3]]
                    ahead = [self.line(each, front)[:1] for each in four]
                    faced = all(a and self.discs[a[0]] == "-" for a in ahead)
                    own = all(self.discs[each] == side for each in four)
                    if len(four) == 4 and own and faced:
                        found |= set(four)
        return found

    def edges(self) -> list[list[Square]]:
        n, side = self.size - 1, range(self.size)
        ranks = [[(r, c) for c in side] for r in (0, n)]
        return ranks + [[(r, c) for r in side] for c in (0, n)]

    @cached_property
    def corners(self) -> list[Square]:
        n = self.size - 1
        return [(0, 0), (0, n), (n, 0), (n, n)]

    def after(self, move: Square) -> "SlowBoard":
        """Return the board after a move of X, who then is O."""
        played = SlowBoard(0, 0, self.size)
        mine = {move, *self.flips(move)}
        played.discs = {
            s: "O" if s in mine else {"X": "O", "O": "X", "-": "-"}[d]
            for s, d in self.discs.items()
        }
        return played


def _edge_discs(board: SlowBoard, missing: int, side: str) -> set[Square]:
    """Return the discs of edges that lack so many of the squares next to a corner."""
    found: set[Square] = set()
    for edge in board.edges():
        inner = edge[1:-1]
        drawn = "".join(board.discs[s] for s in edge)
        for pattern in {
            0: ["-" + side * len(inner) + "-"],
            1: [
                "--" + side * (len(inner) - 1) + "-",
                "-" + side * (len(inner) - 1) + "--",
            ],
        }[missing]:
            if drawn == pattern:
                found |= {s for s in edge if board.discs[s] == side}
    return found


def _quiet(board: SlowBoard, move: Square) -> bool:
    return not any(
        board.discs[near] == "-" and near != move
        for disc in board.flips(move)
        for near in board.neighbours(disc)
    )


def _gives_corner(board: SlowBoard, move: Square) -> bool:
    gained = set(board.after(move).legal()) - set(board.legal("O"))
    return bool(gained & set(board.corners))


def _forces_pass(board: SlowBoard, move: Square) -> bool:
    after = board.after(move)
    return not after.legal() and bool(after.legal("O"))


def _wedges(board: SlowBoard) -> list[Square]:
    return [
        edge[place]
        for edge in board.edges()
        for place in range(1, board.size - 1)
        if board.discs[edge[place - 1]] == board.discs[edge[place + 1]] == "O"
        and edge[place] in board.legal()
    ]


def _moves(
    board: SlowBoard, chosen: Callable[[SlowBoard, Square], bool]
) -> list[Square]:
    return [move for move in board.legal() if chosen(board, move)]


def _private(board: SlowBoard, side: str) -> list[Square]:
    mine, theirs = set(board.legal(side)), set(board.legal(OTHER[side]))
    chosen = [r for r in board.regions() if r & mine and not r & theirs]
    return [square for region in chosen for square in region]


def _captured(board: SlowBoard, side: str) -> list[Square]:
    return [s for move in board.legal(side) for s in board.flips(move, side)]


def _anchors(board: SlowBoard, side: str) -> set[Square]:
    edge = {square for each in board.edges() for square in each}
    safe = set(board.squares(side)) - set(_captured(board, OTHER[side]))
    return edge & (safe | board.stable(side))


#: Sets of squares, by label.
SETS: dict[str, Callable[[SlowBoard], Iterable[Square]]] = {
    "moves": lambda b: b.legal(),
    "opponent moves": lambda b: b.legal("O"),
    "own frontier": lambda b: b.frontier(),
    "opponent frontier": lambda b: b.frontier("O"),
    "own interior": lambda b: set(b.squares("X")) - set(b.frontier()),
    "potential moves": lambda b: [
        s for s in b.squares("-") if any(b.discs[n] == "O" for n in b.neighbours(s))
    ],
    "capturable discs": lambda b: _captured(b, "X"),
    "discs in danger": lambda b: _captured(b, "O"),
    "own stable discs": lambda b: b.stable(),
    "opponent stable discs": lambda b: b.stable("O"),
    "own anchors": lambda b: _anchors(b, "X"),
    "opponent anchors": lambda b: _anchors(b, "O"),
    "own wall": lambda b: b.wall(),
    "opponent wall": lambda b: b.wall("O"),
    "own balanced edge": lambda b: _edge_discs(b, 0, "X"),
    "opponent balanced edge": lambda b: _edge_discs(b, 0, "O"),
    "own unbalanced edge": lambda b: _edge_discs(b, 1, "X"),
    "opponent unbalanced edge": lambda b: _edge_discs(b, 1, "O"),
    "odd regions": lambda b: [s for r in b.regions() if len(r) % 2 for s in r],
    "private regions": lambda b: _private(b, "X"),
    "opponent private regions": lambda b: _private(b, "O"),
    "wedges": _wedges,
    "long flips": lambda b: _moves(
        b, lambda b, m: max(map(len, b.flipped_lines(m))) >= 4
    ),
    "quiet moves": lambda b: _moves(b, _quiet),
    "corner-giving moves": lambda b: _moves(b, _gives_corner),
    "pass-forcing moves": lambda b: _moves(b, _forces_pass),
    "wipe-out moves": lambda b: _moves(b, lambda b, m: not b.after(m).squares("X")),
    "greediest moves": lambda b: _moves(
        b, lambda b, m: len(b.flips(m)) == max(len(b.flips(o)) for o in b.legal())
    ),
}

#: Numbers, by label.
NUMBERS: dict[str, Callable[[SlowBoard], int]] = {
    "mobility": lambda b: len(b.legal()),
    "opponent mobility": lambda b: len(b.legal("O")),
    "region count": lambda b: len(b.regions()),
    "odd region count": lambda b: sum(len(r) % 2 for r in b.regions()),
    "stable lead": lambda b: len(b.stable()) - len(b.stable("O")),
    "frontier lead": lambda b: len(b.frontier()) - len(b.frontier("O")),
    "largest flip": lambda b: max((len(b.flips(m)) for m in b.legal()), default=0),
}
