"""alpha-zero-general's self-play, stated again as it is: one position at a time.

Boards are small arrays on which lines are walked square by square, what is known of a
position stands in dictionaries by its bytes, and the network sees one board a time.
The tree is kept from move to move. These are our own words for what its Coach, MCTS
and OthelloGame do, with the same steps, so that nothing is faster or slower by design.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from conceptlrp.networks import OthelloNet

_DIRECTIONS = [(1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1)]
_EPSILON = 1e-8


class PlainBoard:
    """A board whose squares are looked up one by one."""

    def __init__(self, pieces: np.ndarray) -> None:
        self.pieces = np.copy(pieces)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.pieces[row]

    @staticmethod
    def steps(origin: tuple, direction: tuple) -> Iterator[tuple]:
        """Yield the squares from a square to the edge."""
        square = tuple(map(sum, zip(origin, direction, strict=True)))
        while all(0 <= place < 8 for place in square):
            yield square
            square = tuple(map(sum, zip(square, direction, strict=True)))

    def end_of_line(self, origin: tuple, direction: tuple) -> tuple | None:
        """Return the empty square behind a line of the other colour."""
        color, met = self[origin[0]][origin[1]], False
        for row, file in self.steps(origin, direction):
            if self[row][file] == 0:
                return (row, file) if met else None
            if self[row][file] == color:
                return None
            met = True
        return None

    def moves_from(self, origin: tuple) -> list[tuple]:
        ends = (self.end_of_line(origin, direction) for direction in _DIRECTIONS)
        return [end for end in ends if end is not None]

    def legal_moves(self, color: int) -> list[tuple]:
        """List the legal moves: from every disc of a colour along every line."""
        moves: set[tuple] = set()
        for file in range(8):
            for row in range(8):
                if self[row][file] == color:
                    moves.update(self.moves_from((row, file)))
        return list(moves)

    def has_legal_move(self, color: int) -> bool:
        for file in range(8):
            for row in range(8):
                if self[row][file] == color and self.moves_from((row, file)):
                    return True
        return False

    def difference(self, color: int) -> int:
        """Count the discs of a colour, less those of the other."""
        total = 0
        for file in range(8):
            for row in range(8):
                if self[row][file] == color:
                    total += 1
                elif self[row][file] == -color:
                    total -= 1
        return total

    def play(self, move: tuple, color: int) -> None:
        for direction in _DIRECTIONS:
            for row, file in self.flipped(move, direction, color):
                self[row][file] = color
        self[move[0]][move[1]] = color

    def flipped(self, move: tuple, direction: tuple, color: int) -> list[tuple]:
        line = []
        for row, file in self.steps(move, direction):
            if self[row][file] == 0:
                return []
            if self[row][file] == color:
                return line
            line.append((row, file))
        return []


def valid_actions(board: np.ndarray) -> np.ndarray:
    """1 for each legal action of the player to move, whose discs are +1."""
    valid = np.zeros(65, dtype=int)
    moves = PlainBoard(board).legal_moves(1)
    for row, file in moves:
        valid[8 * row + file] = 1
    valid[64] = not moves
    return valid


def after(board: np.ndarray, action: int) -> np.ndarray:
    """Return the board after an action as the next player sees it."""
    if action == 64:
        return -board
    played = PlainBoard(board)
    played.play(divmod(action, 8), 1)
    return -played.pieces


def result(board: np.ndarray) -> int:
    """0 while the game goes on, 1 if the player to move is ahead, else -1."""
    asked = PlainBoard(board)
    if asked.has_legal_move(1) or asked.has_legal_move(-1):
        return 0
    return 1 if asked.difference(1) > 0 else -1


@dataclass
class PlainSearch:
    """The dictionaries of one search, kept over a game."""

    network: OthelloNet
    simulations: int
    c_puct: float = 1.0
    mean: dict = field(default_factory=dict)
    edge_visits: dict = field(default_factory=dict)
    node_visits: dict = field(default_factory=dict)
    priors: dict = field(default_factory=dict)
    ended: dict = field(default_factory=dict)
    valid: dict = field(default_factory=dict)
    forwarded: int = 0

    def counts(self, board: np.ndarray) -> list[int]:
        for _ in range(self.simulations):
            self.look(board)
        state = board.tobytes()
        return [self.edge_visits.get((state, action), 0) for action in range(65)]

    def look(self, board: np.ndarray) -> float:
        state = board.tobytes()
        if state not in self.ended:
            self.ended[state] = result(board)
        if self.ended[state]:
            return -self.ended[state]
        if state not in self.priors:
            return -self.expand(board, state)
        action = self.best(state)
        value = self.look(after(board, action))
        edge = state, action
        visits = self.edge_visits.get(edge, 0)
        self.mean[edge] = (visits * self.mean.get(edge, 0) + value) / (visits + 1)
        self.edge_visits[edge] = visits + 1
        self.node_visits[state] += 1
        return -value

    def expand(self, board: np.ndarray, state: bytes) -> float:
        self.forwarded += 1
        planes = torch.from_numpy(board.astype(np.float32))[None, None]
        self.network.eval()
        with torch.no_grad():
            logits, value = self.network(planes)
        policy = torch.softmax(logits, dim=1)[0].numpy()
        valid = valid_actions(board)
        policy = policy * valid
        total = policy.sum()
        self.priors[state] = policy / total if total > 0 else valid / valid.sum()
        self.valid[state], self.node_visits[state] = valid, 0
        return float(torch.tanh(value))

    def best(self, state: bytes) -> int:
        valid, best, found = self.valid[state], -math.inf, -1
        for action in range(65):
            if not valid[action]:
                continue
            edge, prior = (state, action), self.priors[state][action]
            if edge in self.mean:
                root = math.sqrt(self.node_visits[state])
                bonus = self.c_puct * prior * root / (1 + self.edge_visits[edge])
                score = self.mean[edge] + bonus
            else:
                root = math.sqrt(self.node_visits[state] + _EPSILON)
                score = self.c_puct * prior * root
            if score > best:
                best, found = score, action
        return found


def play_game(
    network: OthelloNet,
    simulations: int,
    rng: np.random.Generator,
    opening_plies: int = 6,
    temperature_moves: int = 20,
) -> tuple[int, int]:
    """Play one game; the moves that were searched, and the forward passes."""
    search = PlainSearch(network, simulations)
    board = np.zeros((8, 8), dtype=int)
    board[3][4] = board[4][3] = 1
    board[3][3] = board[4][4] = -1
    ply = searched = 0
    while result(board) == 0:
        valid = valid_actions(board)
        if ply < opening_plies:
            action = int(rng.choice(np.flatnonzero(valid)))
        else:
            visits = np.array(search.counts(board), float)
            searched += 1
            if ply >= temperature_moves:
                visits = (visits == visits.max()).astype(float)
            action = int(rng.choice(65, p=visits / visits.sum()))
        board = after(board, action)
        ply += 1
    return searched, search.forwarded
