"""The verb that checks a network before it is explained."""

from typing import Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import open_network, read_positions
from conceptlrp.cli.tables import print_facts, print_json, print_table, print_text
from conceptlrp.errors import NetworkError
from conceptlrp.shipped import demo_name


def check_network(
    network: opt.NetworkPath,
    corpus: Annotated[
        list[str] | None,
        typer.Argument(
            help="A corpus (.h5) or game files; by default the games that ship."
        ),
    ] = None,
    weights: opt.Weights = None,
    composite: opt.Composite = None,
    allow_gradient: opt.AllowGradient = False,
    as_json: opt.Json = False,
) -> None:
    """Check what a network reads, returns and plays, and how it is explained.

    Exits with 1 if it cannot be explained.
    """
    net = open_network(network, weights)
    positions = read_positions(corpus or [demo_name(net.size)], net.size, None, 0)
    found = net.check(positions, composite=composite, allow_gradient=allow_gradient)
    if as_json:
        print_json(found.to_dict())
    else:
        print_facts(found.facts, title=found.name)
        steps = found.frame().round(3).replace(-0.0, 0.0).reset_index()
        told = steps.where(steps != "").dropna(axis=1, how="all")
        print_table({str(n): told[n].tolist() for n in told}, title="relevance")
        for text in (*found.findings, *found.notes):
            print_text(text)
    if found.refused:
        msg = f"{network}: {found.refused}"
        raise NetworkError(msg)
