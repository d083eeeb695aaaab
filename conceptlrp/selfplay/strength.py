"""The strength card: how well a network plays, by matches and without.

A card is a list of rows, each of which is kept at once. Every number is from 0 to 1 but
disc losses.

Endgames are compared with perfect play. A score is the difference of discs at the end
for the player to move, the empty squares being given to the winner. One position is
solved at a time with Python integers, alpha-beta with null windows over bitboards:
which discs a move turns over depends on the lines through its square only, and these
take few forms in an endgame, so they are looked up.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial, reduce
from operator import xor
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp import jsontext
from conceptlrp.errors import FileFormatError
from conceptlrp.files import check_replaced, write_whole
from conceptlrp.networks import BoardNetwork, network_digest, predict
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello import Corpus, Position, play
from conceptlrp.othello.board import count, flip_words, region_of, squares
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.arena import check_even, match, play_games, random_openings
from conceptlrp.selfplay.players import (
    BoardPlayer,
    GreedyPlayer,
    HistoryPlayer,
    MobilityPlayer,
    NetworkPlayer,
    Player,
    RandomPlayer,
    SearchPlayer,
)
from conceptlrp.selfplay.puct import SearchOptions
from conceptlrp.selfplay.training_set import validate

_INFINITY: Final = 65
# Below so many empty squares, looking a position up costs more than it saves.
_REMEMBERED: Final = 4
# And so many are needed for ordering moves by the replies they leave.
_ORDERED: Final = 5
# Entries of a table before it is emptied, a few hundred megabytes at most.
_MOST_LINES: Final = 1 << 20

# A move: the square, the boards after it as the other side sees them, empty squares.
_Move: TypeAlias = tuple[int, int, int, tuple[int, ...]]


class EndgameSolver:
    """Solves endgames: each empty square more takes about twice as long.

    Of 8 x 8 and of 6 x 6 positions with 14 empty squares a core solves about four a
    second, with 16 one. Scores and bounds are kept for what is asked next.
    """

    def __init__(self, size: int = 8) -> None:
        self.region = region_of(size)
        self._all = self.region.bit_count()
        corner = 9 * (8 - size) // 2
        self._corners = {corner, corner + size - 1, 63 - corner, 64 - corner - size}
        self._stars = [_star(square) for square in range(64)]
        self._flips: list[dict[tuple[int, int], int]] = [{} for _ in range(64)]
        self._known: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._scores: dict[tuple[int, int], int] = {}
        #: Positions that were searched so far, those looked up included.
        self.nodes = 0

    def score(self, own: int, opponent: int) -> int:
        """Score a position for the player to move."""
        found = self._scores.get((own, opponent))
        if found is None:
            if max(len(self._known), *map(len, self._flips)) > _MOST_LINES:
                self._known, self._flips = {}, [{} for _ in range(64)]
            empties = tuple(squares(self.region & ~(own | opponent)))
            found = self._search(own, opponent, -_INFINITY, _INFINITY, empties)
            self._scores[own, opponent] = found
        return found

    def _search(
        self, own: int, opponent: int, low: int, high: int, empties: tuple[int, ...]
    ) -> int:
        """Score a position within a window; outside it, a bound (fail-soft)."""
        self.nodes += 1
        remembered, first = len(empties) >= _REMEMBERED, -1
        if remembered and (known := self._known.get((own, opponent))):
            least, most, first = known
            if least >= high or least == most:
                return least
            if most <= low:
                return most
            low, high = max(low, least), min(high, most)
        moves = self._moves(own, opponent, empties)
        if not moves:
            if not self._moves(opponent, own, empties):
                return self._difference(own, opponent)
            return -self._search(opponent, own, -high, -low, empties)
        if len(moves) > 1:
            self._order(moves, empties, first)
        best, first = self._best(moves, low, high)
        if remembered:
            # At the edge of the window or beyond, the score is only a bound.
            least = best if best > low else -_INFINITY
            most = best if best < high else _INFINITY
            self._known[own, opponent] = least, most, first
        return best

    def _best(self, moves: list[_Move], low: int, high: int) -> tuple[int, int]:
        """Return the best score and its move; later moves need only be refuted."""
        best, chosen, top = -_INFINITY, -1, high
        for square, theirs, mine, left in moves:
            score = -self._search(theirs, mine, -top, -low, left)
            if low < score < high and top < high:
                score = -self._search(theirs, mine, -high, -score, left)
            if score > best:
                best, chosen, low = score, square, max(low, score)
                if best >= high:
                    break
            top = low + 1
        return best, chosen

    def _moves(self, own: int, opponent: int, empties: tuple[int, ...]) -> list[_Move]:
        moves = []
        for place, square in enumerate(empties):
            turned = self._turned(own, opponent, square)
            if turned:
                left = empties[:place] + empties[place + 1 :]
                mine = own | turned | 1 << square
                moves.append((square, opponent & ~turned, mine, left))
        return moves

    def _order(self, moves: list[_Move], empties: tuple[int, ...], first: int) -> None:
        """Put the likely best moves first, by parity and by the replies they leave.

        Where a quadrant has an odd number of empty squares, one may have its last move.
        """
        odd = reduce(xor, [_QUADRANT[square] for square in empties])

        def place(move: _Move) -> int:
            square, theirs, mine, left = move
            if square == first:
                return -1
            found = int(not odd & _QUADRANT[square])
            for each in left if len(empties) >= _ORDERED else ():
                if self._turned(theirs, mine, each):
                    found += 4 if each in self._corners else 2
            return found

        moves.sort(key=place)

    def _turned(self, own: int, opponent: int, square: int) -> int:
        star = self._stars[square]
        key = own & star, opponent & star
        found = self._flips[square].get(key)
        if found is None:
            found = int(flip_words(*key, 1 << square))
            self._flips[square][key] = found
        return found

    def _difference(self, own: int, opponent: int) -> int:
        mine, theirs = own.bit_count(), opponent.bit_count()
        if mine == theirs:
            return 0
        empty = self._all - mine - theirs
        return mine - theirs + (empty if mine > theirs else -empty)


# A bit for each quarter of the board.
_QUADRANT: Final = [1 << (square // 32 * 2 + square % 8 // 4) for square in range(64)]


def _star(square: int) -> int:
    """Return the squares on the eight lines from a square."""
    rank, file = divmod(square, 8)
    return sum(
        1 << 8 * r + f
        for r in range(8)
        for f in range(8)
        if (r, f) != (rank, file)
        and (r == rank or f == file or abs(r - rank) == abs(f - file))
    )


@dataclass(frozen=True)
class EndgameResult:
    """Share of moves that lose nothing against perfect play, and mean discs lost.

    ``value_sign`` is the share of won or lost positions whose value has the sign of
    the exact score, None for a player without a value.
    """

    positions: int
    best_moves: float
    disc_loss: float
    value_sign: float | None = None


def endgame_positions(
    corpus: Corpus, n: int, *, most_empties: int = 14, seed: int = 0
) -> Corpus:
    """Draw at most n positions with few empty squares and a choice of moves."""
    empties = corpus.size**2 - count(corpus.own | corpus.opponent).astype(int)
    fit = (empties <= most_empties) & (count(corpus.legal) > 1)
    return corpus[fit].sample(n, seed=seed)


def play_endgames(
    player: BoardPlayer,
    corpus: Corpus,
    *,
    solver: EndgameSolver | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> EndgameResult:
    """Compare the moves of a player with perfect play; see `endgame_positions`.

    A solver that several players share solves what they have in common once.
    """
    if not len(corpus):
        msg = "no position has few enough empty squares and a choice of moves"
        raise ValueError(msg)
    chosen = player(corpus.own, corpus.opponent, np.random.default_rng(seed))
    after = play(corpus.own, corpus.opponent, chosen, size=corpus.size)
    solver = solver or EndgameSolver(corpus.size)
    best, got = np.zeros((2, len(corpus)), np.int64)
    for row in range(len(corpus)):
        best[row] = solver.score(int(corpus.own[row]), int(corpus.opponent[row]))
        got[row] = -solver.score(int(after[0][row]), int(after[1][row]))
        if on_progress is not None:
            on_progress("endgames", row + 1, len(corpus))
    return EndgameResult(
        positions=len(corpus),
        best_moves=float((got == best).mean()),
        disc_loss=round(float((best - got).mean()), 4),
        value_sign=_value_sign(player, corpus, best),
    )


def _value_sign(
    player: BoardPlayer, corpus: Corpus, best: NDArray[np.int64]
) -> float | None:
    if not isinstance(player, NetworkPlayer):
        return None
    value = predict(checked_network(player.network), corpus.own, corpus.opponent).value
    told = np.isfinite(value) & (best != 0)
    same = np.sign(value[told]) == np.sign(best[told])
    return float(same.mean()) if told.any() else None


Measure = Callable[[], object]

_PHASES = {"opening": (41, 60), "midgame": (21, 40), "endgame": (1, 20)}


@dataclass(frozen=True, kw_only=True)
class StrengthOptions:
    """What a strength card is about.

    Attributes
    ----------
    simulations : tuple of int
        Searches that are measured beside the network alone.
    games, engine_games : int
        Games of a match, and of one against an engine, even numbers.
    opening_plies : int
        Random moves at the start of a pair of games.
    endgames, most_empties : int
        Positions that are solved, and their empty squares at most: 14 take seconds
        in all, 16 minutes.
    seed : int
        Seed of everything random.
    """

    simulations: tuple[int, ...] = (25, 100, 400)
    games: int = 200
    engine_games: int = 20
    opening_plies: int = 8
    endgames: int = 500
    most_empties: int = 14
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("games", "engine_games"):
            check_even(name, getattr(self, name))


def strength_card(
    network: AnyNetwork,
    path: str | Path,
    *,
    games: Corpus | None = None,
    engines: Sequence[HistoryPlayer] = (),
    options: StrengthOptions | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Measure a network into a file.

    Parameters
    ----------
    network : Module or path
        Plays without search and, if it has a value, with.
    path : str or Path
        The card, usually ``.json``; it is written anew after every row, or once at the
        end where it replaces another.
    games : Corpus, optional
        Games of people that the network has not learned from. Without them, endgames
        are from games that the lowest mobility plays against itself.
    engines : sequence of GtpPlayer
        Met by the network alone and with each search.
    options : StrengthOptions, optional
        Searches, games and so on.
    overwrite : bool
        Replace a file that is there.
    on_progress : callable, optional
        Called with "rows", the rows measured so far and the rows in all.

    Returns
    -------
    dict
        What is in the file: ``about`` and ``rows``, by name.
    """
    network = checked_network(network)
    chosen = options or StrengthOptions()
    about = {
        "network": network_digest(network),
        "architecture": network.architecture,
        "games": None if games is None else games.digest,
        "options": asdict(chosen),
    }
    overwritten = Path(path).exists()
    known: dict[str, Any] = {"error": FileFormatError, "token": _KIND.encode()}
    check_replaced(Path(path), overwrite=overwrite, **known)
    card: dict[str, Any] = jsontext.plain(
        {"encoding-type": _KIND, "about": about, "rows": {}}
    )
    rows = dict(_rows(network, games, engines, chosen))
    for number, (name, measure) in enumerate(rows.items(), start=1):
        row = jsontext.dumps(measure())
        card["rows"][name] = json.loads(row, parse_float=lambda x: round(float(x), 4))
        # An older card stays until all rows of the new one are there.
        if not overwritten or number == len(rows):
            content = (json.dumps(card, indent=1) + "\n").encode()
            write_whole(path, content, overwrite=True, **known)
        if on_progress is not None:
            on_progress("rows", number, len(rows))
    return card


def read_card(path: str | Path) -> dict[str, Any]:
    """Read a strength card: what it is about, and its rows by name.

    Parameters
    ----------
    path : str or Path
        A file that `strength_card` wrote.

    Returns
    -------
    dict
        ``about`` and ``rows``.
    """
    path = Path(path)
    try:
        card = jsontext.read(path, largest=_LARGEST)
    except (OSError, ValueError) as error:
        msg = f"{path}: cannot be read as a strength card: {error}"
        raise FileFormatError(msg) from error
    about, rows = card.get("about"), card.get("rows")
    if not isinstance(about, dict) or not isinstance(rows, dict):
        msg = f"{path}: is no strength card, expected 'about' and 'rows'"
        raise FileFormatError(msg)
    for name, row in rows.items():
        if not (name.isprintable() and _is_row(row)):
            msg = f"{path}: row {name[:80]!r} has no figures of a strength card"
            raise FileFormatError(msg)
    return card


_KIND: Final = "conceptlrp-strength-card"
_LARGEST: Final = 1 << 20
# What a row has beside the figure that tells its kind.
_FIGURES: Final = {
    "interval": ("score", "wins", "draws", "losses"),
    "disc_loss": ("disc_loss", "best_moves", "positions"),
    "top1": ("top1", "top3", "positions"),
}


def _is_row(row: Any) -> bool:
    kind = next((k for k in _FIGURES if isinstance(row, dict) and k in row), None)
    if kind is None:
        return False
    pair = row.get("interval", [0, 0])
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    figures = [*pair, *(row.get(name) for name in _FIGURES[kind])]
    return all(isinstance(n, int | float) and abs(n) < 1e12 for n in figures)


def _rows(
    network: BoardNetwork,
    games: Corpus | None,
    engines: Sequence[HistoryPlayer],
    options: StrengthOptions,
) -> Iterator[tuple[str, Measure]]:
    """Yield the name of each row and how it is measured, the quick ones first."""
    alone = NetworkPlayer(network)
    players: list[NetworkPlayer | SearchPlayer] = [alone]
    start = Position.start(network.size)
    if np.isfinite(predict(network, start.own, start.opponent).value).all():
        searches = [SearchOptions(simulations=n) for n in options.simulations]
        players += [SearchPlayer(network, search) for search in searches]
    if games is not None:
        yield "moves of people", lambda: _moves_of_people(network, games)
    size, seed = network.size, options.seed
    source = _games_without_network(size, options) if games is None else games
    solved = endgame_positions(
        source, options.endgames, most_empties=options.most_empties, seed=seed
    )
    measure = partial(play_endgames, corpus=solved, solver=EndgameSolver(size))
    for player in players:
        yield f"endgames, {player.name}", partial(measure, player)
    for player in players:
        simple = RandomPlayer(size), GreedyPlayer(size), MobilityPlayer(size)
        others = (*simple, *([alone] if player is not alone else ()), *engines)
        for other in others:
            name = f"{player.name} v {other.name}"
            yield name, partial(_match, player, other, options)


def _games_without_network(size: int, options: StrengthOptions) -> Corpus:
    """Let the lowest mobility play against itself, as games of nobody's network."""
    player, seed = MobilityPlayer(size), options.seed
    openings = random_openings(
        options.endgames, options.opening_plies, seed=seed, size=size
    )
    return Corpus.from_games(play_games(player, player, openings=openings, seed=seed))


def _moves_of_people(network: BoardNetwork, games: Corpus) -> dict[str, Any]:
    """Evaluate a network on games, and the sign of its value phase by phase."""
    found: dict[str, Any] = asdict(validate(network, games))
    empties = games.size**2 - count(games.own | games.opponent).astype(int)
    for phase, (least, most) in _PHASES.items():
        rows = np.flatnonzero((empties >= least) & (empties <= most))
        if len(rows):
            found[f"value_sign_{phase}"] = validate(network, games[rows]).value_sign
    return found


def _match(player: Player, other: Player, options: StrengthOptions) -> dict[str, Any]:
    """Play a match, and tell losses by wipe-out apart."""
    engine = isinstance(other, HistoryPlayer)
    result = match(
        player,
        other,
        count=options.engine_games if engine else options.games,
        opening_plies=options.opening_plies,
        seed=options.seed,
    )
    return result.to_dict() | {"wipe_out_rate": result.wiped_out / result.games}
