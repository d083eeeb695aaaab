"""The verb that finds the circuit of positions that have something in common."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.channels.graph import GRAPH_MARK, check_export, exported
from conceptlrp.cli.conditions import Label, Phase, Ply, conditions
from conceptlrp.cli.inputs import check_row, store_network
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.errors import FileFormatError, StoreError
from conceptlrp.files import write_whole
from conceptlrp.progress import progress_bars
from conceptlrp.statistics.intervals import FEW_GAMES, LEAST_GAMES, between

if TYPE_CHECKING:
    from conceptlrp.concept_graph import Circuit

_SHOWN_EDGES = 8


def circuit(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    target: opt.Target = None,
    position: Annotated[
        int | None, typer.Option(help="Row of the store: the circuit of one position.")
    ] = None,
    move: Annotated[
        str | None, typer.Option(help="Move that the target means, such as d3.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Cluster of positions, such as conv3:2.")
    ] = None,
    label: Label = None,
    phase: Phase = None,
    ply: Ply = None,
    name: Annotated[
        str | None, typer.Option(help="Name to keep it under, or of one that is kept.")
    ] = None,
    part: Annotated[
        float, typer.Option(help="Part of the output to keep, 0 to 1.")
    ] = 0.85,
    each: Annotated[
        bool, typer.Option("--each", help="Give every position its own circuit.")
    ] = False,
    method: Annotated[str, typer.Option(help="pruned, or once: fast.")] = "pruned",
    count: Annotated[int, opt.how_many("Positions at most.")] = 400,
    out: Annotated[
        Path | None, typer.Option(help="Export as .json, .graphml or .gexf.")
    ] = None,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Find the units that keep an output when all others are set to their mean.

    Asked of no positions and without --network, the circuits that the store already
    has are listed, or the one of --name is shown.
    """
    from conceptlrp.concept_graph import Circuit, circuit as find
    from conceptlrp.store import open_store

    opt.check_choice("--method", method, ("pruned", "once"))
    if out is not None:
        check_export(out, overwrite=overwrite)
    nothing = dict.fromkeys(("mover", "outcome", "year"))
    where = conditions(phase=phase, ply=ply, label=label, **nothing)
    opened = open_store(store)
    explained = target or opened.targets[0]
    chosen = (position, move, cluster, where, network, overwrite or None)
    is_kept = all(each is None for each in chosen)
    about = [each for each in opened.results.list() if each.kind == "circuit"]
    kept = [each for each in about if target in (None, each.target)]
    if is_kept and name is None and kept:
        print_table(
            {
                "target": [each.target for each in kept],
                "positions that share": [each.name or "nothing" for each in kept],
            },
            title="circuits that are kept",
        )
        return
    if is_kept and name is not None:
        found = opened.results.get(Circuit, target=explained, name=str(name))
        if found is None:
            msg = f"{store}: has no circuit '{name}' of '{explained}'"
            raise StoreError(msg)
    else:
        net = store_network(opened, network, weights)
        with progress_bars() as report:
            found = find(
                opened,
                net,
                target=explained,
                rows=None if position is None else check_row(opened, position),
                where=where,
                cluster=cluster,
                move=move,
                name=name,
                part=part,
                each=each,
                method=method,
                n_positions=count,
                seed=seed,
                overwrite=overwrite,
                on_progress=report,
            )
    if out is not None:
        content = exported(found.node_link(), out.suffix)
        write_whole(
            out, content, overwrite=overwrite, error=FileFormatError, token=GRAPH_MARK
        )
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)


def _show(circuit: "Circuit") -> None:
    own = circuit.at()
    print_text(f"circuit of '{circuit.target}' at {circuit.words}", style="bold")
    print_text(
        f"{circuit.size:,} of {circuit.units:,} units ({own['units']:.1%}) keep "
        f"{_between(own, 'kept')} of what the output has above {circuit.baseline}; "
        f"without them {_between(own, 'lost')} of it is lost."
    )
    if circuit.few:
        print_text(f"It was tested on {FEW_GAMES}, so there are no intervals.")
    layers = circuit.layers.items()
    kept = [each.kept.reshape(len(each.kept), -1) for _, each in layers]
    print_table(
        {
            "layer": [layer for layer, _ in layers],
            "units kept": [f"{each.sum():,.0f} of {each.size:,}" for each in kept],
            "in channels": [f"{each.any(1).sum()} of {len(each)}" for each in kept],
        },
        title="Where they are",
    )
    _show_curves(circuit)
    edges = circuit.edge_frame().head(_SHOWN_EDGES)
    if len(edges):
        columns = {name: edges[name].tolist() for name in edges.columns}
        print_table(columns, title="Strongest edges, and what cutting each loses")


def _show_curves(circuit: "Circuit") -> None:
    parts = [float(size / circuit.units) for size in circuit.sizes]
    points = [circuit.at(part) for part in parts]
    print_table(
        {
            "units": [f"{part:.1%}" for part in parts],
            **{name: [_between(p, name) for p in points] for name in _MEASURES},
        },
        title="Kept by circuits of other sizes",
    )
    same = {name: circuit.at(curve=name) for name in circuit.curves}
    areas = circuit.curves.values()
    print_table(
        {
            "units": [*same],
            **{name: [_between(p, name) for p in same.values()] for name in _MEASURES},
            "CPR": [f"{each.cpr.mean:.3f}" for each in areas],
            "CMD": [f"{each.cmd.mean:.3f}" for each in areas],
        },
        title="Kept by as many units of other rankings",
    )


_MEASURES = ("kept", "distance", "lost")


def _between(point: dict[str, float], name: str) -> str:
    low, high = point[f"{name}_low"], point[f"{name}_high"]
    text = f"{point[name]:.2f}"
    # Of fewer games there is no interval to write.
    return f"{text} {between(low, high, games=LEAST_GAMES)}" if low == low else text
