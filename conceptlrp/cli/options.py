"""Options and checks that several verbs share."""

import errno
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from conceptlrp.errors import OutputExistsError

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
    list[Path],
    typer.Argument(help="Game files: .wtb, .txt, .ggf, .gam, .jsonl.", readable=False),
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


def check_choice(option: str, found: Any, known: tuple[Any, ...]) -> None:
    """Refuse a value of an option that is none of those known."""
    if found not in known:
        names = ", ".join(str(name) for name in known if name is not None)
        msg = f"{option} is '{found}', expected one of {names}"
        raise typer.BadParameter(msg)


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
