"""Networks, games and corpora, named on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from conceptlrp.cli.options import check_choice
from conceptlrp.errors import OutputExistsError, StoreError

if TYPE_CHECKING:
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.store import Store


def open_network(path: str) -> "BoardNetwork":
    """Read a network; "demo" stands for what ships."""
    from conceptlrp.networks import demo_network, load_network

    return demo_network() if path == "demo" else load_network(Path(path))


def store_network(store: "Store", path: str) -> "BoardNetwork":
    """Read a network and refuse another than the one that a store explains."""
    from conceptlrp.lrp.store_explainer import check_network

    network = open_network(path)
    check_network(store, network, subject=f"{path}: is network")
    return network


def check_addition(store: "Store", name: str, *, overwrite: bool) -> Path:
    """Refuse a file that a store cannot be given before anything is computed."""
    path = store.path / name
    if not store.manifest.is_complete:
        msg = f"{store.path}: the run is not complete; resume it before {name} is added"
        raise StoreError(msg)
    if path.exists() and not overwrite:
        msg = f"{path}: exists already; pass --overwrite to replace it"
        raise OutputExistsError(msg)
    return path


def read_game_files(files: list[Path], size: int) -> "Corpus":
    """Read game files and say on stderr which games are left out."""
    from conceptlrp.othello import Corpus
    from conceptlrp.othello.board import REGION

    check_choice("--size", size, tuple(REGION))
    found = Corpus.read(files, size=size)
    for problem in found.problems:
        typer.echo(f"conceptlrp: {problem}", err=True)
    if len(found) == 0:
        names = ", ".join(str(file) for file in files)
        msg = f"{names}: no positions, expected at least one game with a move"
        raise ValueError(msg)
    return found


def read_positions(
    paths: list[str], size: int, sample: int | None, seed: int
) -> "Corpus":
    """Read a corpus or game files; "demo" stands for what ships."""
    from conceptlrp.networks import demo_corpus
    from conceptlrp.othello import Corpus

    if paths == ["demo"]:
        found = demo_corpus()
    elif len(paths) == 1 and Path(paths[0]).suffix in (".h5", ".hdf5"):
        found = Corpus.load(Path(paths[0]))
    else:
        found = read_game_files([Path(path) for path in paths], size)
    return found if sample is None else found.sample(sample, seed=seed)
