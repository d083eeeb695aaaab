"""The command line: one verb a stage.

Errors of the input are one line on stderr that starts with ``conceptlrp:`` and
exit code 1; wrong usage exits with 2, Ctrl-C with 130. torch and scikit-learn
are imported by the verbs that need them, so that ``--help`` stays quick.
"""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from conceptlrp.errors import ConceptLRPError, OutputExistsError

if TYPE_CHECKING:
    from conceptlrp.clustering import Clustering
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.store import Store

app = typer.Typer(
    help="Tell what each channel of an AlphaZero-style Othello network has learned.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_errors = Console(stderr=True)
_console = Console()

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what stands at the output.")
]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Targets = Annotated[
    list[str],
    typer.Option(
        "--target",
        help="What is explained: played, best, value, pass or a square; repeatable.",
    ),
]
StorePath = Annotated[Path, typer.Argument(help="A relevance store (NAME.crp).")]
NetworkPath = Annotated[
    str,
    typer.Argument(
        help="Weights (.safetensors, or alpha-zero-general's .pth.tar); "
        "'demo' is the network that ships."
    ),
]
CorpusPaths = Annotated[
    list[str],
    typer.Argument(
        help="A corpus (.h5) or game files (.wtb, .txt); 'demo' is the one that ships."
    ),
]


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = app(standalone_mode=False)
    except ConceptLRPError as error:
        _fail(str(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        _fail(f"{name}{(error.strerror or str(error)).lower()}")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    sys.stderr.write(f"conceptlrp: {' '.join(message.split())}\n")
    sys.exit(1)


@app.command()
def corpus(
    files: Annotated[list[str], typer.Argument(help="Game files (.wtb or .txt).")],
    out: Annotated[Path, typer.Option(help="The corpus to write (.h5).")],
    sample: Annotated[
        int | None, typer.Option(help="Keep this many positions, drawn at random.")
    ] = None,
    unique: Annotated[
        str | None, typer.Option(help="Keep one of equal positions: exact or symmetry.")
    ] = None,
    turn: Annotated[
        bool, typer.Option("--turn", help="Turn each by a random symmetry.")
    ] = False,
    size: Annotated[int, typer.Option(help="Side of the board, 6 or 8.")] = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Read game files into a corpus of positions."""
    from conceptlrp.othello import Corpus

    _check_free(out, overwrite=overwrite)
    if unique not in (None, "exact", "symmetry"):
        msg = f"--unique is '{unique}', expected 'exact' or 'symmetry'"
        raise click.UsageError(msg)
    positions = Corpus.read([Path(file) for file in files], size=size)
    for problem in positions.problems:
        _errors.print(Text(f"conceptlrp: {problem}"), soft_wrap=True)
    read = len(positions)
    if unique is not None:
        positions = positions.unique(symmetry=unique == "symmetry")
    if sample is not None:
        positions = positions.sample(sample, seed=seed)
    if turn:
        positions = positions.turn(seed=seed)
    positions.save(out, overwrite=overwrite)
    _console.print(
        f"{out}: {len(positions):,} positions of {read:,} read, "
        f"{len(positions.games):,} games",
        highlight=False,
    )


@app.command()
def train(
    files: Annotated[list[str], typer.Argument(help="Game files (.wtb or .txt).")],
    out: Annotated[Path, typer.Option(help="The network to write (.safetensors).")],
    held_out_year: Annotated[
        int | None, typer.Option(help="Year whose games are only tested on.")
    ] = None,
    channels: Annotated[int, typer.Option(help="Channels of a convolution.")] = 64,
    epochs: Annotated[float, typer.Option(help="Passes over the positions.")] = 1.0,
    minutes: Annotated[
        float | None, typer.Option(help="Length of the training instead of --epochs.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Positions a step.")] = 512,
    learning_rate: Annotated[float, typer.Option(help="Highest of the cycle.")] = 2e-3,
    dtype: Annotated[
        str, typer.Option(help="How weights are kept: float32 or float16.")
    ] = "float32",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train an OthelloNet on the moves and results of games."""
    from conceptlrp.networks import save_network
    from conceptlrp.othello import Corpus
    from conceptlrp.selfplay import TrainingOptions, train_supervised

    _check_free(out, overwrite=overwrite)
    options = TrainingOptions(
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    trained = train_supervised(
        Corpus.read([Path(file) for file in files]),
        channels=channels,
        held_out_year=held_out_year,
        options=options,
        on_progress=lambda point, _network: _errors.print(str(point), highlight=False),
    )
    save_network(
        trained.network,
        out,
        training=asdict(trained.record),
        dtype=dtype,
        overwrite=overwrite,
    )
    _console.print(f"{out}: {channels} channels", highlight=False)


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
        int, typer.Option(help="Reference heatmaps a channel; 0 for none.")
    ] = 16,
    sample: Annotated[
        int | None, typer.Option(help="Explain this many positions, drawn at random.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Positions at a time.")] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...")] = "cpu",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Explain every position of a corpus and keep the relevance in a store."""
    _check_free(out, overwrite=overwrite)
    positions = _positions(games, sample, seed)
    with _progress() as report:
        _attribute(
            _network(network),
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
            on_progress=report,
        )
    _console.print(f"{out}: {len(positions):,} positions", highlight=False)


@app.command()
def top(
    store: StorePath,
    layer: Annotated[str, typer.Option(help="Layer of the channel.")],
    channel: Annotated[int, typer.Option(help="Number of the channel.")],
    k: Annotated[int, typer.Option("-k", help="How many boards.")] = 8,
    by: Annotated[
        str, typer.Option(help="share, relevance, activation or peak.")
    ] = "share",
    target: Annotated[str | None, typer.Option(help="Explained output.")] = None,
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

    if by not in CHANNEL_SCORES:
        msg = f"--by is '{by}', expected one of {', '.join(CHANNEL_SCORES)}"
        raise click.UsageError(msg)
    boards = reference_boards(
        open_store(store),
        layer,
        channel,
        k,
        by=by,
        lowest=lowest,
        one_per_game=not all_games,
        target=target if target is not None else 0,
    )
    if as_json:
        sys.stdout.write(json.dumps(boards.to_dict(), indent=2) + "\n")
    else:
        _console.print(reference_table(boards))


@app.command()
def cluster(
    store: StorePath,
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer to cluster by; all by default.")
    ] = None,
    estimator: Annotated[
        str, typer.Option(help="spectral (on landmarks) or kmeans.")
    ] = "spectral",
    clusters: Annotated[int, typer.Option(help="Number of clusters.")] = 12,
    target: Annotated[str | None, typer.Option(help="Explained output.")] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Group the positions of a store by their channel relevance."""
    from conceptlrp.store import open_store

    opened = open_store(store)
    for name in layer or opened.layers:
        found = _cluster(
            opened, name, estimator, clusters, target or 0, seed, overwrite=overwrite
        )
        _console.print(_cluster_table(found))


@app.command()
def atlas(
    store: StorePath,
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    title: Annotated[str | None, typer.Option(help="Title of the atlas.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the concept atlas of a store: a folder that opens from disk."""
    from conceptlrp.atlas import build_atlas
    from conceptlrp.clustering import clustered_layers, load_clustering
    from conceptlrp.store import open_store

    opened = open_store(store)
    clusterings = [load_clustering(opened, name) for name in clustered_layers(opened)]
    index = build_atlas(
        opened, out, clusterings=clusterings, title=title, overwrite=overwrite
    )
    _console.print(f"open {index / 'index.html'}", highlight=False, soft_wrap=True)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path(
        "conceptlrp-demo"
    ),
    positions: Annotated[int, typer.Option(help="Positions to explain.")] = 4000,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run all stages on the network and games that ship, and write an atlas."""
    from conceptlrp.atlas import build_atlas

    _check_free(out, overwrite=overwrite)
    out.mkdir(parents=True, exist_ok=True)
    sampled = _positions(["demo"], positions, seed)
    with _progress() as report:
        store = _attribute(
            _network("demo"),
            sampled,
            out / "demo.crp",
            targets=["played"],
            overwrite=overwrite,
            name="demo",
            on_progress=report,
        )
    clusterings = [
        _cluster(store, layer, "spectral", 12, 0, seed, overwrite=overwrite)
        for layer in store.layers
    ]
    index = build_atlas(
        store, out / "atlas", clusterings=clusterings, overwrite=overwrite
    )
    _console.print(f"open {index / 'index.html'}", highlight=False, soft_wrap=True)


def _check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse an output that exists before anything is computed."""
    if path.exists() and not overwrite:
        msg = f"{path}: already exists; choose another name or pass --overwrite"
        raise OutputExistsError(msg)


def _network(path: str) -> "BoardNetwork":
    from conceptlrp.networks import demo_network, load_network

    return demo_network() if path == "demo" else load_network(Path(path))


def _positions(paths: list[str], sample: int | None, seed: int) -> "Corpus":
    """Read a corpus or game files; "demo" stands for what ships."""
    from conceptlrp.networks import demo_corpus
    from conceptlrp.othello import Corpus

    if paths == ["demo"]:
        found = demo_corpus()
    elif len(paths) == 1 and Path(paths[0]).suffix in (".h5", ".hdf5"):
        found = Corpus.load(Path(paths[0]))
    else:
        found = Corpus.read([Path(path) for path in paths])
    return found if sample is None else found.sample(sample, seed=seed)


def _attribute(
    network: "BoardNetwork", positions: "Corpus", out: Path, **options: Any
) -> "Store":
    from conceptlrp.lrp import attribute_corpus

    command = shlex.join(["conceptlrp", *sys.argv[1:]])
    return attribute_corpus(network, positions, out, command=command, **options)


def _cluster(
    store: "Store",
    layer: str,
    estimator: str,
    clusters: int,
    target: int | str,
    seed: int,
    *,
    overwrite: bool,
) -> "Clustering":
    from conceptlrp.clustering import cluster_positions, save_clustering

    found = cluster_positions(
        store,
        layer=layer,
        estimator=estimator,
        n_clusters=clusters,
        target=target,
        seed=seed,
    )
    save_clustering(found, store, overwrite=overwrite)
    return found


def _cluster_table(clustering: "Clustering") -> Table:
    table = Table(
        title=f"{clustering.layer}: {clustering.method}", title_justify="left"
    )
    for heading in ("cluster", "positions", "marker channels (effect size)"):
        table.add_column(heading)
    for number, markers in enumerate(clustering.markers(5)):
        named = ", ".join(
            f"{channel} ({effect:+.1f})"
            for channel, effect in zip(markers.channels, markers.effects, strict=True)
        )
        table.add_row(str(number), f"{clustering.sizes[number]:,}", named)
    return table


class _Rate(ProgressColumn):
    """Units a second since the stage began."""

    def render(self, task: Task) -> Text:
        """Return the rate as text."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data")


@contextmanager
def _progress() -> Iterator[Callable[[Any], None]]:
    """Show a bar with rate and time left for every stage of a run."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_errors) as bars:
        tasks: dict[str, Any] = {}

        def report(step: Any) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(step.stage, total=step.total)
            bars.update(tasks[step.stage], completed=step.done)

        yield report
