"""The verb that edits boards so that labels switch."""

from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import store_result
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.report.words.numbers import plural
from conceptlrp.statistics.intervals import LEAST_GAMES, between

if TYPE_CHECKING:
    from conceptlrp.labelling import EditedBoards

_LEGEND = (
    "AUROC: how often the change of an edit that switches the label exceeds that of an "
    "edit of the same kind in the same place that does not; below 0.5 for a channel "
    "that falls. Natural: the same of near positions of the corpus; random: what "
    "1 % of channels of networks with random weights exceed; beyond: part of the "
    "edited boards that leaves what the network has seen."
)


def edits(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    layer: opt.Layers = None,
    target: opt.Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Boards that are edited.")
    ] = 400,
    random_networks: Annotated[
        int, typer.Option(min=1, max=3, help="Networks with random weights.")
    ] = 3,
    count: Annotated[int, opt.how_many("Channels of each layer to show.")] = 8,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Say which labels channels answer to, on boards that are edited to switch them."""
    from conceptlrp.labelling import EditedBoards, edit_boards

    found = store_result(
        EditedBoards,
        edit_boards,
        store,
        network,
        weights,
        layers=layer,
        target=target or 0,
        n_positions=positions,
        n_random=random_networks,
        seed=seed,
        overwrite=overwrite,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, count)


def _show(found: "EditedBoards", count: int) -> None:
    """Print the channels of each layer that answer to a label most clearly."""
    for layer, each in found.layers.items():
        table = found.frame(layer)
        # Labels that random networks follow as well tell nothing.
        table["lead"] = (table.auroc - 0.5).abs() + 0.5 - table.random
        table = table.sort_values("lead", ascending=False).dropna(subset="lead")
        best = table.drop_duplicates("channel")[:count].to_dict("records")
        some, random = found.counts(layer)
        number = len(next(iter(each.auroc.values())))
        title = (
            f"{layer} ({found.target}): {some} of {number} channels respond to a label;"
            f" of random networks' {random:.1%} to what each follows best itself"
        )
        columns: dict[str, list[object]] = {
            "channel": [row["channel"] for row in best],
            "label": [row["label"] for row in best],
            "by": [row["measure"] for row in best],
            "AUROC (95 %)": [
                f"{row['auroc']:.2f} "
                f"{between(row['low'], row['high'], games=row['games'])}"
                for row in best
            ],
            "natural": [_part(row["natural"]) for row in best],
            "random": [_part(row["random"]) for row in best],
            "beyond": [_part(row["beyond"]) for row in best],
            "responds": ["yes" if row["passed"] else "no" for row in best],
        }
        if best:
            print_table(columns, title=title)
        else:
            print_text(f"{title}: too few edits", style="bold")
    print_text(_LEGEND, style="dim")
    tried = sum(int(games) >= LEAST_GAMES for games in found.games)
    typer.echo(
        f"{plural(found.boards, 'board')}, {found.edited:,} edited, {tried} of "
        f"{len(found.labels)} labels switched, "
        f"{plural(found.random_networks, 'random network')}"
    )


def _part(value: float) -> str | None:
    return None if isnan(value) else f"{value:.2f}"
