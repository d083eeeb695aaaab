"""The verb that trains networks, from games or by iterations of self-play."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli.inputs import command_line, open_network, read_positions
from conceptlrp.cli.options import check_choice, check_device, check_place
from conceptlrp.cli.tables import print_json, remark
from conceptlrp.jsontext import plain
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.selfplay import SelfPlayOptions, TrainingSet
    from conceptlrp.selfplay.iterations import Iteration

_network = partial(typer.Option, rich_help_panel="Network")
_held_out = partial(typer.Option, rich_help_panel="Held-out games")
_schedule = partial(typer.Option, rich_help_panel="Schedule")
_play = partial(typer.Option, rich_help_panel="Self-play iterations")
_output = partial(typer.Option, rich_help_panel="Output and resuming")
_machine = partial(typer.Option, rich_help_panel="Machine")


def train(
    out: Annotated[
        Path,
        _output(
            help="The network to write (NAME.safetensors); NAME.run beside it has "
            "checkpoints, snapshots, curve and record."
        ),
    ],
    games: Annotated[
        list[str] | None,
        typer.Argument(
            help="A corpus (.h5), game files (.wtb, .txt, .jsonl), 'demo' or 'demo6'; "
            "not with --iterations."
        ),
    ] = None,
    architecture: Annotated[str, _network(help="othello or tower.")] = "othello",
    channels: Annotated[int, _network(min=1, help="Channels of a convolution.")] = 64,
    blocks: Annotated[int, _network(min=1, help="Residual blocks of a tower.")] = 4,
    start: Annotated[
        str | None,
        _network(
            help="Begin from this network (weights, 'demo', 'demo6' or "
            "package.module:function), not from random weights."
        ),
    ] = None,
    weights: Annotated[
        Path | None, _network(help="Weights of package.module:function.")
    ] = None,
    size: Annotated[
        int | None, _network(help="Side of the board; that of the games, or 8.")
    ] = None,
    held_out_year: Annotated[
        int | None, _held_out(help="Year whose games are only used to test.")
    ] = None,
    held_out_share: Annotated[
        float | None,
        _held_out(help="Share of the games, drawn at random, only used to test."),
    ] = None,
    patience: Annotated[
        int | None,
        _held_out(
            min=1,
            help="Stop after this many points of the curve (20 in all) without a "
            "lower held-out loss, and keep the best weights.",
        ),
    ] = None,
    epochs: Annotated[float, _schedule(help="Passes over the positions.")] = 1.0,
    batch_size: Annotated[int, _schedule(min=1, help="Positions of a step.")] = 256,
    learning_rate: Annotated[
        float, _schedule(help="Peak of the cycle: warm-up, then half a cosine to 0.")
    ] = 2e-3,
    targets: Annotated[
        str, _network(help="moves played, or visits of recorded self-play (.jsonl).")
    ] = "moves",
    iterations: Annotated[
        int | None,
        _play(min=1, help="How often to play, learn and compare; reads no games."),
    ] = None,
    games_per_iteration: Annotated[
        int, _play(min=1, help="Games of an iteration.")
    ] = 500,
    simulations: Annotated[
        int, _play(min=0, help="Searches of a move, also in the arena; 0 for none.")
    ] = 50,
    gate_games: Annotated[
        int, _play(min=2, help="Games of candidate against champion, an even number.")
    ] = 100,
    gate_threshold: Annotated[
        float, _play(min=0, max=1, help="Score that makes the candidate champion.")
    ] = 0.55,
    half: Annotated[
        bool, _output("--half", help="Keep weights as float16, half the size.")
    ] = False,
    snapshots: Annotated[
        int, _output(min=0, help="Networks to keep on the way, in NAME.run/snapshots.")
    ] = 0,
    resume: Annotated[
        bool, _output("--resume", help="Go on where it was stopped, options unchanged.")
    ] = False,
    overwrite: Annotated[
        bool, _output("--overwrite", help="Replace what is already there.")
    ] = False,
    as_json: Annotated[bool, _output("--json", help="Print JSON.")] = False,
    device: Annotated[str, _machine(help="cpu, cuda, cuda:1 ...")] = "cpu",
    threads: Annotated[
        int | None, _machine(min=1, help="Threads of the processor.")
    ] = None,
    seed: Annotated[int, _machine(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Train a network on the moves and results of games, or by self-play.

    From games: conceptlrp train WTH_*.wtb --held-out-year 2012 --out net.safetensors

    By self-play: conceptlrp train --iterations 20 --out net.safetensors

    A training that was stopped goes on with the same command and --resume. On a
    processor it ends with the same weights as one that was never stopped.
    """
    check_choice("--architecture", architecture, ("othello", "tower"))
    check_choice("--size", size, (None, 6, 8))
    check_choice("--targets", targets, ("moves", "visits"))
    run_path = _run_path(out, resume=resume, overwrite=overwrite)
    check_device(device)
    _check_sources(games, iterations, held_out_year, held_out_share)
    import torch

    from conceptlrp import selfplay
    from conceptlrp.networks import save_network

    options = selfplay.TrainingOptions(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        snapshots=snapshots,
        seed=seed,
    )
    dtype = torch.float16 if half else torch.float32
    folder = selfplay.RunFolder(
        run_path, resume=resume, overwrite=overwrite, dtype=dtype
    )
    initial = partial(_initial, start, weights, architecture, channels, blocks, seed)
    with _threads(threads), _told(run_path), folder, progress_bars() as report:
        if iterations is None:
            split = partial(_split, year=held_out_year, share=held_out_share, seed=seed)
            learned, validation = _training_data(games or [], targets, size, split)
            network = initial(learned.size).to(device)
            record = selfplay.train(
                network,
                learned,
                validation=validation,
                options=options,
                folder=folder,
                on_progress=report,
            )
            about, found = record.summary(), f"{record.samples:,} positions"
        else:
            network = initial(size or 8).to(device)
            rounds = selfplay.IterationOptions(
                iterations=iterations,
                games=games_per_iteration,
                self_play=_self_play(simulations),
                gate_games=gate_games,
                gate_threshold=gate_threshold,
                seed=seed,
            )
            done = selfplay.train_iterations(
                network, folder, options=rounds, training=options, on_progress=report
            )
            about, found = _record(done)
        about["command"] = command_line()
        save_network(network, out, training=about, dtype=dtype, overwrite=True)
        folder.discard_checkpoint()
    if as_json:
        print_json({"network": out, **about})
    else:
        typer.echo(f"{out}: {_shape(network)}, {found}")


def _run_path(out: Path, *, resume: bool, overwrite: bool) -> Path:
    """Return the place of the run's folder, where the network can be written."""
    found = out.with_suffix(".run")
    if out == found:
        msg = f"--out is '{out}', which is the name of the run's folder"
        raise typer.BadParameter(msg)
    # What a run that is resumed has written there is its own.
    is_own = resume and (found / "run.json").is_file()
    check_place(out, overwrite=overwrite or is_own)
    return found


def _record(done: "tuple[Iteration, ...]") -> tuple[dict[str, Any], str]:
    """Return the record of iterations, and what came of them in words."""
    about = {"samples": done[-1].samples, "iterations": plain(done)}
    accepted = sum(each.accepted for each in done)
    return about, f"{accepted} of {len(done)} iterations accepted"


def _check_sources(
    games: list[str] | None,
    iterations: int | None,
    year: int | None,
    share: float | None,
) -> None:
    """Refuse options that contradict each other."""
    msg = ""
    if not games and iterations is None:
        msg = "no games to learn from; give game files, or --iterations"
    elif games and iterations is not None:
        msg = "games and --iterations are two ways to train; give one of them"
    elif year is not None and share is not None:
        msg = "--held-out-year and --held-out-share are two ways; give one of them"
    elif iterations is not None and (year, share) != (None, None):
        msg = "nothing is held out of --iterations: the arena compares the networks"
    if msg:
        raise typer.BadParameter(msg)


def _initial(
    start: str | None,
    weights: Path | None,
    architecture: str,
    channels: int,
    blocks: int,
    seed: int,
    size: int,
) -> "BoardNetwork":
    """Make a network with random weights, or read the one to start from."""
    import torch

    from conceptlrp.networks import OthelloNet, ResidualTower
    from conceptlrp.networks.weights import check_architecture

    network: BoardNetwork
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if start is not None:
            network = open_network(start, weights)
            check_architecture(network)
        elif architecture == "tower":
            network = ResidualTower(channels, blocks, size)
        else:
            network = OthelloNet(channels, size)
    # A network that was read comes with the dropout of its architecture.
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def _split(
    corpus: "Corpus", *, year: int | None, share: float | None, seed: int
) -> "tuple[Corpus, Corpus | None]":
    """Hold games out where that is asked for."""
    from conceptlrp.selfplay.training_set import hold_out

    if year is None and share is None:
        return corpus, None
    return hold_out(corpus, year=year, share=share, seed=seed)


def _training_data(
    files: list[str], targets: str, size: int | None, split: Callable[["Corpus"], Any]
) -> "tuple[TrainingSet, Corpus | None]":
    """Read what to learn, and the positions to test on if any are held out."""
    from conceptlrp.selfplay import SelfPlayGames, TrainingSet, read_self_play

    if targets == "moves":
        rest, validation = split(read_positions(files, size, None, seed=0))
        return TrainingSet.from_corpus(rest), validation
    import numpy as np

    played = SelfPlayGames.concatenate([read_self_play(file) for file in files])
    rest, validation = split(played.corpus)
    return TrainingSet.from_self_play(played.take(np.unique(rest.game))), validation


def _self_play(simulations: int) -> "SelfPlayOptions":
    from conceptlrp.selfplay import SearchOptions, SelfPlayOptions

    if simulations == 0:
        return SelfPlayOptions(search=None, temperature=0.5, temperature_moves=None)
    return SelfPlayOptions(search=SearchOptions(simulations=simulations, noise=0.25))


@contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    """Let torch use some threads, then as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Echo(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Write what is logged on stderr."""
        typer.echo(record.getMessage(), err=True)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Show points and iterations, and after Ctrl-C how to go on."""
    log, echo = logging.getLogger("conceptlrp.selfplay"), _Echo()
    before = log.level
    log.addHandler(echo)
    log.setLevel(logging.INFO)
    try:
        yield
    except KeyboardInterrupt:
        remark(f"{folder}: stopped; the same command with --resume goes on")
        raise
    finally:
        log.setLevel(before)
        log.removeHandler(echo)


def _shape(network: "BoardNetwork") -> str:
    blocks: Any = getattr(network, "blocks", None)
    depth = "" if blocks is None else f", {blocks} block{'s' * (blocks > 1)}"
    return f"{network.channels} channels{depth}"
