"""Options and checks that several verbs share; one name means one thing."""

import errno
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from conceptlrp.errors import OutputExistsError
from conceptlrp.lrp.composites import CANDIDATES, COMPOSITES, DEFAULT_COMPOSITE

PRESETS = f"{', '.join(COMPOSITES)} (default {DEFAULT_COMPOSITE})"

StorePath = Annotated[
    Path, typer.Argument(help="A relevance store (NAME.crp).", readable=False)
]
NetworkPath = Annotated[
    str,
    typer.Argument(
        help="Weights (.safetensors, .pth.tar), 'demo', 'demo6' or "
        "package.module:function."
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(help="Weights of package.module:function.", readable=False),
]
CorpusPaths = Annotated[
    list[str], typer.Argument(help="A corpus (.h5), game files, 'demo' or 'demo6'.")
]
GamePaths = Annotated[
    list[Path],
    typer.Argument(help="Files of games or positions, of any format.", readable=False),
]
StoreNetwork = Annotated[
    str | None,
    typer.Option(
        "--network",
        help="What the store explains, where it is not found again by itself: weights, "
        "'demo', 'demo6' or package.module:function.",
    ),
]
AllowGradient = Annotated[
    bool,
    typer.Option(
        "--allow-gradient", help="Explain operations without a rule by their gradient."
    ),
]
Layer = Annotated[str | None, typer.Option(help="Name of the layer.")]
Layers = Annotated[
    list[str] | None, typer.Option("--layer", help="Layer; repeatable, all by default.")
]
Channel = Annotated[int | None, typer.Option(help="Number of the channel.")]
Target = Annotated[
    str | None,
    typer.Option(help="Explained output; the first of the store by default."),
]
Targets = Annotated[
    list[str],
    typer.Option(
        "--target",
        help="Output to explain: played, best, value, pass or a square; repeatable.",
    ),
]
Composite = Annotated[
    str | None,
    typer.Option(
        help=f"LRP rules: {PRESETS}; with '+' one for channels, one for heatmaps."
    ),
]
Heatmaps = Annotated[
    str | None,
    typer.Option(help="LRP rules from a layer to the board, if they are others."),
]
Baseline = Annotated[
    str | None,
    typer.Option(help="What relevance is above: zero, or mean (of the positions)."),
]
Composites = Annotated[
    list[str] | None,
    typer.Option(
        "--composite", help=f"Repeatable, all by default: {', '.join(CANDIDATES)}."
    ),
]
Sample = Annotated[
    int | None, typer.Option(min=1, help="Keep this many positions, drawn at random.")
]
BoardSize = Annotated[int, typer.Option(help="Side of the board, 6 or 8.")]
FileSize = Annotated[
    int | None,
    typer.Option(help="Side of the board, where a file does not say; 8 by default."),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Positions at a time.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Number of processes to compute in.")
]
Scheduler = Annotated[
    str | None, typer.Option(help="Address of a Dask cluster to compute on.")
]
Notes = Annotated[
    Path | None, typer.Option(help="Notes on channels (.yaml).", readable=False)
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what is already there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def how_many(text: str) -> Any:
    """Make the option that says how many, the same for every verb."""
    return typer.Option("-n", "--count", min=1, help=text)


def check_choice(option: str, found: Any, known: tuple[Any, ...]) -> None:
    """Refuse a value of an option that is none of those known."""
    if found not in known:
        names = ", ".join(str(name) for name in known if name is not None)
        msg = f"{option} is '{found}', expected one of {names}"
        raise typer.BadParameter(msg)


def check_exclusive(**given: object) -> str:
    """Return the one option that is given; refuse none and several."""
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        names = [f"--{name}" for name in given]
        msg = f"give one of {', '.join(names[:-1])} and {names[-1]}"
        raise typer.BadParameter(msg)
    return named[0]


def check_place(path: Path, *, overwrite: bool) -> None:
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


def check_device(device: str) -> None:
    """Refuse a device that this machine lacks before anything is computed."""
    import torch

    try:
        torch.empty(0, device=device).cpu()
    # Each kind of device has its own error for not being there.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"--device is '{device}', which cannot be used ({reason})"
        raise typer.BadParameter(msg) from error
