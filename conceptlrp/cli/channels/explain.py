"""The verb that explains one position."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import open_network
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.errors import FileFormatError
from conceptlrp.files import write_whole

if TYPE_CHECKING:
    from conceptlrp.report import PositionReport
    from conceptlrp.report.explained_output import ExplainedOutput


# By which a picture is known to be replaceable.
_MARK = "<metadata>conceptlrp explain</metadata></svg>"


def explain(
    network: opt.NetworkPath,
    position: Annotated[
        str,
        typer.Argument(help="Moves that lead to it, such as f5d6c3, or its OBF line."),
    ],
    weights: opt.Weights = None,
    move: Annotated[
        str | None,
        typer.Option(help="Move to explain, such as f4; by default the best."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Explain why that move and not this one.")
    ] = None,
    value: Annotated[
        bool, typer.Option("--value", help="Explain the value, not a move.")
    ] = False,
    composite: opt.Composite = None,
    heatmaps: opt.Heatmaps = None,
    baseline: opt.Baseline = None,
    layer: opt.Layers = None,
    allow_gradient: opt.AllowGradient = False,
    count: Annotated[int, opt.how_many("Channels of each layer to show.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Write the board with its heatmap (.svg).")
    ] = None,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Explain a move or the value at one position."""
    from conceptlrp.lrp import Explainer
    from conceptlrp.othello import Position
    from conceptlrp.report import position_report

    if value and (move is not None or against is not None):
        msg = "give one of --move and --value; --against goes with a move"
        raise typer.BadParameter(msg)
    if baseline is not None:
        opt.check_choice("--baseline", baseline, ("zero", "mean"))
    net = open_network(network, weights)
    explainer = Explainer(
        net,
        composite=composite,
        heatmaps=heatmaps,
        baseline=baseline,
        allow_gradient=allow_gradient,
    )
    found = position_report(
        explainer,
        Position.from_text(position, net.size),
        layers=layer,
        count=count,
        move=move,
        against=against,
    )
    if value and found.value_output is None:
        msg = f"{network}: has no value head to explain"
        raise ValueError(msg)
    output = (found.value_output if value else found.contrast) or found.move
    if out is not None:
        _write(out, found, output, overwrite=overwrite)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, output)


def _write(
    out: Path, found: "PositionReport", output: "ExplainedOutput", *, overwrite: bool
) -> None:
    from conceptlrp.drawing import board_svg

    opt.check_choice("the ending of --out", out.suffix, (".svg",))
    picture = board_svg(
        found.position,
        heatmap=output.heatmap,
        mark=output.squares[0] if output.squares else -1,
        size_px=480,
        title=f"{output.target}: {output.totals}",
    )
    content, token = picture.replace("</svg>", _MARK).encode(), _MARK.encode()
    write_whole(out, content, overwrite=overwrite, error=FileFormatError, token=token)


def _show(found: "PositionReport", output: "ExplainedOutput") -> None:
    from conceptlrp.atlas import board_text
    from conceptlrp.report.words.relevance import gradient_words

    mark = output.squares[0] if output.squares else -1
    Console().print(board_text(found.position, heatmap=output.heatmap, mark=mark))
    moves = ", ".join(
        f"{each.move} {each.probability:.1%}" for each in found.policy[:5]
    )
    valued = f"; value {found.value:+.2f}" if found.value_output else ""
    print_text(f"policy: {moves}{valued}")
    print_text(f"explained: {output.target}, {found.relevance}")
    print_text(f"{output.totals}")
    if found.gradients:
        print_text(gradient_words(found.gradients))
    tops = [each for layer in output.layers.values() for each in layer.top]
    columns: dict[str, list[object]] = {
        "layer": [each.layer for each in tops],
        "channel": [each.channel for each in tops],
        "relevance": [each.relevance for each in tops],
        "share": [f"{each.share:+.1%}" for each in tops],
        "activation": [each.activation for each in tops],
    }
    print_table(columns)
