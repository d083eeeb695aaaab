"""A synthetic file of every format that is read, and files that do harm.

What reading each must give is known: games or positions, and how many of its games are
left out, since one of them is not legal.
"""

import json
import struct
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np

from conceptlrp.othello import Corpus, Games, Position, square_name
from conceptlrp.othello.files.selfplay_file import FORMAT, VERSION
from conceptlrp.othello.files.transcripts import transcripts_text
from tests.othello.game_writers import LARGE, START, WRITERS, ggf_game
from tests.othello.pickles import hostile as hostile_pickles, pickled
from tests.othello.playouts import random_games
from tests.othello.wthor_writer import wthor_header

GAMES = 6


@dataclass(frozen=True)
class Sample:
    """A file of a format: what is in it, and how much of it can be read."""

    name: str
    data: bytes
    games: int = GAMES
    left_out: int = 0


def samples() -> dict[str, Sample]:
    """Return a file of each format, by the name of the format."""
    games = random_games(GAMES, seed=3)
    corpus = Corpus.from_games(games)
    boards = corpus[np.linspace(20, len(corpus) - 30, GAMES).astype(int)]
    # Games of a few moves are read much faster than whole ones.
    begun = Games.from_moves(games.moves[:, :5], black="anna", white="bert")
    begun = replace(begun, score=np.full(GAMES, 33, np.int8))
    return _game_files(begun) | _position_files(boards)


def _game_files(games: Games) -> dict[str, Sample]:
    written = {name: write(games) for name, write in (WRITERS | LARGE).items()}
    other = ggf_game(games, 0, kind="8a") + ggf_game(games, 0, start="10 - *")
    spoilt = {
        "ggf": (".ggf", other, 2),
        "sgf": (".sgf", "(;GM[2]SZ[8];B[a1])", 1),
        "pgn": (".pgn", '[Event "Open"]\n\n1. a1\n', 1),
        "csv": (".csv", "\n9,0,anna,1999,f5d6a1", 1),
        "scored transcripts": (".txt", "f5d6a1", 1),
        "lines of numbers": (".txt", "\n37 43 0 99", 1),
        "lists in JSON": (".json", "", 0),
        "npy": (".npy", "", 0),
        "self-play": (".jsonl", '{"moves": "a1"}\n', 1),
        "book": (".gam", "+a1: +04 01\n", 1),
        "wthor": (".wtb", "", 0),
    }
    return {
        name: Sample(f"games{end}", written[name] + more.encode(), left_out=lost)
        for name, (end, more, lost) in spoilt.items()
    } | {"transcripts": Sample("games.txt", transcripts_text(games).encode())}


def _position_files(boards: Corpus) -> dict[str, Sample]:
    positions = [boards.position(i) for i in range(len(boards))]
    obf = [f"{p.obf()}; {square_name(p.legal_moves[0])}:+4; % one" for p in positions]
    scores = [f"{p.obf()[:64]} {2 * i - 4:+d}" for i, p in enumerate(positions)]
    diagrams = ["\n\n".join(map(str, positions)), "1 - - -"]
    content = {
        "OBF": ("suite.obf", _lines(["% problems", *obf, obf[0][1:]]), 1),
        "board and score": ("scores.txt", _lines([*scores, scores[0][:64]]), 1),
        "FEN": ("suite.fen", _lines(map(fen, positions)), 0),
        "diagrams": ("boards.txt", _lines(diagrams), 0),
    }
    found = {k: Sample(n, d, left_out=lost) for k, (n, d, lost) in content.items()}
    name = "checkpoint_1.pth.tar.examples"
    return found | {"training examples": Sample(name, pickled(boards), 8 * GAMES)}


def _lines(texts) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def fen(position: Position) -> str:
    """Write a position as Edax does: p is black, and the last rank comes first."""
    squares = position.obf()[:-2].translate(str.maketrans("XO-", "pP1"))
    ranks = [
        squares[i : i + position.size] for i in range(0, len(squares), position.size)
    ]
    text = "/".join(reversed(ranks))
    for n in range(position.size, 1, -1):
        text = text.replace("1" * n, str(n))
    return f"{text} {'bw'[position.mover]} - - 0 1"


def hostile() -> dict[str, Sample]:
    """Return files that asked older readers for hours or for more memory than there is.

    Any number of games may be read of them, so that ``games`` means nothing here.
    """
    game = "(;GM[Othello]PB[{}]TY[8]RE[{}]BO[" + START[8] + "]B[f5]W[d6];)"
    header = json.dumps({"format": FORMAT, "version": VERSION, "size": 8})
    long = "x" * (1 << 20)
    found = {
        "100 KB of an open game": ("a.ggf", "(;GM[Othello]" + "(;" * 50_000),
        "100 KB of brackets": ("a.ggf", "(;GM[Othello]" + "[" * 100_000),
        "100 KB of an open value": ("a.ggf", "(;GM[Othello]PB[" + "a" * 100_000),
        "a game tree 50,000 deep": ("a.sgf", "(;GM[2]" + "(;B[f5]" * 50_000),
        "a tree of backslashes": ("a.sgf", "(;GM[2]C[" + "\\" * 100_001),
        "a result of 50,000 digits": ("a.ggf", game.format("a", "9" * 50_000)),
        "a result of 10^400": ("a.ggf", game.format("a", "1e400")),
        "a name of 1 MB in 2,000 games": (
            "a.ggf",
            game.format(long, "+2") + game.format("b", "+2") * 2000,
        ),
        "a name of 1 MB in 5,000 lines": (
            "a.txt",
            f"{long}\tb\t1999\tf5d6\n" + "a\tb\t1999\tf5d6\n" * 5000,
        ),
        "a year of 50,000 digits": ("a.txt", "a\tb\t" + "9" * 50_000 + "\tf5d6\n"),
        "a transcript of 1 MB": ("a.txt", "f5d6\n" + "f5" * (1 << 19)),
        "a line of 1 MB without an end": ("a.txt", "f5d6c3 " + "1." * (1 << 19)),
        "a line of 100,000 tabs": ("a.txt", "f5d6\n" + "\t" * 100_000),
        "JSON 100,000 deep": ("a.jsonl", f"{header}\n" + "[" * 100_000 + "\n"),
        "a header 100,000 deep": (
            "a.jsonl",
            f'{{"format": "{FORMAT}", "size": ' + "[" * 100_000 + "\n",
        ),
        "a number of 50,000 digits in JSON": (
            "a.jsonl",
            f'{header}\n{{"moves": ' + "9" * 50_000 + "}\n",
        ),
        "a size of 10^400": (
            "a.jsonl",
            f'{{"format": "{FORMAT}", "version": {VERSION}, "size": 1e400}}\n',
        ),
        "a quote that never closes": ("a.csv", 'game,moves\n1,"' + "f5d6\n" * 20_000),
        "100,000 columns": ("a.csv", "moves" + "," * 100_000 + "\nf5d6\n"),
        "a comment that never closes": (
            "a.pgn",
            '[Event "a"]\n\n1. f5 {' + "{" * 100_000,
        ),
        "variations 50,000 deep": (
            "a.pgn",
            '[Event "a"]\n\n1. f5 ' + "(1. f5 " * 50_000,
        ),
        "a tag that never closes": ("a.pgn", '[Event "' + '["' * 50_000),
        "a FEN of 100,000 ranks": ("a.fen", "8/" * 100_000 + "8 b"),
        "an OBF line of 1 MB": ("a.obf", "-" * 64 + " X" + "; f5:+2" * 150_000),
        "a score of 50,000 digits": ("a.obf", "-" * 64 + " X; f5:" + "9" * 50_000),
        "20,000 ranks": ("a.txt", "- - - - - - - -\n" * 20_000),
        "numbers of 50,000 digits": ("a.txt", "37 43 " + "9" * 50_000),
        "lists 100,000 deep": ("a.json", "[37, 43, 18], " + "[" * 100_000),
        "a list of 100,000 moves": ("a.json", "[37, 43, 18" + ", 1" * 100_000 + "]"),
    }
    samples = {k: Sample(name, text.encode()) for k, (name, text) in found.items()}
    wthor = wthor_header(games=0xFFFFFFFF, year=1999) + bytes(68)
    samples["a WTHOR header of 4 billion games"] = Sample("a.wtb", wthor)
    for shape in ("(99999999999, 60)", "(-1, 60)", "(" * 20_000, "(9,)*9**9**9"):
        told = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}\n"
        npy = b"\x93NUMPY\2\0" + struct.pack("<I", len(told)) + told.encode()
        samples[f"an array of shape {shape[:20]}"] = Sample("a.npy", npy + bytes(960))
    objects = BytesIO()
    np.save(objects, np.array([[print]], object), allow_pickle=True)
    samples["an array of functions"] = Sample("a.npy", objects.getvalue())
    pickles = hostile_pickles().items()
    return samples | {f"pickle: {k}": Sample("a.examples", d) for k, d in pickles}


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one to three ways: bytes, cuts, copies, foreign matter."""
    for _ in range(rng.integers(1, 4)):
        data = _WAYS[rng.integers(len(_WAYS))](data, rng)
    return data


def _span(data: bytes, rng: np.random.Generator, longest: int) -> slice:
    first = int(rng.integers(len(data) + 1))
    return slice(first, first + int(rng.integers(1, longest)))


def _flipped(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in rng.integers(0, max(len(data), 1), rng.integers(1, 9)):
        if data:
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwritten(data: bytes, rng: np.random.Generator) -> bytes:
    span = _span(data, rng, 12)
    return data[: span.start] + rng.bytes(len(data[span])) + data[span.stop :]


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _without(data: bytes, rng: np.random.Generator) -> bytes:
    span = _span(data, rng, 200)
    return data[: span.start] + data[span.stop :]


def _doubled(data: bytes, rng: np.random.Generator) -> bytes:
    span = _span(data, rng, 200)
    times = int(rng.integers(2, 20))
    return data[: span.start] + data[span] * times + data[span.stop :]


def _with_foreign(data: bytes, rng: np.random.Generator) -> bytes:
    place, foreign = (
        int(rng.integers(len(data) + 1)),
        _FOREIGN[rng.integers(len(_FOREIGN))],
    )
    return data[:place] + foreign * int(rng.integers(1, 30)) + data[place:]


_WAYS = (_flipped, _overwritten, _cut, _without, _doubled, _with_foreign)
_FOREIGN = (
    *(bytes([byte]) for byte in b"()[]{}\"'\\/;:,.%#-+9\0\t\n\r\x94\xffRe"),
    *(b"(;", b";)", b"1e99", b"8/8/8 b", b"f5d6", b" pa ", b"\xff\xff\xff\x7f"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", "é●".encode()),
)
