"""Game files: their formats, told apart by what is in a file, and reading one.

The end of a name matters only where the content fits several formats, or none. What
cannot be read is left out and told by its number; a file fails only where nothing in
it could be read.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from conceptlrp.errors import GameFileError
from conceptlrp.jsontext import loads
from conceptlrp.othello.files import (
    examples,
    game_tables,
    ggf,
    pgn,
    selfplay_file,
    sequences,
    sgf,
    suites,
    transcripts,
    wthor,
)
from conceptlrp.othello.files.records import agreed_size
from conceptlrp.othello.games import GameFile, Games, read_bytes


class Format(NamedTuple):
    """A format: its name, endings, and what tells and reads its files."""

    name: str
    suffixes: tuple[str, ...]
    looks_like: Callable[[bytes], bool]
    read: Callable[..., GameFile]


#: Strict formats stand before those that take almost any text.
FORMATS: Final = (
    Format("WTHOR", wthor.SUFFIXES, wthor.looks_like, wthor.read),
    Format("self-play", (".jsonl",), selfplay_file.looks_like, selfplay_file.read),
    Format("GGF", (".ggf",), ggf.looks_like, ggf.read),
    Format("SGF", (".sgf",), sgf.looks_like, sgf.read),
    Format("PGN", (".pgn",), pgn.looks_like, pgn.read),
    Format("numbers", (".npy", ".json"), sequences.looks_like, sequences.read),
    Format(
        "a game book", (".gam",), transcripts.looks_like_book, transcripts.read_book
    ),
    Format("suites", (".obf", ".fen"), suites.looks_like, suites.read),
    Format("training examples", (".examples",), examples.looks_like, examples.read),
    Format("transcripts", (".txt",), transcripts.looks_like, transcripts.read),
    Format("a table", (".csv", ".tsv"), game_tables.looks_like, game_tables.read),
)
_TEXTS: Final = re.compile(rb'\s*\[\s*"')
_OTHERS: Final = {
    b"\x89HDF": "is HDF5, no game file; Corpus.load reads corpora",
    b"\x1f\x8b": "is compressed; unpack it and read what is in it",
    b"PK\x03\x04": "is an archive; unpack it and read what is in it",
    b"version https://git-lfs": "is a pointer of Git LFS; run 'git lfs pull'",
}


def read_games(path: str | Path, *, size: int | None = None) -> GameFile:
    """Read a game file of any known format."""
    path = Path(path)
    if path.is_dir():
        msg = f"{path}: is a folder; name the files in it, such as {path}/*.wtb"
        raise GameFileError(msg)
    data = _lines(read_bytes(path))
    read = _read(_format_of(path, data), path, data, size)
    if not len(read.games):
        first = (*read.problems, f"{path.name}: has no games; ")[0].rpartition("; ")[0]
        msg = f"{first}; nothing in the file could be read, expected {_known()}"
        raise GameFileError(msg)
    return read


def _lines(data: bytes) -> bytes:
    """Return texts that stand in a list of JSON as lines, other files as they are."""
    try:
        listed = loads(data) if _TEXTS.match(data[:1000]) else None
    except ValueError:
        return data
    if not listed or not all(isinstance(text, str) for text in listed):
        return data
    return "\n".join(listed).encode(errors="replace")


def _read(known: Format, path: Path, data: bytes, size: int | None) -> GameFile:
    """Read a file; where no game is legal, look whether they are on the other size."""
    read = known.read(path, data, size=size)
    if len(read.games):
        return read
    try:
        small = known.read(path, data, size=8 if size == 6 else 6)
    except GameFileError:
        return read
    if not len(small.games):
        return read
    agreed_size(path.name, small.games.size, size)
    note = f"{path.name}: no game is legal on 8 x 8, so that it was read as 6 x 6"
    return GameFile(small.games, small.problems, (note, *small.notes))


def read_all(paths: Sequence[Path], *, size: int | None = None) -> GameFile:
    """Read files of one size of board and join their games."""
    files = [read_games(path, size=size) for path in paths]
    sizes = [file.games.size for file in files]
    if len(set(sizes)) > 1:
        found = [f"{p.name} {n} x {n}" for p, n in zip(paths, sizes, strict=True)]
        msg = (
            f"files are of several sizes: {', '.join(found)}; read those of one size "
            "at a time, and pass the size where a file does not say it"
        )
        raise GameFileError(msg)
    return GameFile(
        Games.concatenate([file.games for file in files]),
        tuple(line for file in files for line in file.problems),
        tuple(line for file in files for line in file.notes),
    )


def _format_of(path: Path, data: bytes) -> Format:
    for begin, reason in _OTHERS.items():
        if data.startswith(begin):
            msg = f"{path.name}: {reason}"
            raise GameFileError(msg)
    named = [known for known in FORMATS if path.suffix.lower() in known.suffixes]
    likely = [known for known in FORMATS if known.looks_like(data)]
    both = [known for known in likely if known in named]
    found = both or likely or named
    if not found:
        msg = f"{path.name}: is in no known format, expected {_known()}"
        raise GameFileError(msg)
    return found[0]


def _known() -> str:
    names = [f"{known.name} ({known.suffixes[0]})" for known in FORMATS]
    return f"{', '.join(names[:-1])} or {names[-1]}"
