"""The command line: one verb a stage.

Errors of the input are one line on stderr that starts with ``conceptlrp:`` and
exit code 1; wrong usage is such a line too and exits with 2, Ctrl-C with 130.
torch and scikit-learn are imported by the verbs that need them, so that
``--help`` stays quick.
"""

import errno
import json
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from conceptlrp import __version__
from conceptlrp.errors import ConceptLRPError, OutputExistsError
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.clustering import Clustering
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.selfplay import Progress as TrainingProgress
    from conceptlrp.store import Store

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# typer brings its own copy of click now, so the base of its errors cannot be
# imported under one name for all versions.
_ClickError: Any = typer.BadParameter.__mro__[2]

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what stands at the output.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Sample = Annotated[
    int | None, typer.Option(min=1, help="Keep so many positions, drawn at random.")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Positions at a time.")]
Targets = Annotated[
    list[str],
    typer.Option(
        "--target",
        help="What is explained: played, best, value, pass or a square; repeatable.",
    ),
]
Target = Annotated[
    str | None, typer.Option(help="Explained output; the store's first by default.")
]
GamePaths = Annotated[
    list[Path], typer.Argument(help="Game files (.wtb or .txt).", readable=False)
]
BoardSize = Annotated[int, typer.Option(help="Side of the board, 6 or 8.")]
StorePath = Annotated[
    Path, typer.Argument(help="A relevance store (NAME.crp).", readable=False)
]
NetworkPath = Annotated[
    str, typer.Argument(help="Weights: .safetensors, .pth.tar, or 'demo'.")
]
CorpusPaths = Annotated[
    list[str], typer.Argument(help="A corpus (.h5), game files, or 'demo'.")
]


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
        sys.stdout.flush()
    except _ClickError as error:
        _fail(_usage(error), code=2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ConceptLRPError, ValueError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(_reason(error))
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, *, code: int = 1) -> NoReturn:
    sys.stderr.write(f"conceptlrp: {' '.join(message.split())}\n")
    sys.exit(code)


def _reason(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror.lower()}"


def _usage(error: Any) -> str:
    """Put an error of usage in the words of the others."""
    text = error.format_message().rstrip(".")
    verb = f" {error.ctx.info_name}" if error.ctx and error.ctx.parent else ""
    return f"{text[:1].lower()}{text[1:]}; see 'conceptlrp{verb} --help'"


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show it.")] = False,
) -> None:
    """Tell what each channel of an AlphaZero-style Othello network has learned."""
    if version:
        typer.echo(f"conceptlrp {__version__}")


@app.command()
def corpus(
    files: GamePaths,
    out: Annotated[Path, typer.Option(help="The corpus to write (.h5).")],
    sample: Sample = None,
    unique: Annotated[
        str | None, typer.Option(help="Keep one of equal positions: exact or symmetry.")
    ] = None,
    turn: Annotated[
        bool, typer.Option("--turn", help="Turn each by a random symmetry.")
    ] = False,
    size: BoardSize = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Read game files into a corpus of positions."""
    _check_choice("--unique", unique, (None, "exact", "symmetry"))
    _check_place(out, overwrite=overwrite)
    positions = _read_games(files, size)
    read = len(positions)
    if unique is not None:
        positions = positions.unique(symmetry=unique == "symmetry")
    if sample is not None:
        positions = positions.sample(sample, seed=seed)
    if turn:
        positions = positions.turn(seed=seed)
    positions.save(out, overwrite=overwrite)
    games = len(positions.compact().games)
    typer.echo(f"{out}: {len(positions):,} positions of {read:,} read, {games:,} games")


@app.command()
def train(
    files: GamePaths,
    out: Annotated[Path, typer.Option(help="The network to write (.safetensors).")],
    held_out_year: Annotated[
        int | None, typer.Option(help="Year whose games are only tested on.")
    ] = None,
    channels: Annotated[
        int, typer.Option(min=1, help="Channels of a convolution.")
    ] = 64,
    epochs: Annotated[float, typer.Option(help="Passes over the positions.")] = 1.0,
    minutes: Annotated[
        float | None, typer.Option(help="Length of the training instead of --epochs.")
    ] = None,
    batch_size: BatchSize = 256,
    learning_rate: Annotated[float, typer.Option(help="Highest of the cycle.")] = 2e-3,
    half: Annotated[
        bool, typer.Option("--half", help="Keep weights as float16, half the size.")
    ] = False,
    size: BoardSize = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train an OthelloNet on the moves and results of games."""
    import torch

    from conceptlrp.networks import save_network
    from conceptlrp.selfplay import TrainingOptions, train_supervised

    _check_place(out, overwrite=overwrite)
    options = TrainingOptions(
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    trained = train_supervised(
        _read_games(files, size),
        channels=channels,
        held_out_year=held_out_year,
        options=options,
        on_progress=lambda point, _network: typer.echo(_point(point), err=True),
    )
    save_network(
        trained.network,
        out,
        training=trained.record.summary(),
        dtype=torch.float16 if half else torch.float32,
        overwrite=overwrite,
    )
    typer.echo(f"{out}: {channels} channels, {trained.record.samples:,} positions")


@app.command()
def attribute(
    network: NetworkPath,
    games: CorpusPaths,
    out: Annotated[Path, typer.Option(help="The store to write (NAME.crp).")],
    target: Targets = ["played"],  # noqa: B006
    composite: Annotated[
        str | None, typer.Option(help="Preset of LRP rules; default epsilon-flat.")
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer to report; all convolutions.")
    ] = None,
    references: Annotated[
        int, typer.Option(min=0, help="Reference heatmaps a channel; 0 for none.")
    ] = 16,
    sample: Sample = None,
    batch_size: BatchSize = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...")] = "cpu",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Explain every position of a corpus and keep the relevance in a store."""
    _check_place(out, overwrite=overwrite)
    _check_device(device)
    net = _network(network)
    positions = _positions(games, net.size, sample, seed)
    store = _attribute(
        net,
        positions,
        out,
        targets=target,
        composite=composite,
        layers=layer,
        references=references,
        batch_size=batch_size,
        device=device,
        overwrite=overwrite,
        name=network if network == "demo" else Path(network).name,
    )
    typer.echo(f"{out}: {len(store):,} positions, {', '.join(store.layers)}")


@app.command()
def top(
    store: StorePath,
    layer: Annotated[str, typer.Option(help="Layer of the channel.")],
    channel: Annotated[int, typer.Option(help="Number of the channel.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many boards.")] = 8,
    by: Annotated[
        str, typer.Option(help="share, relevance, activation or peak.")
    ] = "share",
    target: Target = None,
    lowest: Annotated[bool, typer.Option("--lowest", help="Lowest first.")] = False,
    all_games: Annotated[
        bool, typer.Option("--all-games", help="Several boards of one game too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the reference boards of a channel."""
    from conceptlrp.atlas import reference_table
    from conceptlrp.reference import reference_boards
    from conceptlrp.store import CHANNEL_SCORES, open_store

    _check_choice("--by", by, CHANNEL_SCORES)
    boards = reference_boards(
        open_store(store),
        layer,
        channel,
        k,
        by=by,
        lowest=lowest,
        one_per_game=not all_games,
        target=target or 0,
    )
    if as_json:
        typer.echo(json.dumps(boards.to_dict(), indent=2))
    else:
        Console().print(reference_table(boards))


@app.command()
def cluster(
    store: StorePath,
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer to cluster by; all by default.")
    ] = None,
    estimator: Annotated[
        str, typer.Option(help="spectral (on landmarks) or kmeans.")
    ] = "spectral",
    clusters: Annotated[int, typer.Option(min=2, help="Number of clusters.")] = 12,
    target: Target = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Group the positions of a store by their channel relevance."""
    from conceptlrp.atlas import cluster_table
    from conceptlrp.clustering import clustered_layers
    from conceptlrp.store import open_store

    _check_choice("--estimator", estimator, ("spectral", "kmeans"))
    opened = open_store(store)
    layers = layer or opened.layers
    for name in set(clustered_layers(opened)).intersection(layers):
        if not overwrite:
            msg = f"{store}: layer '{name}' is clustered already; pass --overwrite"
            raise OutputExistsError(msg)
    for name in layers:
        found = _cluster(
            opened,
            name,
            estimator=estimator,
            n_clusters=clusters,
            target=target or 0,
            seed=seed,
        )
        Console().print(cluster_table(found))


@app.command()
def atlas(
    store: StorePath,
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    target: Target = None,
    title: Annotated[str | None, typer.Option(help="Title of the atlas.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the concept atlas of a store: a folder that opens from disk."""
    from conceptlrp.clustering import clustered_layers, load_clustering
    from conceptlrp.store import open_store

    _check_place(out, overwrite=overwrite)
    opened = open_store(store)
    clusterings = [load_clustering(opened, name) for name in clustered_layers(opened)]
    _atlas(opened, out, clusterings, target=target, title=title, overwrite=overwrite)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path(
        "conceptlrp-demo"
    ),
    positions: Annotated[
        int, typer.Option(min=24, help="Positions to explain.")
    ] = 4000,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run all stages on the network and games that ship, and write an atlas."""
    _check_place(out, overwrite=overwrite)
    sampled = _positions(["demo"], 8, None, seed).unique(symmetry=True)
    sampled = sampled.sample(positions, seed=seed)
    try:
        store = _attribute(
            _network("demo"),
            sampled,
            out / "demo.crp",
            overwrite=overwrite,
            name="demo",
        )
    finally:
        # The folder stays only with something in it.
        with suppress(OSError):
            out.rmdir()
    clusterings = [_cluster(store, layer, seed=seed) for layer in store.layers]
    _atlas(store, out / "atlas", clusterings, overwrite=overwrite)


def _check_choice(option: str, found: Any, known: tuple[Any, ...]) -> None:
    if found not in known:
        names = ", ".join(str(name) for name in known if name is not None)
        msg = f"{option} is '{found}', expected one of {names}"
        raise typer.BadParameter(msg)


def _check_place(path: Path, *, overwrite: bool) -> None:
    """Refuse an output that cannot be written before anything is computed."""
    if (path.exists() or path.is_symlink()) and not overwrite:
        msg = f"{path}: already exists; choose another name or pass --overwrite"
        raise OutputExistsError(msg)
    folder = path.absolute().parent
    if not folder.is_dir():
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
    elif not os.access(folder, os.W_OK):
        code = errno.EACCES
    else:
        return
    raise OSError(code, os.strerror(code), str(folder))


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(0, device=device).cpu()
    # Each kind of device has its own error for not being there.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"--device is '{device}', which cannot be used ({reason})"
        raise typer.BadParameter(msg) from error


def _network(path: str) -> "BoardNetwork":
    from conceptlrp.networks import demo_network, load_network

    return demo_network() if path == "demo" else load_network(Path(path))


def _read_games(files: list[Path], size: int) -> "Corpus":
    """Read game files and say on stderr which games are left out."""
    from conceptlrp.othello import REGION, Corpus

    _check_choice("--size", size, tuple(REGION))
    found = Corpus.read(files, size=size)
    for problem in found.problems:
        typer.echo(f"conceptlrp: {problem}", err=True)
    if len(found) == 0:
        names = ", ".join(str(file) for file in files)
        msg = f"{names}: no positions, expected at least one game with a move"
        raise ValueError(msg)
    return found


def _positions(paths: list[str], size: int, sample: int | None, seed: int) -> "Corpus":
    """Read a corpus or game files; "demo" stands for what ships."""
    from conceptlrp.networks import demo_corpus
    from conceptlrp.othello import Corpus

    if paths == ["demo"]:
        found = demo_corpus()
    elif len(paths) == 1 and Path(paths[0]).suffix in (".h5", ".hdf5"):
        found = Corpus.load(Path(paths[0]))
    else:
        found = _read_games([Path(path) for path in paths], size)
    return found if sample is None else found.sample(sample, seed=seed)


def _attribute(
    network: "BoardNetwork", positions: "Corpus", out: Path, **options: Any
) -> "Store":
    from conceptlrp.lrp import attribute_corpus

    command = shlex.join(["conceptlrp", *sys.argv[1:]])
    with progress_bars() as report:
        return attribute_corpus(
            network,
            positions,
            out,
            command=command,
            on_progress=lambda step: report(step.stage, step.done, step.total),
            **options,
        )


def _cluster(store: "Store", layer: str, **options: Any) -> "Clustering":
    from conceptlrp.clustering import cluster_positions, save_clustering

    found = cluster_positions(store, layer=layer, **options)
    save_clustering(found, store, overwrite=True)
    return found


def _atlas(
    store: "Store",
    out: Path,
    clusterings: "list[Clustering]",
    *,
    target: str | None = None,
    title: str | None = None,
    overwrite: bool,
) -> None:
    from conceptlrp.atlas import build_atlas

    with progress_bars() as report:
        folder = build_atlas(
            store,
            out,
            clusterings=clusterings,
            target=target or 0,
            title=title,
            overwrite=overwrite,
            on_page=lambda done, total: report("pages", done, total),
        )
    typer.echo(f"open {folder / 'index.html'}")


def _point(point: "TrainingProgress") -> str:
    """Write a point of the training curve in one line."""
    losses = f"loss {point.policy_loss:.3f} policy, {point.value_loss:.3f} value"
    text = f"{point.samples:,} positions in {point.seconds:.0f} s: {losses}"
    if point.evaluation is None:
        return text
    return f"{text}; held out: {point.evaluation.top1:.1%} of the moves"
