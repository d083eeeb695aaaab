"""The verb that trains networks, from games or by iterations of self-play."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from conceptlrp.cli.options import check_choice, check_device, check_place
from conceptlrp.cli.training_inputs import Lessons, Place, Play, Start
from conceptlrp.cli.training_runs import (
    train_by_iterations,
    train_from_games,
    using_threads,
)

_network = partial(typer.Option, rich_help_panel="Network")
_test = partial(typer.Option, rich_help_panel="Held-out games")
_schedule = partial(typer.Option, rich_help_panel="Schedule")
_targets = partial(typer.Option, rich_help_panel="Targets")
_play = partial(typer.Option, rich_help_panel="Self-play iterations")
_output = partial(typer.Option, rich_help_panel="Output and resuming")
_machine = partial(typer.Option, rich_help_panel="Machine")

Games = Annotated[
    list[str] | None,
    typer.Argument(
        help="A corpus (.h5), game files (.wtb, .txt, .jsonl) or 'demo'; not with "
        "--iterations."
    ),
]
Out = Annotated[
    Path,
    _output(
        help="The network to write (NAME.safetensors); NAME.run beside it has "
        "checkpoints, snapshots, curve and record."
    ),
]
Architecture = Annotated[str, _network(help="othello or tower.")]
Channels = Annotated[int, _network(min=1, help="Channels of a convolution.")]
Blocks = Annotated[int, _network(min=1, help="Residual blocks of a tower.")]
Dropout = Annotated[
    float, _network(min=0, max=0.95, help="Of the hidden layers of an OthelloNet.")
]
StartFrom = Annotated[
    str | None,
    _network(
        "--start",
        help="Begin from these weights, not from random ones of a new network.",
    ),
]
Size = Annotated[int, _network(help="Side of the board, 6 or 8.")]
HeldOutYear = Annotated[int | None, _test(help="Year whose games are only tested on.")]
HeldOutShare = Annotated[
    float | None, _test(help="Share of the games, drawn at random, only tested on.")
]
HeldOutSample = Annotated[
    int, _test(min=1, help="Positions tested at a point of the curve; at the end all.")
]
Patience = Annotated[
    int | None,
    _test(
        min=1,
        help="Stop after so many points without a lower held-out loss; keep the best "
        "weights.",
    ),
]
Epochs = Annotated[float, _schedule(help="Passes over the positions.")]
Minutes = Annotated[
    float | None, _schedule(help="Length of the training instead of --epochs.")
]
StepSize = Annotated[int, _schedule("--batch-size", min=1, help="Positions of a step.")]
LearningRate = Annotated[
    float, _schedule(help="Peak of the cycle: warm-up, then half a cosine to 0.")
]
WeightDecay = Annotated[float, _schedule(min=0, help="Of AdamW.")]
Targets = Annotated[
    str, _targets(help="moves played, or visits of the search of self-play (.jsonl).")
]
ValueShare = Annotated[
    float, _targets(min=0, max=1, help="Share of the search's value in the outcome.")
]
LabelSmoothing = Annotated[
    float, _targets(min=0, max=1, help="Share of the policy spread over all actions.")
]
Points = Annotated[int, _schedule(min=1, help="Points of the curve.")]
Iterations = Annotated[
    int | None,
    _play(min=1, help="Play, learn and compare so often, without games to read."),
]
GamesPerIteration = Annotated[int, _play(min=1, help="Games to play.")]
Simulations = Annotated[
    int, _play(min=0, help="Of a move, also at the gate; 0 plays from the policy.")
]
Window = Annotated[int, _play(min=1, help="Iterations whose games are learned from.")]
GateGames = Annotated[int, _play(min=2, help="Games of candidate against champion.")]
GateThreshold = Annotated[
    float, _play(min=0, max=1, help="Score that makes the candidate champion.")
]
Half = Annotated[
    bool, _output("--half", help="Keep weights as float16, half the size.")
]
Snapshots = Annotated[
    int, _output(min=0, help="Networks to keep on the way, in NAME.run/snapshots.")
]
Spacing = Annotated[str, _output(help="Of snapshots: log (from 1 % on) or even.")]
CheckpointMinutes = Annotated[float, _output(min=0, help="Time between checkpoints.")]
CheckpointSteps = Annotated[
    int | None, _output(min=1, help="Steps between checkpoints, if that is sooner.")
]
Resume = Annotated[
    bool, _output("--resume", help="Go on from the last checkpoint, options unchanged.")
]
Overwrite = Annotated[
    bool, _output("--overwrite", help="Replace what stands at the output.")
]
Device = Annotated[str, _machine(help="cpu, cuda, cuda:1 ...")]
Threads = Annotated[int | None, _machine(min=1, help="Of the processor.")]
Seed = Annotated[int, _machine(min=0, help="Seed of everything random.")]


def train(
    out: Out,
    games: Games = None,
    architecture: Architecture = "othello",
    channels: Channels = 64,
    blocks: Blocks = 4,
    dropout: Dropout = 0.0,
    start: StartFrom = None,
    size: Size = 8,
    held_out_year: HeldOutYear = None,
    held_out_share: HeldOutShare = None,
    held_out_sample: HeldOutSample = 20_000,
    patience: Patience = None,
    epochs: Epochs = 1.0,
    minutes: Minutes = None,
    batch_size: StepSize = 256,
    learning_rate: LearningRate = 2e-3,
    weight_decay: WeightDecay = 1e-2,
    points: Points = 20,
    targets: Targets = "moves",
    value_share: ValueShare = 0.0,
    label_smoothing: LabelSmoothing = 0.0,
    iterations: Iterations = None,
    games_per_iteration: GamesPerIteration = 500,
    simulations: Simulations = 50,
    window: Window = 5,
    gate_games: GateGames = 100,
    gate_threshold: GateThreshold = 0.55,
    half: Half = False,
    snapshots: Snapshots = 0,
    spacing: Spacing = "log",
    checkpoint_minutes: CheckpointMinutes = 2.0,
    checkpoint_steps: CheckpointSteps = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    device: Device = "cpu",
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Train a network on the moves and results of games, or by self-play.

    From games: conceptlrp train WTH_*.wtb --held-out-year 2012 --out net.safetensors

    By self-play: conceptlrp train --iterations 20 --out net.safetensors

    A training that was stopped goes on with the same command and --resume. On a
    processor it ends with the same weights as one that was never stopped.
    """
    check_choice("--architecture", architecture, ("othello", "tower"))
    check_choice("--size", size, (6, 8))
    check_choice("--targets", targets, ("moves", "visits"))
    check_place(out, overwrite=overwrite)
    check_device(device)
    _check_sources(games, iterations, held_out_year, held_out_share)
    if dropout and architecture == "tower":
        msg = "--dropout is for an OthelloNet, a tower has none"
        raise typer.BadParameter(msg)
    from conceptlrp.selfplay import IterationOptions, TrainingOptions

    options = TrainingOptions(
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        points=points,
        patience=patience,
        snapshots=snapshots,
        spacing=spacing,
        seed=seed,
    )
    place = Place(
        out,
        resume=resume,
        overwrite=overwrite,
        minutes=checkpoint_minutes,
        steps=checkpoint_steps,
        half=half,
    )
    begin = Start(start, architecture, channels, blocks, dropout, size, seed, device)
    with using_threads(threads):
        if iterations is None:
            held_out = held_out_share if held_out_year is None else held_out_year
            lessons = Lessons(games or [], targets, value_share, held_out, seed)
            train_from_games(lessons, begin, place, options, held_out_sample)
            return
        rounds = IterationOptions(
            iterations=iterations,
            games=games_per_iteration,
            window=window,
            threshold=gate_threshold,
            seed=seed,
        )
        play = Play(simulations, value_share, gate_games)
        train_by_iterations(begin, place, options, rounds, play)


def _check_sources(
    games: list[str] | None,
    iterations: int | None,
    year: int | None,
    share: float | None,
) -> None:
    """Refuse options that contradict each other."""
    if not games and iterations is None:
        msg = "no games to learn from; give game files, or --iterations"
        raise typer.BadParameter(msg)
    if games and iterations is not None:
        msg = "games and --iterations are two ways to train; give one of them"
        raise typer.BadParameter(msg)
    if year is not None and share is not None:
        msg = "--held-out-year and --held-out-share are two ways; give one of them"
        raise typer.BadParameter(msg)
    if iterations is not None and (year is not None or share is not None):
        msg = "nothing is held out of --iterations: the gate compares the networks"
        raise typer.BadParameter(msg)
