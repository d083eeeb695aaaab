"""The command line run in this process, and files for it that are right or wrong."""

import io
import math
import os
import pickle
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from conceptlrp import progress
from conceptlrp.cli.program import main
from conceptlrp.networks import load_network, save_network
from conceptlrp.othello import Corpus, write_transcripts
from tests.networks.azg_twin import used_twin
from tests.othello.playouts import random_games
from tests.othello.wthor_writer import write_wthor, wthor_record


@dataclass(frozen=True)
class Result:
    """What a command line left behind."""

    code: int
    out: str
    err: str


def run(*arguments: object) -> Result:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    words = ["conceptlrp", *(str(argument) for argument in arguments)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        # However busy the machine, no line says how far something is.
        patch.setattr(progress, "_PAUSE", math.inf)
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as e:
            main()
    return Result(int(e.value.code or 0), out.getvalue(), err.getvalue())


def run_line(line: str, folder: Path, new: Path) -> Result:
    """Run a line in which {in} stands for the inputs and {new} for an empty folder."""
    words = [part.replace("{in}", str(folder)) for part in line.split()]
    return run(*(word.replace("{new}", str(new)) for word in words))


def succeed(*arguments: object) -> str:
    result = run(*arguments)
    assert result.code == 0, result.err
    assert result.err == ""
    return result.out


def assert_one_line(result: Result, code: int, message: str) -> None:
    """Assert that a command failed with one line and printed nothing else."""
    assert result.code == code, result
    assert result.err.startswith("conceptlrp: ")
    assert result.err.count("\n") == 1
    assert result.err.endswith("\n")
    assert re.search(message, result.err), result.err
    assert result.out == ""


def write_networks(folder: Path) -> None:
    for size, name in ((8, "net.safetensors"), (6, "six.safetensors")):
        twin = used_twin(size)
        torch.save({"state_dict": twin.state_dict()}, folder / f"{size}.pth.tar")
        save_network(load_network(folder / f"{size}.pth.tar"), folder / name)


def write_broken(folder: Path) -> None:
    """Write one file for every way in which an input can be wrong."""
    whole = (folder / "games.wtb").read_bytes()
    (folder / "truncated.wtb").write_bytes(whole[:-10])
    (folder / "text.wtb").write_text("f5 and so on\n")
    (folder / "typo.txt").write_text("# one game\nf5d6x9c3\n")
    (folder / "illegal.txt").write_text("f5d6c3\na1a2\n")
    (folder / "empty.txt").write_text("# no game\n")
    (folder / "not-ours.h5").write_bytes(b"")
    with h5py.File(folder / "foreign.h5", "w") as file:
        file["recipe"] = np.arange(4)
    wrong = used_twin().state_dict()
    wrong["conv3.weight"] = wrong["conv3.weight"][:, :3]
    torch.save({"state_dict": wrong}, folder / "other.pth.tar")
    code = _Touch(folder / "it-ran")
    torch.save({"state_dict": code}, folder / "code.pth.tar")
    (folder / "bare.pth.tar").write_bytes(pickle.dumps(code))
    Corpus.load(folder / "corpus.h5")[:0].save(folder / "none.h5")
    (folder / "plain").mkdir()
    (folder / "plain" / "thesis.tex").write_text("text")


class _Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, (f"touch {shlex.quote(str(self.path))}",)


def write_inputs(path: Path) -> None:
    """Write games, networks, a corpus and a store, and broken ones beside them."""
    games = random_games(4, seed=7)
    write_transcripts(games, path / "games.txt")
    records = [wthor_record(moves[moves >= 0]) for moves in games.moves]
    write_wthor(path / "games.wtb", records)
    write_transcripts(random_games(2, seed=7, size=6), path / "six.txt")
    write_networks(path)
    succeed("corpus", path / "games.txt", "--out", path / "corpus.h5", "--sample", 30)
    succeed(
        *("attribute", path / "net.safetensors", path / "corpus.h5"),
        *("--out", path / "run.crp", "--target", "played", "--target", "value"),
        *("--layer", "conv1", "--layer", "conv4", "--references", 2),
    )
    write_broken(path)


def listing(folder: Path) -> dict[str, int]:
    """Return every file and folder below a folder, with its time of change."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
    }
