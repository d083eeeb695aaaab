"""The same games in every format, written as other programs write them."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO

import numpy as np

from conceptlrp.othello import BLACK, Games, square_name, transcript_text
from conceptlrp.othello.replay import replay
from tests.othello.wthor_writer import wthor_header, wthor_record

START = {
    8: "8 -------- -------- -------- ---O*--- ---*O--- -------- -------- -------- *",
    6: "6 ------ ------ --O*-- --*O-- ------ ------ *",
}


def moves_made(games: Games, row: int) -> list[tuple[int, str]]:
    """Return who made each move and its name, with the passes."""
    return _made(games.moves[row].tobytes(), games.size)


@cache
def _made(moves: bytes, size: int) -> list[tuple[int, str]]:
    found = replay(np.frombuffer(moves, np.int8)[None], size=size)
    made, expected = [], BLACK
    for mover, move in zip(found.mover.tolist(), found.played.tolist(), strict=True):
        if mover != expected:
            made.append((expected, "pa"))
        made.append((mover, square_name(move, size)))
        expected = 1 - mover
    return made


def margins(games: Games) -> list[int]:
    return (2 * games.score.astype(int) - games.size**2).tolist()


def transcripts(games: Games) -> list[str]:
    return [transcript_text(moves, games.size) for moves in games.moves.tolist()]


def ggf_game(
    games: Games, row: int, *, start: str = "", result: str = "", kind: str = "8"
) -> str:
    """Write a game as a game server does, with passes, values and times."""
    text = "".join(
        f"{'BW'[mover]}[{name.upper()}/1.25/0.5]"
        for mover, name in moves_made(games, row)
    )
    result = result or f"{margins(games)[row]:+d}.000"
    return (
        f"(;GM[Othello]PC[GGS/os]DT[2003.05.17_18:59:13.MDT]PB[{games.black[row]}]"
        f"PW[{games.white[row]}]RE[{result}]TI[15:00]"
        f"TY[{kind}]BO[{start or START[games.size]}]{text};)"
    )


def ggf(games: Games) -> bytes:
    return "".join(f"1 {ggf_game(games, n)}\n" for n in range(len(games))).encode()


def sgf(games: Games) -> bytes:
    """Write main lines with a variation at each end, and squares of both kinds."""
    text = ""
    for row in range(len(games)):
        won = margins(games)[row]
        result = f"{'BW'[won < 0]}+{abs(won)}" if won else "0"
        head = f"(;FF[4]GM[2]SZ[{games.size}]PB[{games.black[row]}]RE[{result}]"
        for number, (mover, name) in enumerate(moves_made(games, row)):
            letters = name[0] + "abcdefgh"[int(name[1]) - 1] if name != "pa" else ""
            head += f";{'BW'[mover]}[{name if number % 2 else letters}]C[so (\\] so;]"
        text += f"{head}(;C[end])(;B[a1];W[a1]))\n"
    return text.encode()


def pgn(games: Games) -> bytes:
    text = ""
    for row, (score, black) in enumerate(zip(games.score, games.black, strict=True)):
        result = f"{score}-{games.size**2 - score}"
        text += f'[Event "Open"]\n[Black "{black}"]\n[Date "1999.05.01"]\n'
        text += f'[Result "{result}"]\n\n{{a comment}} '
        for number, (_, name) in enumerate(moves_made(games, row)):
            text += f"\n{number // 2 + 1}. " if number % 2 == 0 else ""
            text += f"{name} " if number != 3 else f"{name}!? (2. a1 (2. h8) a2) "
        text += f"{result}\n\n"
    return text.encode()


def csv(games: Games) -> bytes:
    lines = ["id,winner,Black Player,date,moves"]
    for row, moves in enumerate(transcripts(games)):
        winner = int(np.sign(margins(games)[row]))
        lines.append(f'{row},{winner},"{games.black[row]}",1999-05-01,{moves.upper()}')
    return "\r\n".join(lines).encode()


def scored(games: Games) -> bytes:
    """Write transcripts as engines do, with black's margin behind."""
    pairs = zip(transcripts(games), margins(games), strict=True)
    return "".join(f"{moves.upper()} {margin:+d}\n" for moves, margin in pairs).encode()


def book(games: Games) -> bytes:
    text = ""
    for row, margin in enumerate(margins(games)):
        made = [
            f"{'+-'[m]}{name}" for m, name in moves_made(games, row) if name != "pa"
        ]
        text += f"{''.join(made)}: {margin:+03d} 01\n"
    return text.encode()


def numbers(games: Games, way: int = 0) -> Iterator[list[int]]:
    """Yield squares by number: all of them, or the empty ones from 0 or from 1."""
    size, margin = games.size, (8 - games.size) // 2
    centre = {
        size * r + f
        for r in (size // 2 - 1, size // 2)
        for f in (size // 2 - 1, size // 2)
    }
    squares = [s for s in range(size * size) if not way or s not in centre]
    for moves in games.moves.tolist():
        plain = [size * (m // 8 - margin) + m % 8 - margin for m in moves if m >= 0]
        yield [squares.index(square) + (way == 2) for square in plain]


def lines_of_numbers(games: Games) -> bytes:
    return "\n".join(" ".join(map(str, row)) for row in numbers(games)).encode()


def json_numbers(games: Games) -> bytes:
    return json.dumps(list(numbers(games)), indent=1).encode()


def npy(games: Games) -> bytes:
    table = np.full(games.moves.shape, -100, np.int64)
    for row, listed in zip(table, numbers(games), strict=True):
        row[: len(listed)] = listed
    content = BytesIO()
    np.save(content, table)
    return content.getvalue()


def self_play(games: Games) -> bytes:
    head = {"format": "conceptlrp-selfplay", "version": 1, "size": games.size}
    lines = [head, *({"moves": moves} for moves in transcripts(games))]
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def wthor(games: Games) -> bytes:
    records = [
        wthor_record([m for m in moves if m >= 0]) for moves in games.moves.tolist()
    ]
    return wthor_header(games=len(games)) + b"".join(records)


#: By name; those of `LARGE` hold 8 x 8 games only, and have no malformed games.
WRITERS: dict[str, Callable[[Games], bytes]] = {
    "ggf": ggf,
    "sgf": sgf,
    "pgn": pgn,
    "csv": csv,
    "scored transcripts": scored,
    "lines of numbers": lines_of_numbers,
    "lists in JSON": json_numbers,
    "npy": npy,
    "self-play": self_play,
}
LARGE = {"book": book, "wthor": wthor}
