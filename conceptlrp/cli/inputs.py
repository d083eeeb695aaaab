"""Networks, games and corpora, named on the command line."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from conceptlrp.cli.options import check_choice
from conceptlrp.cli.tables import remark
from conceptlrp.errors import CheckpointError, NetworkError, StoreError
from conceptlrp.progress import OnProgress, progress_bars
from conceptlrp.shipped import SHIPPED, demo_name

if TYPE_CHECKING:
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.store import Store

#: Problems that are shown; a damaged file may have one in every line.
_PROBLEMS: Final = 20


def command_line() -> str:
    """Return the command that is running, for the record of what it makes."""
    return shlex.join(["conceptlrp", *sys.argv[1:]])


def open_network(path: str, weights: Path | None = None) -> "BoardNetwork":
    """Read a network, by its name if it ships, or import what makes it."""
    from conceptlrp.networks import load_network

    # As for `python -m`: what is named is mostly a module where one stands.
    if ":" in path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return load_network(path, weights=weights)


def store_network(
    store: "Store", path: str | None = None, weights: Path | None = None
) -> "BoardNetwork":
    """Read the network of a store, by itself where it is a file; refuse another one."""
    from conceptlrp.lrp.one_call import check_explains

    if path is None:
        if weights is not None:
            msg = "--weights goes with a --network package.module:function"
            raise typer.BadParameter(msg)
        return recorded_network(store.path, store.manifest.network)
    network = open_network(path, weights)
    check_explains(store, network, subject=f"{path}: is network")
    return network


def store_result(
    kind: type,
    compute: Callable[..., Any],
    store: "Path | Store",
    network: str | None,
    weights: Path | None,
    *,
    overwrite: bool,
    **options: Any,
) -> Any:
    """Compute a result of a store and its network, unless the store has it already."""
    from conceptlrp.store import open_store

    opened = open_store(store)
    for name in options.get("layers") or ():
        opened.channels(name)
    net = store_network(opened, network, weights)
    about = {key: options[key] for key in ("target",) if key in options}
    opened.results.check_free(kind, **about, overwrite=overwrite)
    with run_bars() as report:
        return compute(opened, net, overwrite=overwrite, on_progress=report, **options)


@contextmanager
def run_bars() -> Iterator[OnProgress]:
    """Show bars; say what an interruption leaves, which typer would keep to itself."""
    try:
        with progress_bars() as report:
            yield report
    except KeyboardInterrupt as stopped:
        if str(stopped):
            remark(str(stopped))
        raise


def recorded_network(store: Path, made: Mapping[str, Any]) -> "BoardNetwork":
    """Find the network that a store's manifest names; code is not run for it."""
    from conceptlrp.networks import load_network, network_digest

    reference = str(made.get("reference", ""))
    why, remedy = "an object of Python", "FILE, or package.module:function"
    if reference in SHIPPED or Path(reference).is_absolute():
        looked, name = [], Path(reference).name
        places = (reference, store.absolute().parent / name, Path.cwd() / name)
        for place in dict.fromkeys(map(str, places)):
            try:
                network = load_network(place if place in SHIPPED else Path(place))
            except CheckpointError as error:
                looked.append(str(error))
                continue
            if network_digest(network) == made.get("digest"):
                return network
            looked.append(f"{place}: another network")
        why, remedy = f"not found ({'; '.join(looked)})", "FILE"
    elif reference:
        why = "made by code, which is run only where it is named"
        weights = ["--weights", str(made["weights"])] if "weights" in made else []
        remedy = shlex.join([reference, *weights])
    msg = f"{store}: its network is {why}; pass --network {remedy}"
    raise NetworkError(msg)


def check_row(store: "Store", row: int) -> int:
    """Return a row, once it is certain that the store has it."""
    if not 0 <= row < len(store):
        msg = f"{store.path}: has no row {row}, expected 0 to {len(store) - 1}"
        raise StoreError(msg)
    return row


def read_game_files(files: list[Path], size: int | None) -> "Corpus":
    """Read game files and say on stderr what is left out, and what else to know."""
    from conceptlrp.othello import Corpus
    from conceptlrp.othello.board import REGION

    check_choice("--size", size, (None, *REGION))
    named = str(files[0]) if len(files) == 1 else ""
    shipped = named in SHIPPED and not files[0].exists()
    found = Corpus.read(named if shipped else files, size=size)
    for line in (*found.problems[:_PROBLEMS], *found.notes):
        remark(line)
    if (more := len(found.problems) - _PROBLEMS) > 0:
        remark(f"and {more:,} more left out; 'conceptlrp corpus --json' lists all")
    if len(found) == 0:
        names = ", ".join(str(file) for file in files)
        msg = f"{names}: no positions, expected at least one game with a move"
        raise ValueError(msg)
    return found


def read_positions(
    paths: list[str], size: int | None, sample: int | None, seed: int
) -> "Corpus":
    """Read a corpus or game files, or the games of a name that ships, of one size."""
    from conceptlrp.othello import Corpus

    name = paths[0] if len(paths) == 1 else ""
    if name in SHIPPED:
        found = Corpus.read(name)
    elif Path(name).suffix in (".h5", ".hdf5"):
        found = Corpus.load(Path(name))
    else:
        found = read_game_files([Path(path) for path in paths], size)
    if size not in (None, found.size):
        side = found.size
        msg = (
            f"'{name}' is of {side} x {side}, the network plays on {size} x {size}; "
            f"give it games of its size, such as '{demo_name(size)}'"
        )
        raise ValueError(msg)
    return found if sample is None else found.sample(sample, seed=seed)
