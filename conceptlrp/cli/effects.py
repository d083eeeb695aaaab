"""The verb that ablates the channels of a store's network."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conceptlrp.cli.inputs import check_addition, store_network
from conceptlrp.cli.options import Overwrite, Seed, StorePath, Target, check_choice
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.ablation import Ablation, LayerEffects

_INTERVALS = {"change": "size", "control": "control", "fall": "fall"}
_WIDTH = 110


def ablate(
    store: StorePath,
    network: Annotated[
        str, typer.Option(help="The network that the store explains, or 'demo'.")
    ],
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer to ablate; all by default.")
    ] = None,
    target: Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions of the store to draw.")
    ] = 500,
    ablation: Annotated[
        str, typer.Option(help="What a channel becomes: zero, mean or resample.")
    ] = "mean",
    show: Annotated[
        int, typer.Option(min=1, help="Channels of each layer to print.")
    ] = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Ablate each channel alone, and say what policy and value lose."""
    from conceptlrp.ablation import ablate as ablate_channels
    from conceptlrp.ablation.feature_maps import ABLATIONS
    from conceptlrp.ablation.file import effects_name
    from conceptlrp.store import open_store

    check_choice("--ablation", ablation, ABLATIONS)
    opened = open_store(store)
    for name in layer or ():
        opened.channels(name)
    explained = opened.targets[opened.target_index(target or 0)]
    path = check_addition(opened, effects_name(explained), overwrite=overwrite)
    net = store_network(opened, network)
    with progress_bars() as report:
        found = ablate_channels(
            opened,
            net,
            layers=layer,
            target=explained,
            ablation=ablation,
            n_positions=positions,
            seed=seed,
            overwrite=overwrite,
            on_progress=report,
        )
    show_effects(found, show)
    typer.echo(f"{path}: {found.positions} positions, ablation '{ablation}'")


def show_effects(found: "Ablation", most: int) -> None:
    """Print the channels of each layer that change the explained output most."""
    console = Console()
    # A broken line is harder to read than one that the terminal breaks.
    console.width = max(console.width, _WIDTH)
    for layer, effects in found.layers.items():
        beats = int(effects.beats_control.sum())
        title = (
            f"{layer}: '{found.target}' without one channel; {beats} of "
            f"{len(effects.size)} change it more than their control"
        )
        # Without lines, four intervals fit 80 columns.
        table = Table(
            title=Text(title), title_justify="left", box=None, padding=(0, 1, 0, 0)
        )
        heads = [f"{name} (95 %)" for name in _INTERVALS]
        for column in ("channel", *heads, "value", "new best"):
            table.add_column(column, justify="right")
        for channel in effects.order[:most].tolist():
            table.add_row(*_cells(effects, channel))
        console.print(table)
        console.print()


def _cells(effects: "LayerEffects", channel: int) -> list[str]:
    # Two digits of the largest change of the layer, and never fewer decimals.
    largest = max(float(effects.size.max()), 1e-9)
    decimals = max(2, 1 - int(np.floor(np.log10(largest))))
    numbers = effects.numbers()
    cells = [str(channel)]
    for name in _INTERVALS.values():
        form = f".{decimals}f"
        sign = "+" if name == "fall" else ""
        mean, low, high = (
            numbers[f"{name}{e}"][channel] for e in ("", "_low", "_high")
        )
        cells.append(f"{mean:{sign}{form}} ({low:{form}}, {high:{form}})")
    value = numbers["value"][channel]
    cells.append(f"{value:+.{decimals}f}" if np.isfinite(value) else "-")
    return [*cells, f"{effects.moves_changed[channel]:.0%}"]
