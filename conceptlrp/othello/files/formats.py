"""Choosing the reader of a game file by the end of its name."""

from pathlib import Path
from typing import Final

from conceptlrp.errors import GameFileError
from conceptlrp.othello.files.game_file import GameFile, read_game_lines
from conceptlrp.othello.files.game_records import read_ggf, read_logistello
from conceptlrp.othello.files.transcripts import read_transcripts
from conceptlrp.othello.files.wthor import read_wthor

# The reader of .wtb files says what is wrong with the others of this family.
_WTHOR: Final = (".wtb", ".wtd", ".pzz", ".jou", ".trn")


def read_games(path: str | Path, *, size: int = 8) -> GameFile:
    """Read a game file of any known format, chosen by the end of its name."""
    path = Path(path)
    suffix = path.suffix.lower()
    if path.is_dir():
        msg = f"{path}: is a folder; name the files in it, such as {path}/*.wtb"
    elif suffix in _WTHOR and size != 8:
        msg = f"{path.name}: WTHOR games are 8 x 8, not {size} x {size}"
    elif suffix in _WTHOR:
        return read_wthor(path)
    elif suffix == ".txt":
        return read_transcripts(path, size=size)
    elif suffix == ".ggf":
        return read_ggf(path, size=size)
    elif suffix == ".gam" and size == 8:
        return read_logistello(path)
    elif suffix == ".jsonl":
        return read_game_lines(path, size=size)
    elif suffix in (".h5", ".hdf5"):
        msg = f"{path.name}: is no game file; Corpus.load reads corpora"
    else:
        msg = (
            f"{path.name}: expected a WTHOR file (.wtb), transcripts (.txt), GGF "
            "(.ggf), a book of 8 x 8 games (.gam) or self-play (.jsonl)"
        )
    raise GameFileError(msg)
