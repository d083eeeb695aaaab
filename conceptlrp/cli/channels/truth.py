"""The verb that holds features of a network against the rules of Othello."""

from functools import partial
from typing import Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import store_result
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.report.words.numbers import plural


def truth(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    layer: opt.Layers = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions of the store to draw.")
    ] = 5000,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Say how well channels tell what the rules say: legal moves, stable discs ..."""
    from conceptlrp.evaluation import RulesTruth, rules_truth
    from conceptlrp.evaluation.truth_result import MEANING, NUMBERS, PUBLISHED

    # Layers between those of the store can be scored too.
    found = store_result(
        RulesTruth,
        partial(rules_truth, layers=layer),
        store,
        network,
        weights,
        n_positions=positions,
        seed=seed,
        overwrite=overwrite,
    )
    if as_json:
        print_json(found.to_dict())
        return
    for number in NUMBERS:
        heads, rows = found.table(number)
        columns = {head: [row[k] for row in rows] for k, head in enumerate(heads)}
        print_table(columns, title=f"{number}, on held-out games")
    print_text(f"{MEANING} {PUBLISHED}", style="dim")
    typer.echo(
        f"{plural(found.positions, 'held-out position')} of "
        f"{plural(found.games, 'game')}, {plural(found.learned, 'learned position')}"
    )
