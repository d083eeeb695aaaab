"""The verb that checks a network before it is explained."""

from typing import Annotated

import typer

from conceptlrp.cli.inputs import open_network, read_positions
from conceptlrp.cli.options import Composite, Json, NetworkPath, Weights
from conceptlrp.cli.tables import print_facts, print_json, print_table, print_text
from conceptlrp.errors import NetworkError


def check_network(
    network: NetworkPath,
    corpus: Annotated[
        list[str] | None,
        typer.Argument(help="A corpus (.h5), game files, or 'demo' (the default)."),
    ] = None,
    weights: Weights = None,
    composite: Composite = None,
    as_json: Json = False,
) -> None:
    """Check what a network reads, returns and plays, and how it is explained.

    Exits with 1 if it cannot be explained.
    """
    from conceptlrp.lrp import check_network as check

    net = open_network(network, weights)
    positions = read_positions(corpus or ["demo"], net.size, None, 0)
    found = check(net, positions, composite=composite)
    if as_json:
        print_json(found.to_dict())
    else:
        print_facts(found.facts, title=found.name)
        steps = found.frame().reset_index()
        print_table({str(n): steps[n].tolist() for n in steps}, title="relevance")
        for text in (*found.findings, *found.notes):
            print_text(text)
    if found.refused:
        msg = f"{network}: {found.refused}"
        raise NetworkError(msg)
